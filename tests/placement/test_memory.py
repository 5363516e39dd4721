"""Machines whose models lie in their own memory: without a GPU, or with one that has none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fleethub.model.capacity import AdmissionVerdict, Fit
from fleethub.model.fleet import Fleet
from fleethub.placement.ask import Question, ask
from fleethub.placement.assess import assess
from fleethub.placement.planned import planned_sets
from fleethub.sizing.architecture import architecture_of_params
from fleethub.sizing.devices import in_one_memory, runtime_of
from fleethub.sizing.estimate import Run, estimate
from tests.placement.asking import GIB, backend, facts, fleet, model

SEEN = facts(gpu=("qwen3:32b", "gpt-oss:20b", "llama3.1:8b"))


def machine(memory: int, memory_for: Any = "cpu") -> Fleet:
    made = fleet([backend("gpu")], [model("q", "qwen3:32b", "gpu"), model("o", "llama3.1:8b", "gpu")], {"n": ("q",)})
    host = replace(made.backends["gpu"], memory=memory * GIB, memory_for=memory_for)
    return replace(made, backends={"gpu": host})


def verdict(made: Fleet, alias: str = "o", context: int = 8192) -> AdmissionVerdict:
    return ask(made, SEEN, Question("gpu", alias, context)).verdict


@pytest.mark.parametrize(("memory", "fit"), [(128, Fit.FITS), (24, Fit.EXCEEDS)])
def test_a_machine_without_a_gpu_has_an_answer(memory: int, fit: Fit) -> None:
    """ollama#13227: two models on a CPU; it was "unknown GPUs"."""
    found = verdict(machine(memory))
    assert found.fit is fit
    assert (found.total, found.total_from) == (memory * GIB, "memory declared")


def test_what_stays_on_the_cpu_lies_in_the_same_memory() -> None:
    """ollama#16610: memory that is shared with the system holds both sides."""
    known = replace(architecture_of_params(8_000_000_000, "Q4_K_M"), weights_cpu=500 << 20)
    for names, one in ((("system memory",), True), (("memory shared with the GPU",), True), (("RTX 3090",), False)):
        assert in_one_memory(names) is one
        run = Run(8192, runtime=runtime_of(names), one_memory=in_one_memory(names))
        rows = {row.what: row.bytes for row in estimate(known, run).rows}
        assert rows.get("weights of the CPU's side", 0) == (500 << 20 if one else 0)
    assert [runtime_of(names) for names in (("system memory",), ("Apple Metal",), ("AMD GPU 744c",))] == [
        *("cpu", "metal", "rocm")
    ]


def test_nothing_goes_to_the_cpu_where_there_is_nothing_else() -> None:
    """What finds no room in a machine's memory is ended for another, or refused."""
    for memory in range(34, 46):
        found = verdict(machine(memory))
        assert found.fit is not Fit.SPILLS
        assert all("CPU" not in check.says and check.rule != "spill" for check in found.checks)
    assert verdict(replace(machine(23), nodes={}), "q").fit is Fit.FITS, "no GPU's margin is kept free of it"
    small = machine(16)
    (found,) = assess(small, small.backends["gpu"], SEEN, (), planned_sets(small)["gpu"]).findings
    assert found.message.startswith("gpu has 16.0 GiB of memory, and")


def test_metal_has_a_part_of_it() -> None:
    assert verdict(machine(64, "metal")).total == 48 * GIB
    assert verdict(machine(32, "metal")).total == 32 * GIB * 2 // 3
    assert verdict(machine(64, "metal")).total_from == "for Metal, of 64.0 GiB memory declared"


def test_nothing_declared_stays_unknown_with_what_to_declare() -> None:
    bare = replace(machine(64), backends={"gpu": backend("gpu")})
    assert verdict(bare).fit is Fit.UNKNOWN
