"""Earlier lockfiles come back under a later serial, also those that only the journal tells of; push and pull."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from fleethub.kinds.key.attributes import KeyAttrs
from fleethub.lockfile.text import dump, load
from fleethub.model.address import key
from fleethub.model.exit import Exit
from fleethub.model.observation import Locked, Lockfile, Source
from fleethub.operations.state_versions import push, restore, versions
from fleethub.stores import open_store
from tests.stores.memory import MemoryStore, Shared
from tests.support import Place
from tests.test_laws import World
from tests.views.test_text import MODELS, steady

WEB = '[keys.web]\nmodels = ["{}"]\n'
BASE = Lockfile("monad", "lineage", 1, "fp1:0", apply="a0000001")


@pytest.fixture
def place(world: World, tmp_path: Path) -> Place:
    """After two applies."""
    place = world.applied(tmp_path, MODELS + "\n" + WEB.format("qwen3-32b"))
    place.edit('models = ["qwen3-32b"]', 'models = ["gpt-oss-20b"]')
    place.apply()
    return place


def test_what_git_put_back_comes_from_the_journal_under_a_later_serial(place: Place) -> None:
    path = place.folder / "fleet.lock"
    second = place.lockfile
    path.write_text((place.folder / ".fleethub/backups/00000001.lock").read_text())  # git checkout fleet.lock
    assert "state.behind" in place.run("plan", code=Exit.STALE)
    assert [(v.lockfile.serial, v.whence) for v in versions(open_store(place.folder))] == [(2, "journal"), (1, "now")]
    out = place.run("state", "restore", "2", "--yes", code=0)
    assert "fleet.lock has serial 3 now, after 1." in out
    assert place.lockfile == replace(second, serial=3, apply=place.lockfile.apply)
    place.plan_is_empty()


def test_a_lost_lockfile_comes_back_from_the_journal(place: Place) -> None:
    second = place.lockfile
    (place.folder / "fleet.lock").unlink()
    place.run("state", "restore", "2", "--yes", code=0)
    assert place.lockfile.resources == second.resources
    assert place.lockfile.serial == 3
    place.plan_is_empty()


def test_an_earlier_one_comes_back_over_a_damaged_one(place: Place) -> None:
    (place.folder / "fleet.lock").write_text("format = 2\nnothing else")
    assert "bring one back: fleethub state backups" in place.run("plan", code=1)
    assert "(sensitive)" not in place.run("state", "backups", code=0)
    place.run("state", "restore", "1", "--yes", code=0)
    assert place.lockfile.serial == 3  # 2 was another one, which the journal knows
    assert place.lockfile.resources[key("main", "web")].attrs.models == ("qwen3-32b",)
    assert "key.main.web" in place.run("plan")  # as it is there now was done after that
    (place.folder / "fleet.lock").write_text("and again")
    place.run("state", "restore", "1", "--yes", code=0)
    kept = (place.folder / ".fleethub/backups").glob("damaged-*.lock")
    assert {path.read_text() for path in kept} == {"format = 2\nnothing else", "and again"}


def test_nobody_is_asked_for_what_cannot_be(place: Place, tmp_path: Path) -> None:
    said = place.run("state", "restore", "99", code=1)
    assert ("no lockfile of serial 99" in said, "comes back" in said, "--yes" in said) == (True, False, False)
    said = place.run("state", "push", str(place.folder / "fleet.lock"), code=4)
    assert ("has serial" in said, "takes the place" in said, "--yes" in said) == (True, False, False)


def test_what_can_be_had_is_shown(place: Place, snapshot: SnapshotAssertion) -> None:
    text = steady(place.run("state", "backups", code=0), place)
    for version in versions(open_store(place.folder)):
        text = text.replace(version.lockfile.apply, f"APPLY-{version.lockfile.serial}")
    assert text == snapshot
    first, second, summary = place.json("state", "backups")
    assert (first["whence"], second["whence"], summary["versions"]) == ("now", "backup", 2)
    assert "no lockfile of serial 7 is kept here; there are: 2, 1" in place.run("state", "restore", "7", "-y", code=1)


def test_of_two_applies_with_one_serial_one_is_named() -> None:
    store = MemoryStore(Shared())
    store.write(replace(BASE, serial=5, apply="now00000"), store.write(BASE, store.version()))
    mine = versions(store)
    assert [v.lockfile.serial for v in mine] == [5, 1]
    restore(store, 1, "a")
    found = store.read().lockfile
    assert found is not None
    assert (found.serial, found.resources) == (6, {})


def test_a_backup_of_another_life_is_refused() -> None:
    store = MemoryStore(Shared())
    store.write(replace(BASE, serial=5, lineage="later"), store.write(BASE, store.version()))
    with pytest.raises(Exception, match="of another life of this fleet"):
        restore(store, 1)


def test_pull_and_push(place: Place, tmp_path: Path) -> None:
    text = place.run("state", "pull", code=0)
    assert load(text) == place.lockfile
    out = tmp_path / "out.lock"
    place.run("state", "pull", "-o", str(out), code=0)
    assert out.read_text() == (place.folder / "fleet.lock").read_text()

    spec = place.folder / "fleet.toml"
    assert "is no lockfile, so it is not written over" in place.run("state", "pull", "-o", str(spec), code=1)
    assert "[keys.web]" in spec.read_text()
    nowhere = str(place.folder / "no/such.lock")
    assert "no is no folder: make it first" in place.run("state", "pull", "-o", nowhere, code=1)
    assert "no is no folder: make it first" in place.run("plan", "-o", nowhere, code=1)

    before = place.bytes()
    assert "the file has serial 2, and fleet.lock has 2 already" in place.run("state", "push", str(out), "-y", code=4)
    out.write_text(dump(replace(place.lockfile, lineage="other", serial=9)))
    for more in ((), ("--force",)):
        assert "not of this fleet" in place.run("state", "push", str(out), "-y", *more, code=1)
    out.write_text("nothing")
    assert "fleet.lock is not TOML" in place.run("state", "push", str(out), "-y", code=1)
    assert place.bytes() == before

    out.write_text(dump(replace(place.lockfile, serial=9)))
    place.run("state", "push", str(out), "-y", code=0)
    assert place.lockfile.serial == 9
    out.write_text((place.folder / ".fleethub/backups/00000002.lock").read_text())
    assert "has serial 10 now, after 9" in place.run("state", "push", str(out), "-y", "--force", code=0)
    assert [line["action"] for line in open_store(place.folder).history()][-2:] == ["state push"] * 2


def test_a_lockfile_can_be_pushed_into_an_empty_store() -> None:
    store = MemoryStore(Shared())
    assert push(store, dump(BASE)).before is None
    assert store.read().lockfile == BASE


def test_what_is_restored_or_pushed_makes_no_deleted_value_again() -> None:
    """Of a key that is gone by now the generations that it had are still known; of one that lives its mark tells."""
    gone, lives = key("main", "gone"), key("main", "lives")
    record = Locked(Source("litellm", "http://llm:4000", of="proxy.main"), KeyAttrs(models=("a",)), generation=4)
    store = MemoryStore(Shared())
    version = store.write(replace(BASE, generations={gone: 1, lives: 1}), store.version())
    now = replace(BASE, serial=5, generations={gone: 3, lives: 4}, resources={lives: record}, apply="b0000005")
    store.write(now, version)
    restore(store, 1)
    found = store.read().lockfile
    assert found is not None
    assert dict(found.generations) == {gone: 3, lives: 1}
    store.write(replace(now, serial=7), store.version())
    push(store, dump(BASE), force=True)
    found = store.read().lockfile
    assert found is not None
    assert dict(found.generations) == {gone: 3}


def test_what_comes_back_is_above_all_that_the_history_tells_of() -> None:
    """A lockfile that git put back, and that no backup holds, had a serial that other clones may know."""
    store = MemoryStore(Shared())
    store.write(BASE, store.version())
    store.record({"action": "state reconcile", "serial": 9, "apply": "c0000009"})
    assert restore(store, 1).serial == 10
