"""A fleet's life on a store that its spec names: made ready, moved to, applied on from two clones, moved back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fleethub.fleetspec import load
from fleethub.lockfile.text import dump
from fleethub.lockfile.text import load as load_lockfile
from fleethub.model.exit import Exit
from fleethub.model.fleet import Fleet
from fleethub.model.observation import Lockfile
from fleethub.operations import state_migrate
from fleethub.operations.state_migrate import HasStateError, carry
from fleethub.operations.stores import opened
from fleethub.stores.interface import LockedError
from tests.stores.memory import MemoryStore, Shared
from tests.support import MASTER, Place
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
    spec = (place.folder / "fleet.toml").read_text()
    place.write(spec.replace(STATE, ""))  # who has the spec of before is told where the state is, not that it is lost
    out = place.run("plan", code=Exit.STALE)
    assert ("state.moved" in out, "the state is in" in out, "state.lost" in out) == (True, True, False)
    place.write(spec)

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

    late = place.clone(tmp_path / "late")  # whose spec names a database that the state left
    place.write((colleague.folder / "fleet.toml").read_text().replace(STATE, ""))
    out = place.run("state", "migrate", "--from", "env:FLEETHUB_DATABASE_URL", "--yes", code=0)
    assert place.lockfile == lockfile
    assert "the state is in fleet.lock now: go on with the spec" in late.run(
        "apply", "--auto-approve", code=Exit.LOCKED
    )
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
    text = dump(replace(load_lockfile(text.decode()), apply="07e40000")).encode()
    (place.folder / "fleet.lock").write_bytes(text)
    out = place.run("state", "migrate", "--yes", code=Exit.STALE)
    assert "holds a lockfile of serial 1 already, and was left as it is" in out
    assert (place.folder / "fleet.lock").read_bytes() == text


LOCKFILE = Lockfile("monad", "lineage", 7, "fp1:0", apply="a0000007")


class Killed(BaseException):
    """As the machine that is switched off."""


def filled(place: str = "there") -> MemoryStore:
    store = MemoryStore(Shared())
    store.place = place
    version = store.write(replace(LOCKFILE, serial=5, apply="a0000005"), store.version())
    store.write(LOCKFILE, version)
    store.record({"ts": "then", "action": "apply", "serial": 7})
    store.put("plans", "0a1b", {"plan": 1})
    return store


def test_what_was_left_is_held_and_says_where_the_state_is(tmp_path: Path) -> None:
    there, here = filled(), MemoryStore(Shared())
    carry(tmp_path, there, here)
    assert here.read().lockfile == there.read().lockfile == LOCKFILE
    assert here.serials() == (5,)
    assert here.get("plans", "0a1b") == {"plan": 1}
    assert here.holder() is None
    with pytest.raises(LockedError, match="the state is in memory now"), there.lock("apply"):
        pass
    with pytest.raises(LockedError, match="the state is in memory now"):
        carry(tmp_path, there, filled("a third"))


def test_it_goes_back_to_where_it_was_and_nothing_is_told_twice(tmp_path: Path) -> None:
    there, here = filled(), MemoryStore(Shared())
    carry(tmp_path, there, here)
    here.write(replace(LOCKFILE, serial=8, apply="a0000008"), here.version())
    carry(tmp_path, here, there)
    assert there.read().lockfile == here.read().lockfile
    assert there.holder() is None
    assert here.holder() is not None
    assert [line["action"] for line in there.history()] == ["apply", "state migrate", "state migrate"]


@pytest.mark.parametrize("call", ["archive", "record", "put", "write"])
def test_what_broke_off_leaves_nothing_to_plan_by_and_is_gone_on_with(
    call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there, here = filled(), MemoryStore(Shared())

    def killed(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(here, call, killed)
        patch.setattr(there, "release", killed)  # it does nothing more
        with pytest.raises(Killed):
            carry(tmp_path, there, here)
    assert here.read().lockfile is None
    assert there.holder() is not None
    carry(tmp_path, there, here)
    assert here.read().lockfile == LOCKFILE
    carry(tmp_path, there, here)  # of another clone, too
    assert [line["action"] for line in here.history()][:1] == ["apply"]


def test_what_was_refused_holds_nothing(tmp_path: Path) -> None:
    there, here = filled(), filled("here")
    here.write(replace(LOCKFILE, lineage="other", serial=9), here.version())
    with pytest.raises(HasStateError, match="here holds a lockfile of serial 9 already"):
        carry(tmp_path, there, here)
    assert (there.holder(), here.holder()) == (None, None)


def test_a_store_with_an_endpoint_of_its_own_can_be_left(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """The spec of now does not say any more where the service was."""
    opened_at: list[tuple[str, str]] = []

    def store_of(fleet: Fleet, *_: object) -> MemoryStore:
        opened_at.append((str(fleet.state.store), fleet.state.endpoint))
        return filled("there")

    monkeypatch.setattr(state_migrate, "store_of", store_of)
    place.run("state", "migrate", "--from", "s3://bucket/fleet", "--endpoint", "http://minio:9000", "-y", code=0)
    assert opened_at == [("s3://bucket/fleet", "http://minio:9000")]
    assert place.lockfile == LOCKFILE


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "fleet", '[fleet]\nname = "monad"\n')
