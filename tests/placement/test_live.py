"""What runs against what is declared: each warning with its numbers, and silence where all is as it should be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from fleethub.engines.ollama.settings import OllamaSettings
from fleethub.model.capacity import Estimate, Placed, Row, Sure
from fleethub.model.facts import Facts, Reading
from fleethub.model.finding import Finding, Severity
from fleethub.model.fleet import Fleet
from fleethub.model.observation import Unknown
from fleethub.model.readings.gpu import GpuProcess, GpuReading, GpuState
from fleethub.model.readings.server import Installed, Resident, ServerReading
from fleethub.model.serving import Backend, Gpu
from fleethub.placement.live import live_findings

GIB, MIB = 1 << 30, 1 << 20
SERVER = OllamaSettings(url="http://o", num_parallel=2, max_loaded_models=3, kv_cache_type="q8_0")
BACKEND = Backend(name="gpu", host="h", ssh="ops@h", gpus=(Gpu(name="A", vram=48 * GIB),), engine=SERVER)
SETTINGS = {"OLLAMA_NUM_PARALLEL": "2", "OLLAMA_MAX_LOADED_MODELS": "3", "OLLAMA_KV_CACHE_TYPE": "Q8_0"}
CARD = GpuState("NVIDIA RTX 6000 Ada", 49140 * MIB, 0, 49140 * MIB, "GPU-a")
MACHINE = GpuReading((CARD,), (), SETTINGS, "nvidia-smi", "", "the environment of pid 7")
MODEL = Resident("m:latest", 10 * GIB, 10 * GIB, "ab" * 32, 4096)


def load(low: float = 9.5, high: float = 10.9, sure: Sure = Sure.ESTIMATED, tag: str = "m") -> Placed:
    """Ten GiB, whose cache makes the range (in GiB), and half a GiB of overhead, which no buffer holds."""
    rows = (
        Row("weights", 8 * GIB, Sure.EXACT, "tensors"),
        Row("KV cache", 2 * GIB, sure, "facts", "", round((low - 8) * GIB), round((high - 8) * GIB)),
        Row("overhead of 1 GPU", GIB // 2, Sure.ESTIMATED, "CUDA", "", 0, GIB),
    )
    estimate = Estimate(rows, round(low * GIB), round(high * GIB))
    return Placed("alias", tag, 4096, "route", 2, "q8_0", estimate)


def look(
    machine: Reading | Unknown = MACHINE,
    residents: Sequence[Resident] = (MODEL,),
    placed: Sequence[Placed] = (load(),),
    backend: Backend = BACKEND,
    reckoned: Sequence[Placed] | None = None,
) -> tuple[Finding, ...]:
    fleet = Fleet(name="f", root="/", digest="", key_seed=None, backends={"gpu": backend})
    reading = ServerReading("0.32.1", {"m:latest": Installed(8 * GIB, "ab" * 32)}, tuple(residents))
    facts = Facts("now", {("gpu", "ops@h"): machine, ("ollama", "http://o"): reading})
    found = live_findings(fleet, backend, facts, placed, reckoned)
    assert all(f.severity is Severity.WARNING and f.hint and str(f.address) == "backend.gpu" for f in found)
    return found


def only(found: tuple[Finding, ...], code: str) -> Finding:
    assert [f.code for f in found] == [code]
    return found[0]


def test_nothing_to_say() -> None:
    assert look() == ()
    assert look(residents=(), placed=()) == ()


@pytest.mark.parametrize(
    ("seen", "says", "spec", "set_"),
    [
        ({"OLLAMA_NUM_PARALLEL": "4"}, "OLLAMA_NUM_PARALLEL=4", "write num_parallel = 4", "OLLAMA_NUM_PARALLEL=2"),
        (
            {"OLLAMA_KV_CACHE_TYPE": "f16"},
            "OLLAMA_KV_CACHE_TYPE=f16",
            'write kv_cache_type = "f16"',
            "OLLAMA_KV_CACHE_TYPE=q8_0",
        ),
        (
            {"OLLAMA_MAX_LOADED_MODELS": "3G"},
            "OLLAMA_MAX_LOADED_MODELS=3G",
            "write max_loaded_models = 0",
            "OLLAMA_MAX_LOADED_MODELS=3",
        ),
    ],
)
def test_a_setting_that_differs(seen: dict[str, str], says: str, spec: str, set_: str) -> None:
    finding = only(look(replace(MACHINE, settings=SETTINGS | seen)), "backend.settings-differ")
    assert f"runs {says} (the environment of pid 7)" in finding.message
    assert f"{spec} in [backends.gpu.ollama]" in finding.hint
    assert f"set {set_} on the machine" in finding.hint


def test_a_setting_that_is_not_set_is_at_its_default() -> None:
    without = {k: v for k, v in SETTINGS.items() if k != "OLLAMA_NUM_PARALLEL"}
    finding = only(look(replace(MACHINE, settings=without)), "backend.settings-differ")
    assert "declares num_parallel = 2, and its Ollama runs without OLLAMA_NUM_PARALLEL" in finding.message
    assert "write num_parallel = 1" in finding.hint


@pytest.mark.parametrize(
    ("cards", "differ"),
    [
        ((CARD,), False),
        ((replace(CARD, total=46068 * MIB),), True),
        ((CARD, CARD), True),
        ((replace(CARD, total=24564 * MIB), replace(CARD, total=24564 * MIB)), True),
    ],
)
def test_declared_gpus(cards: tuple[GpuState, ...], differ: bool) -> None:
    found = look(replace(MACHINE, gpus=cards))
    if not differ:
        assert found == ()
        return
    finding = only(found, "backend.gpus-differ")
    assert f'vram = "{cards[0].total // MIB} MiB"' in finding.hint
    assert look(replace(MACHINE, gpus=cards), backend=replace(BACKEND, gpus=())) == ()


def test_a_machine_that_cannot_be_read() -> None:
    finding = only(look(Unknown("ops@h: no answer within 5 s", "now")), "backend.machine-unread")
    assert "ops@h: no answer within 5 s" in finding.message
    assert 'ssh = "ops@h"' in finding.hint
    finding = only(look(replace(MACHINE, gpus=(), problem="nvidia-smi finds no GPU")), "backend.machine-unread")
    assert "nvidia-smi finds no GPU" in finding.message
    none = replace(MACHINE, settings=None, settings_from="2 Ollama servers run there")
    assert "2 Ollama servers run there" in only(look(none), "backend.machine-unread").message
    assert look(Unknown("nobody asked", "now"), backend=replace(BACKEND, ssh=None)) == ()


def test_a_spilled_resident() -> None:
    other = Resident("n:latest", 40 * GIB, 40 * GIB, "cd" * 32, 8192)
    spilled = replace(MODEL, size=10 * GIB, size_vram=4 * GIB)
    found = look(residents=(spilled, other), placed=(load(), load(tag="n")))
    finding = only(tuple(f for f in found if f.code == "capacity.spilled"), "capacity.spilled")
    assert "6.0 GiB of its 10.0 GiB (60 %) are on the CPU, with a context of 4096 tokens" in finding.message
    assert "n:latest (40.0 GiB)" in finding.hint
    assert "ollama stop m:latest" in finding.hint


def test_a_resident_that_nobody_planned() -> None:
    finding = only(look(placed=()), "capacity.unplanned")
    assert "m:latest (10.0 GiB, with a context of 4096 tokens)" in finding.message


def test_foreign_processes() -> None:
    ours = GpuProcess(1, "/usr/lib/ollama/llama-server", "GPU-a", 10 * GIB)
    small = GpuProcess(2, "/usr/lib/xorg/Xorg", "GPU-a", 20 * MIB)
    hidden = GpuProcess(3, "", "GPU-a", GIB)
    train = GpuProcess(4, "/usr/bin/python3", "GPU-a", 6 * GIB)
    untold = GpuProcess(5, "/opt/render", "GPU-a", None)
    assert look(replace(MACHINE, processes=(ours, small, hidden))) == ()
    finding = only(look(replace(MACHINE, processes=(ours, train, untold))), "capacity.foreign")
    assert "2 processes beside Ollama hold 6.0 GiB of 48.0 GiB" in finding.message
    assert "python3 (pid 4, 6.0 GiB), render (pid 5)" in finding.message
    assert "pid 3" in only(look(replace(MACHINE, processes=(hidden,)), residents=()), "capacity.foreign").message


def test_an_estimate_that_the_load_contradicts() -> None:
    """The range is compared without the overhead, which no buffer of the server holds."""
    assert look(placed=(load(high=10.0),)) == ()
    finding = only(look(placed=(load(high=9.9),)), "capacity.estimate-off")
    assert "takes 10.00 GiB, with a context of 4096 tokens, 0.10 GiB more than was reckoned" in finding.message
    finding = only(look(placed=(load(low=11.0, high=12.0),)), "capacity.estimate-off")
    assert "1.00 GiB less than was reckoned (11.00 to 12.00 GiB" in finding.message
    assert len(finding.detail) == 3


def test_what_an_estimate_is_not_compared_with() -> None:
    off = load(low=11.0, high=12.0)
    assert look(placed=(replace(off, context=8192),)) == ()
    assert look(placed=(load(low=11.0, high=12.0, sure=Sure.MEASURED),)) == ()
    assert look(placed=(replace(off, estimate=Estimate(reason="unknown")),)) == ()
    assert look(residents=(replace(MODEL, size=8 * GIB, size_vram=8 * GIB),), placed=(off,)) == ()
    measured = load(sure=Sure.MEASURED)
    assert only(look(placed=(measured,), reckoned=(off,)), "capacity.estimate-off")
