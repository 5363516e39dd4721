"""``plan --offline`` as a pull request's job runs it: nothing is sent, no secret is opened, nothing is written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fleethub.clients.resolver import SecretResolver
from fleethub.model.exit import Exit
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


def test_cards_that_ssh_told_are_among_them(tmp_path: Path) -> None:
    from fleethub.model.facts import Facts
    from fleethub.model.observation import Source
    from fleethub.model.readings.gpu import GpuReading, GpuState

    spec = fleet(ollama="http://gpu.example:11434").table("backends.gpu", ssh="ops@gpu").models("one").node("a", "one")
    place = Place(tmp_path / "fleet", spec.text)
    card = GpuState("RTX 6000", 48 << 30, 5, 6, "GPU-1", 0, "8.9")
    reading = GpuReading((card,), settings={"OLLAMA_TOKEN": "canary"})
    from fleethub.fleetspec import load

    loaded = load(place.folder).fleet
    assert loaded is not None
    where = commit_facts(loaded, Facts("", {Source("gpu", "ops@gpu").id: reading}))
    (known,) = facts_of(loaded).readings.values()
    assert isinstance(known, GpuReading)
    assert [(g.name, g.total, g.used) for g in known.gpus] == [("RTX 6000", 48 << 30, None)]
    assert "canary" not in "".join(p.read_text() for p in where.rglob("*") if p.is_file())
