"""A fleet's life on a store that its spec names: made ready, moved to, applied on from two clones, moved back."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleethub.fleetspec import load
from fleethub.model.exit import Exit
from fleethub.operations.stores import opened
from tests.support import MASTER
from tests.test_laws import World
from tests.views.test_text import MODELS

NODE = '\n[nodes.volta]\nhost = "volta"\nmodel = "qwen3-32b"\n'
STATE = '\n[state]\nstore = "env:FLEETHUB_DATABASE_URL"\n'


def test_a_fleet_moves_to_postgres_and_back(
    world: World, tmp_path: Path, database: str, fleet_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LITELLM_MASTER_KEY", MASTER)
    place = world.place(tmp_path, MODELS + NODE)
    place.edit("[fleet]\n", f'[fleet]\nid = "{fleet_id}"\n')
    place.apply()
    before = place.lockfile
    place.write((place.folder / "fleet.toml").read_text() + STATE)

    out = place.run("plan", code=Exit.ERROR)
    assert "where the state is kept cannot be told: env:FLEETHUB_DATABASE_URL is not set" in out
    place.run("validate", code=0)
    place.run("context", code=0)
    monkeypatch.setenv("FLEETHUB_DATABASE_URL", database)
    assert "knows nothing of this fleet: if that is the right database, run fleethub state init" in place.run("plan")
    assert "is ready." in place.run("state", "init", code=0)
    out = place.run("plan", code=Exit.STALE)
    assert "state.not-moved" in out
    assert "fleethub state migrate" in out
    out = place.run("state", "migrate", "--yes", code=0)
    assert f"has serial {before.serial} now" in out
    assert "canary" not in out
    assert not (place.folder / "fleet.lock").exists()
    place.plan_is_empty()
    assert "holds a lockfile of serial 1 already" not in place.run("state", "list", code=0)

    colleague = place.clone(tmp_path / "colleague")
    for file in (place.folder / "nodes").rglob("*"):
        if file.is_file():
            there = colleague.folder / file.relative_to(place.folder)
            there.parent.mkdir(parents=True, exist_ok=True)
            there.write_bytes(file.read_bytes())
    colleague.edit('model = "qwen3-32b"', 'model = "gpt-oss-20b"')
    colleague.apply()
    store = opened(load(colleague.folder).fleet)  # type: ignore[arg-type]
    lockfile = store.read().lockfile
    assert lockfile is not None
    assert (lockfile.serial, lockfile.lineage) == (before.serial + 1, before.lineage)
    assert store.at(before.serial) == before
    assert [line.get("serial") for line in store.history()][-1] == before.serial + 1
    with store.lock("apply"):
        assert "locked by" in place.run("apply", "--auto-approve", code=Exit.LOCKED)
        place.run("plan")
        assert "by another" not in place.out
    store.close()

    place.write((colleague.folder / "fleet.toml").read_text().replace(STATE, ""))
    out = place.run("state", "migrate", "--from", "env:FLEETHUB_DATABASE_URL", "--yes", code=0)
    assert place.lockfile == lockfile
    assert "is in fleet.lock already" in place.run("state", "migrate", "--yes", code=Exit.ERROR)
    for text in (out, *(p.read_text() for p in place.folder.rglob("*") if p.suffix in (".json", ".lock", ".ndjson"))):
        assert "canary" not in text


def test_a_store_that_holds_a_lockfile_is_left_as_it_is(
    world: World, tmp_path: Path, database: str, fleet_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLEETHUB_DATABASE_URL", database)
    place = world.place(tmp_path, MODELS + NODE)
    place.edit("[fleet]\n", f'[fleet]\nid = "{fleet_id}"\n')
    place.apply()
    text = (place.folder / "fleet.lock").read_bytes()
    place.write((place.folder / "fleet.toml").read_text() + STATE)
    place.run("state", "migrate", "--yes", code=0)
    (place.folder / "fleet.lock").write_bytes(text)
    out = place.run("state", "migrate", "--yes", code=Exit.STALE)
    assert "holds a lockfile of serial 1 already, and was left as it is" in out
    assert (place.folder / "fleet.lock").read_bytes() == text
