"""Several servers on one machine: one sum, whoever is asked."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fleethub.engines.vllm.server import VllmServer
from fleethub.model.capacity import Fit
from fleethub.model.facts import Facts
from fleethub.model.readings.gpu import CommandLine, GpuProcess, GpuReading, GpuState
from fleethub.placement.ask import Question, ask
from fleethub.placement.live import live_findings
from fleethub.placement.machines import keys_of, on_machine
from fleethub.placement.planned import planned_sets
from fleethub.placement.report import report
from tests.fleets import Spec, fleet
from tests.world.planning import plan
from tests.world.values import World

GIB = 1 << 30
CARD = [{"name": "RTX 3090", "vram": "24 GiB"}]
NOTHING = Facts("now")


def machine(*utilizations: float, gpus: Any = None, ollama: str = "") -> Spec:
    """vLLMs on one host, one for each share, and an Ollama with a model of so much beside."""
    made = fleet()
    for n, part in enumerate(utilizations):
        cards = gpus[n] if gpus else CARD
        made = made.backend(f"v{n}", None, proxy="main", host="box", gpus=cards)
        made = made.table(f"backends.v{n}.vllm", url=f"http://box:800{n}", gpu_memory_utilization=part)
        made = made.model(f"m{n}", on=f"v{n}", route=f"hosted_vllm/m{n}", vram="4 GiB", context=4096)
        made = made.node(f"n{n}", f"m{n}")
    if ollama:
        made = made.backend("o", "http://box:11434", proxy="main", host="BOX", gpus=CARD)
        made = made.model("q", on="o", vram=ollama, context=4096).node("nq", "q")
    return made


def fits(spec: Spec, backend: str, model: str) -> Fit:
    return ask(spec.fleet, NOTHING, Question(backend, model)).verdict.fit


def test_shares_of_one_card_are_one_sum() -> None:
    assert {fits(machine(0.5, 0.45), f"v{n}", f"m{n}") for n in (0, 1)} == {Fit.FITS}
    assert {fits(machine(0.6, 0.45), f"v{n}", f"m{n}") for n in (0, 1)} == {Fit.EXCEEDS}
    verdict = ask(machine(0.6, 0.45).fleet, NOTHING, Question("v0", "m0")).verdict
    says = next(c.says for c in verdict.checks if not c.holds)
    assert says == (
        "its process must find 14.4 GiB free on RTX 3090 at its start: there are 24.0 GiB, and v1 holds 10.8 GiB"
    )


def test_another_engine_beside_a_share_has_what_is_left() -> None:
    spec = machine(0.5, ollama="8 GiB")
    assert (fits(spec, "o", "q"), fits(spec, "v0", "m0")) == (Fit.FITS, Fit.FITS)
    tight = machine(0.5, ollama="12 GiB")
    verdict = report(tight.fleet, tight.fleet.backends["o"], NOTHING, ()).verdict
    assert verdict.total == 12 * GIB
    assert verdict.total_from == "declared, less 12.0 GiB of v0"
    found = plan(World.of(tight), tight)
    assert {f.address.name for f in found.findings if f.code == "capacity.exceeded" and f.address} >= {"o"}


@pytest.mark.parametrize("second", [[{"name": "RTX 3090 #1", "vram": "24 GiB"}], [{"name": "A4000", "vram": "16 GiB"}]])
def test_cards_of_other_names_are_other_cards(second: Any) -> None:
    spec = machine(0.9, 0.9, gpus=[CARD, second])
    assert {fits(spec, f"v{n}", f"m{n}") for n in (0, 1)} == {Fit.FITS}


def test_two_cards_of_one_name_are_told_apart_by_their_order() -> None:
    assert keys_of([("A", 1), ("B", 1), ("A", 1)]) == (("a", 0), ("b", 0), ("a", 1))
    both = [*CARD, *CARD]
    spec = machine(0.9, 0.5, gpus=[both, CARD])  # the first card of the two is that of the other
    assert fits(spec, "v0", "m0") is Fit.EXCEEDS
    moved = spec.table("backends.v0.vllm", devices="1")
    assert fits(moved, "v0", "m0") is Fit.FITS


def test_a_card_is_the_same_by_its_drivers_name_and_by_its_makers() -> None:
    """One backend is read over SSH, and its neighbour declares the card in fewer words."""
    made = fleet()
    for n, more in enumerate(({"ssh": "ops@box"}, {})):
        card = [{"name": "RTX 4090", "vram": "24 GiB"}]
        made = made.backend(f"o{n}", f"http://box:1143{n}", proxy="main", host="box", gpus=card, **more)
        made = made.model(f"m{n}", on=f"o{n}", vram="16 GiB", context=4096).node(f"n{n}", f"m{n}")
    gpu = GpuState("NVIDIA GeForce RTX 4090", 24564 << 20, 0, 24564 << 20, "GPU-1")
    known = Facts("now", {("gpu", "ops@box"): GpuReading((gpu,), settings={}, by="nvidia-smi")})
    for n in range(2):
        assert ask(made.fleet, known, Question(f"o{n}", f"m{n}")).verdict.fit is Fit.EXCEEDS
    names = [("NVIDIA A100-SXM4-40GB", 1), ("A100", 1), ("Radeon RX 7900", 1), ("RTX 4090 #2", 1), ("NVIDIA", 1)]
    assert [name for name, _ in keys_of(names)] == ["a100", "a100", "rx 7900", "rtx 4090 2", "NVIDIA"]


def test_what_a_neighbour_takes_and_nobody_knows_is_unknown() -> None:
    spec = machine(ollama="8 GiB").backend("o2", "http://box:11435", proxy="main", host="box", gpus=CARD)
    spec = spec.model("r", on="o2", context=4096).node("nr", "r")
    answer = ask(spec.fleet, NOTHING, Question("o", "q"))
    assert (answer.verdict.fit, answer.largest, answer.suggestions) == (Fit.UNKNOWN, None, ())
    assert answer.verdict.reason == "what o2 takes of the same cards is not known"
    assert report(spec.fleet, spec.fleet.backends["o"], NOTHING, ()).verdict.fit is Fit.FITS, "nothing is planned"
    found = plan(World.of(spec), spec)
    assert {f.address.name for f in found.findings if f.code == "capacity.unknown" and f.address} == {"o", "o2"}
    bare = machine(ollama="8 GiB").backend("v", None, proxy="main", host="box", gpus=None)
    bare = bare.table("backends.v.vllm", url="http://box:8000")
    unsaid = ask(bare.fleet, NOTHING, Question("o", "q")).verdict
    assert (unsaid.fit, unsaid.reason) == (Fit.UNKNOWN, "what v takes of the same cards is not known")
    apart = spec.backend("o2", "http://box:11435", proxy="main", host="box", gpus=[{"name": "A4000", "vram": "16 GiB"}])
    assert ask(apart.fleet, NOTHING, Question("o", "q")).verdict.fit is Fit.FITS


def test_a_server_of_another_machine_takes_nothing() -> None:
    spec = machine(0.9, 0.9).table("backends.v1", host="elsewhere")
    server = on_machine(spec.fleet, spec.fleet.backends["v0"], NOTHING)
    assert server == on_machine(machine(0.9).fleet, machine(0.9).fleet.backends["v0"], NOTHING)


def test_a_machine_with_a_card_for_each_server_shares_none() -> None:
    """Two Ollamas on two cards of one name, each declared with one: which is whose cannot be read, and need not be."""
    made = fleet()
    for n in range(2):
        made = made.backend(f"o{n}", f"http://box:1143{n}", proxy="main", host="box", ssh="ops@box", gpus=CARD)
        made = made.model(f"m{n}", on=f"o{n}", vram="18 GiB", context=4096).node(f"n{n}", f"m{n}")
    card = GpuState("RTX 3090", 24576 << 20, 0, 24576 << 20, "GPU-1")
    for cards, fit in ((1, Fit.EXCEEDS), (2, Fit.FITS)):
        seen = GpuReading((card,) * cards, (), None, "nvidia-smi", "", "2 Ollama servers run there")
        known = Facts("now", {("gpu", "ops@box"): seen})
        assert ask(made.fleet, known, Question("o0", "m0")).verdict.fit is fit


def test_what_hides_cards_from_one_server_hides_none_from_another() -> None:
    """Both on one machine: the environment that is read there is Ollama's alone."""
    both = [*CARD, *CARD]
    spec = (
        machine(0.5, gpus=[both], ollama="8 GiB").table("backends.v0", ssh="ops@box").table("backends.o", ssh="ops@box")
    )
    gpus = tuple(GpuState("RTX 3090", 24 * GIB, 0, 24 * GIB, f"GPU-{n}", n) for n in (0, 1))
    stranger = GpuProcess(7, "/usr/bin/train", "GPU-1", 9 * GIB)
    reading = GpuReading(gpus, (stranger,), {"CUDA_VISIBLE_DEVICES": "0"}, by="nvidia-smi")
    seen = Facts("now", {("gpu", "ops@box"): reading})
    codes = {
        name: [f.code for f in live_findings(spec.fleet, spec.fleet.backends[name], seen, ())] for name in ("v0", "o")
    }
    assert "capacity.foreign" in codes["v0"]
    assert "capacity.foreign" not in codes["o"], "that card is none of its"
    one, untold = machine(0.5, gpus=[CARD]).table("backends.v0", ssh="ops@box").fleet, replace(reading, settings=None)
    found = live_findings(one, one.backends["v0"], Facts("now", {("gpu", "ops@box"): untold}), ())
    (differs,) = [f for f in found if f.code == "backend.gpus-differ"]
    assert differs.message.endswith("which ones vLLM may use is not read"), "no login makes it readable"
    assert differs.hint.startswith("if it may use all of them, write gpus = [")


def two_cards(*gpus: str, mask: str | None = None, other: tuple[tuple[str, str], ...] | None = None) -> dict[str, Fit]:
    """An Ollama and a vLLM of one machine with two cards of one name; each takes most of one. ``gpus``: who declares
    one.
    """
    cards = {name: CARD if name in gpus else None for name in ("o", "v")}
    made = fleet().backend("o", "http://box:11434", proxy="main", host="box", ssh="ops@box", gpus=cards["o"])
    made = made.backend("v", None, proxy="main", host="box", ssh="ops@box", gpus=cards["v"])
    made = made.table("backends.v.vllm", url="http://box:8000", gpu_memory_utilization=0.9)
    made = made.model("q", on="o", vram="16 GiB", context=4096).node("a", "q")
    made = made.model("m", on="v", route="hosted_vllm/m", vram="4 GiB", context=4096).node("b", "m")
    there = tuple(GpuState("NVIDIA GeForce RTX 3090", 24 * GIB, 0, 24 * GIB, f"GPU-{n}234", n) for n in range(2))
    settings = {"CUDA_VISIBLE_DEVICES": mask} if mask is not None else {}
    line = CommandLine(9, (("--port", "8000"),), "vllm", other)
    seen = GpuReading(there, (), settings, "nvidia-smi", command_lines=(line,))
    known = Facts("now", {("gpu", "ops@box"): seen})
    return {b: ask(made.fleet, known, Question(b, m)).verdict.fit for b, m in (("o", "q"), ("v", "m"))}


def test_cards_are_told_apart_by_the_masks_that_were_read() -> None:
    apart = two_cards(mask="0", other=(("CUDA_VISIBLE_DEVICES", "1"),))
    assert apart == {"o": Fit.FITS, "v": Fit.FITS}, "of one name, and two cards all the same"
    same = two_cards(mask="1", other=(("CUDA_VISIBLE_DEVICES", "GPU-1234"),))
    assert same == {"o": Fit.EXCEEDS, "v": Fit.EXCEEDS}


def test_one_that_is_only_declared_has_a_card_that_no_other_is_seen_to_have() -> None:
    assert two_cards("v", mask="0") == {"o": Fit.FITS, "v": Fit.FITS}
    assert two_cards("v", mask="1") == {"o": Fit.FITS, "v": Fit.FITS}
    assert two_cards("v", mask="0,1")["v"] is Fit.EXCEEDS, "there is none left"


def test_each_neighbour_is_judged_once(monkeypatch: pytest.MonkeyPatch) -> None:
    judged: list[str] = []
    real = VllmServer.admit

    def admit(self: VllmServer, planned: Any) -> Any:
        judged.append(self.name)
        return real(self, planned)

    monkeypatch.setattr(VllmServer, "admit", admit)
    spec = machine(0.3, 0.3, 0.3)
    report(spec.fleet, spec.fleet.backends["v0"], NOTHING, planned_sets(spec.fleet)["v0"])
    assert sorted(judged) == ["v0", "v0", "v1", "v2"], "itself with its planned set, and with the set before: none"
