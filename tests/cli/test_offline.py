"""``plan --offline`` as a pull request's job runs it: nothing is sent, no secret is opened, nothing is written."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from fleethub.clients.http import Http
from fleethub.clients.ollama import Ollama as OllamaClient
from fleethub.clients.resolver import SecretResolver
from fleethub.fleetspec import load
from fleethub.model.exit import Exit
from fleethub.model.facts import Facts
from fleethub.model.observation import Source
from fleethub.model.readings.gpu import CommandLine, GpuReading, GpuSlice, GpuState
from fleethub.operations.offline import commit_facts, facts_of
from fleethub.testing.catalog import ALL
from fleethub.testing.litellm import LiteLLM
from fleethub.testing.ollama import Ollama
from tests.fleets import deployment, fleet
from tests.support import MASTER, Place, recorded


def test_a_job_without_seed_network_or_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with LiteLLM(models=[deployment("one")], master_key=MASTER, cache_ttl=0.01) as proxy:
        spec = fleet(proxy.url).node("volta", "one", env={"T": "env:TELEGRAM"}).key("volta", rpm=60)
        monkeypatch.setenv("TELEGRAM", "canary")
        place = Place(tmp_path / "fleet", spec.text)
        place.apply()
    job = place.clone(tmp_path / "job")
    (job.folder / "fleet.seed").unlink()
    job.edit("rpm = 60", "rpm = 70")
    monkeypatch.delenv("TELEGRAM")
    monkeypatch.setattr(SecretResolver, "open", lambda *_: pytest.fail("a secret was opened"))
    before = {p: p.read_bytes() for p in job.folder.rglob("*") if p.is_file()}
    with recorded() as sent:
        assert "rpm_limit: 60 → 70" in job.run("plan", "--offline", code=0)
        assert job.run("plan", "--offline", "--detailed-exitcode", code=2)
        lines = job.json("plan", "--offline")
    assert sent == []
    assert {p: p.read_bytes() for p in job.folder.rglob("*") if p.is_file()} == before
    assert [line["address"] for line in lines if line["type"] == "change"] == ["key.main.volta"]
    assert "leave out the other options" in job.run("plan", "--offline", "--target", "node.volta", code=1)
    text = job.run("plan", "--offline", "--format", "markdown", code=0)
    assert text.startswith("<!-- fleethub plan monad -->\n")


def test_facts_beside_the_spec_tell_a_clone_what_fits(tmp_path: Path) -> None:
    with Ollama(models=ALL) as ollama, LiteLLM(models=[], master_key=MASTER) as proxy:
        spec = fleet(proxy.url, ollama=ollama.url).model("qwen3-32b", route="ollama_chat/qwen3:32b")
        place = Place(tmp_path / "fleet", spec.key("web", models=["qwen3-32b"]).text)
        place.run("observe", "--facts", code=0)
        assert "commit it" in place.out
        first = {p.name: p.read_bytes() for p in (place.folder / "facts").rglob("*") if p.is_file()}
        place.run("observe", "--facts", code=0)
        assert {p.name: p.read_bytes() for p in (place.folder / "facts").rglob("*") if p.is_file()} == first
    clone = Place(tmp_path / "clone", (place.folder / "fleet.toml").read_text())
    assert "capacity.unknown" in clone.run("plan", "--offline", code=0)
    (place.folder / "facts").rename(clone.folder / "facts")
    said = clone.run("plan", "--offline", code=0)
    assert "capacity.unknown" not in said
    assert "VRAM on gpu 0.0 GiB → 2" in said
    assert "prompt" not in json.dumps(list(first))
    clone.edit('vram = "48 GiB"', 'vram = "12 GiB"')
    assert "capacity.exceeded" in clone.run("plan", "--offline", code=Exit.REFUSED)


def test_what_a_change_may_name_is_among_them_whoever_planned_it_before(tmp_path: Path) -> None:
    """A model that nobody used, one that the spec did not have, and one that goes to another server."""
    with Ollama(models=ALL) as ollama, Ollama(models=[]) as other, LiteLLM(models=[], master_key=MASTER) as proxy:
        spec = fleet(proxy.url, ollama=ollama.url).backend("big", other.url, proxy="main")
        spec = spec.model("qwen3-8b", on="gpu", route="ollama_chat/qwen3:8b")
        spec = spec.model("qwen3-32b", on="gpu", route="ollama_chat/library/qwen3:32b")
        place = Place(tmp_path / "fleet", spec.key("web", models=["qwen3-8b"]).text)
        place.run("observe", "--facts", code=0)
        added = spec.model("llama", on="gpu", route="ollama_chat/llama3.1:8b")
        for changed in (
            spec.key("web", models=["qwen3-32b"]),
            added.key("web", models=["llama"]),
            spec.table("models.qwen3-8b", backends=["big"]).key("web", models=["qwen3-8b"]),
        ):
            place.write(changed.text)
            assert "capacity.unknown" not in place.run("plan", "--offline", code=0)
        place.write(spec.without("backends", "gpu").without("models").text)
        place.run("observe", "--facts", code=0)
        assert {p.name for p in (place.folder / "facts").rglob("*")} == {"installed.json", "facts"}
        assert ollama.url not in (place.folder / "facts/installed.json").read_text()


def test_cards_that_ssh_told_are_among_them(tmp_path: Path) -> None:
    spec = fleet(ollama="http://gpu.example:11434").table("backends.gpu", ssh="ops@gpu").models("one").node("a", "one")
    place = Place(tmp_path / "fleet", spec.text)
    part = GpuSlice("1g.24gb", 24 << 30, "MIG-1")
    card = GpuState("RTX 6000", 48 << 30, 5, 6, "GPU-1", 0, "8.9", sliced=True, slices=(part,))
    told = {"OLLAMA_TOKEN": "canary", "OLLAMA_HOST": "canary:1", "OLLAMA_NUM_PARALLEL": "4"}
    line = CommandLine(7, (("-c", "8192"),), environment=(("CUDA_VISIBLE_DEVICES", "MIG-1"),))
    reading = GpuReading((card,), settings=told, command_lines=(line,), memory=64 << 30, disk=7, problem="canary")

    loaded = load(place.folder).fleet
    assert loaded is not None
    where = commit_facts(loaded, Facts("", {Source("gpu", "ops@gpu").id: reading}))
    (known,) = facts_of(loaded).readings.values()
    assert known == GpuReading(
        (replace(card, used=None, free=None),),
        settings={"OLLAMA_NUM_PARALLEL": "4"},
        by="facts",
        command_lines=(replace(line, pid=0),),
        memory=64 << 30,
    )
    texts = [p.read_text() for p in where.rglob("*") if p.is_file()]
    assert "canary" not in "".join(texts)
    (where / "machines.json").write_text(texts[0].replace("8.9", '"}'))
    assert facts_of(loaded).readings == {}


@pytest.mark.parametrize("settings", [{"OLLAMA_NUM_PARALLEL": "4"}, {"CUDA_VISIBLE_DEVICES": "1"}])
def test_settings_that_a_server_runs_with_decide_offline_too(tmp_path: Path, settings: dict[str, str]) -> None:
    """Without them the plan of a pull request took for fitting what the apply refuses."""
    url = "http://gpu.example:11434"
    spec = fleet(ollama=url).table("backends.gpu", ssh="ops@gpu", gpus=None)
    spec = spec.model("qwen3-32b", context=32768).key("web", models=["qwen3-32b"])
    place = Place(tmp_path / "fleet", spec.text)
    loaded = load(place.folder).fleet
    assert loaded is not None
    with Ollama(models=ALL) as ollama:
        http = Http()
        server = OllamaClient(http, ollama.url).read(("qwen3:32b",))
        http.close()
    cards = (GpuState("RTX 6000 Ada", 48 << 30, None, None), GpuState("RTX 3070", 8 << 30, None, None, index=1))
    for said, code in (({}, 0), (settings, Exit.REFUSED)):
        machine = GpuReading(cards, settings=said)
        commit_facts(loaded, Facts("", {("ollama", url): server, ("gpu", "ops@gpu"): machine}))
        place.run("plan", "--offline", code=code)
