"""The snapshots: one snapshot at a time, planned anew from the last facts, and never fine when it is not."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest.mock import Mock

import pytest

from fleethub.operations.snapshots import NEVER, Snapshot, SnapshotCache
from fleethub.state.session_summary import read
from fleethub.stores.lock import local_lock
from tests.support import MASTER, Place, recorded, trust
from tests.test_laws import SPEC, World


@pytest.fixture
def place(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("LITELLM_MASTER_KEY", MASTER)
    return world.applied(tmp_path, SPEC)


def test_before_the_first_look_nothing_is_known_and_nothing_is_asked(place: Place) -> None:
    with recorded() as sent:
        snapshot = SnapshotCache(place.folder).latest
    assert sent == []
    assert snapshot.age is None
    assert snapshot.facts is None
    assert snapshot.plan is not None
    assert snapshot.fleet_status is not None
    assert snapshot.plan.sentence == NEVER
    assert {
        thing.state
        for thing in (*snapshot.fleet_status.nodes, *snapshot.fleet_status.keys, *snapshot.fleet_status.proxies)
    } == {"unknown"}


def test_a_look_sees_what_is_there_and_keeps_it_for_sessions(place: Place) -> None:
    (place.folder / ".fleethub/context.json").unlink(missing_ok=True)
    snapshot = SnapshotCache(place.folder, lambda seen: seen.plan.sentence.encode() if seen.plan else b"").refresh()
    assert snapshot.fleet_status is not None
    assert snapshot.problem == ""
    assert snapshot.age is not None
    assert {n.state for n in snapshot.fleet_status.nodes} == {"there"}
    assert snapshot.body == b"Nothing to do: the fleet is as the spec says."
    assert (place.folder / ".fleethub/context.json").exists()


@pytest.mark.parametrize("lack", ["trust", "key"])
def test_who_may_see_less_leaves_what_sessions_are_told_and_says_why(
    place: Place, monkeypatch: pytest.MonkeyPatch, lack: str
) -> None:
    snapshots = SnapshotCache(place.folder)
    snapshots.refresh()
    before, _ = read(place.folder)
    assert before is not None
    key, why = 'master_key = ["env:LITELLM_MASTER_KEY"]', "LITELLM_MASTER_KEY"
    if lack == "trust":
        spec = place.folder / "fleet.toml"  # by another hand, which this account did not agree to
        spec.write_text(spec.read_text().replace(key, f'master_key = ["command:printf {MASTER}"]'))
        why = "command.new"
    else:
        monkeypatch.delenv("LITELLM_MASTER_KEY")
    seen = snapshots.refresh()
    assert seen.fleet_status is not None
    assert {proxy.state for proxy in seen.fleet_status.proxies} == {"unknown"}, "the page tells what this account sees"
    after, _ = read(place.folder)
    assert after is not None
    assert {**after, "refused": []} == before
    assert any(why in line for line in after["refused"])
    if lack == "trust":
        trust(place.folder)
    else:
        monkeypatch.setenv("LITELLM_MASTER_KEY", MASTER)
    snapshots.refresh()
    again, _ = read(place.folder)
    assert again is not None
    assert again["refused"] == []
    assert again["at"] >= before["at"]


def test_what_nobody_ever_saw_is_told_as_unknown(place: Place, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LITELLM_MASTER_KEY")
    (place.folder / ".fleethub/context.json").unlink(missing_ok=True)
    (place.folder / ".fleethub/cache/status.json").unlink(missing_ok=True)
    SnapshotCache(place.folder).refresh()
    told, _ = read(place.folder)
    assert told is not None
    assert told["refused"] == []
    assert any(line["kind"] == "unknown" for line in told["trouble"])


def test_what_is_planned_anew_asks_nobody(place: Place) -> None:
    snapshots = SnapshotCache(place.folder)
    before = snapshots.refresh()
    assert snapshots.current() is before
    place.edit('fallbacks = ["llama3.1-8b"]', "fallbacks = []")
    with recorded() as sent:
        after = snapshots.current()
    assert sent == []
    assert after.plan is not None
    assert after.fleet_status is not None
    assert after.facts is before.facts
    assert after.taken == before.taken
    assert {str(c.address) for c in after.plan.changes} == {"node.a", "key.main.a"}
    assert snapshots.current() is after


def test_an_apply_elsewhere_is_seen_by_its_lockfile(place: Place) -> None:
    snapshots = SnapshotCache(place.folder)
    snapshots.refresh()
    place.edit("rpm = 60", "rpm = 61")
    place.apply()
    assert snapshots.changed()
    seen = snapshots.current().fleet_status
    assert seen is not None
    assert seen.serial == 2


def test_a_new_node_that_nobody_looked_at_is_unknown_and_not_absent(place: Place) -> None:
    snapshots = SnapshotCache(place.folder)
    snapshots.refresh()
    place.write((place.folder / "fleet.toml").read_text() + '[nodes.late]\nhost = "late"\nmodel = "qwen3-32b"\n')
    fleet_status = snapshots.current().fleet_status
    assert fleet_status is not None
    late = next(n for n in fleet_status.nodes if n.name == "late")
    assert (late.state, late.reason) == ("unknown", "it was not read")


def test_a_file_that_an_include_matches_later_is_seen(place: Place) -> None:
    (place.folder / "more").mkdir()
    (place.folder / "more/one.toml").write_text('[nodes.one]\nhost = "one"\nmodel = "qwen3-32b"\n')
    place.write('include = ["more/*.toml"]\n' + (place.folder / "fleet.toml").read_text())
    snapshots = SnapshotCache(place.folder)
    (place.folder / "more/two.toml").write_text('[nodes.two]\nhost = "two"\nmodel = "qwen3-32b"\n')
    fleet_status = snapshots.current().fleet_status
    assert fleet_status is not None
    assert {n.name for n in fleet_status.nodes} == {"a", "one", "two"}


def test_a_template_that_is_overridden_is_seen(place: Place) -> None:
    snapshots = SnapshotCache(place.folder)
    (place.folder / "templates").mkdir()
    assert snapshots.changed()


def test_a_broken_spec_keeps_the_last_good_view_and_says_so(place: Place) -> None:
    snapshots = SnapshotCache(place.folder)
    good = snapshots.refresh()
    text = (place.folder / "fleet.toml").read_text()
    place.write(text + "[nodes.b\n")
    for snapshot in (snapshots.current(), snapshots.refresh()):
        assert snapshot.fleet_status is good.fleet_status
        assert "does not hold together" in snapshot.problem
        assert [f.code for f in snapshot.findings] == ["spec.syntax"]
    assert snapshots.failures == 1
    place.write(text)
    mended = snapshots.current()
    assert mended.problem == ""
    assert mended.findings == ()


def test_a_spec_that_never_held_together_shows_nothing_as_a_fleet(place: Place) -> None:
    place.write("[fleet\n")
    snapshot = SnapshotCache(place.folder).refresh()
    assert snapshot.fleet_status is None
    assert snapshot.fleet is None
    assert [f.code for f in snapshot.findings] == ["spec.syntax"]


def test_a_broken_lockfile_is_a_problem(place: Place) -> None:
    snapshots = SnapshotCache(place.folder)
    snapshots.refresh()
    (place.folder / "fleet.lock").write_text("broken")
    assert "fleet.lock" in snapshots.current().problem
    assert "fleet.lock" in snapshots.refresh().problem


def test_the_wrong_seed_asks_nobody_and_keeps_what_was_seen(place: Place) -> None:
    snapshots = SnapshotCache(place.folder)
    seen = snapshots.refresh().facts
    place.seed("fhseed1_" + "0" * 43)
    with recorded() as sent:
        snapshot = snapshots.refresh()
    assert sent == []
    assert snapshot.plan is not None
    assert snapshot.plan.fatal
    assert "Nothing was asked" in snapshot.problem
    assert snapshot.facts is seen


def test_a_bug_while_reading_is_told_until_a_look_succeeds(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    snapshots = SnapshotCache(place.folder)
    good = snapshots.refresh()
    with monkeypatch.context() as patch:
        patch.setattr("fleethub.operations.workplace.Workplace.read", lambda *_: 1 / 0)
        assert "ZeroDivisionError" in snapshots.refresh().problem
        assert snapshots.latest.facts is good.facts
        place.edit("rpm = 60", "rpm = 61")
        assert "ZeroDivisionError" in snapshots.current().problem, "planning anew does not make the network readable"
    assert snapshots.refresh().problem == ""
    assert (snapshots.refreshes, snapshots.failures) == (3, 1)


def test_whatever_goes_wrong_beside_the_network_is_told_and_ends_nothing(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshots = SnapshotCache(place.folder)
    wrong = {"read_and_plan": OSError(116, "Stale file handle"), "told": ValueError("surrogates not allowed")}
    for what, error in wrong.items():
        with monkeypatch.context() as patch:
            patch.setattr(f"fleethub.operations.snapshots.{what}", Mock(side_effect=error))
            assert snapshots.refresh().problem, what
            assert snapshots.latest.fleet_status is not None
        assert snapshots.refresh().problem == ""
    encoded: list[Snapshot] = []

    def encode(snapshot: Snapshot) -> bytes:
        encoded.append(snapshot)
        if len(encoded) == 2:
            raise ValueError("surrogates not allowed")
        return b"{}"

    snapshots = SnapshotCache(place.folder, encode)
    assert "ValueError" in snapshots.refresh().problem
    assert snapshots.refresh().problem == ""


def test_who_needs_a_recent_look_waits_for_one_look_together(place: Place) -> None:
    snapshots = SnapshotCache(place.folder)
    with ThreadPoolExecutor(8) as pool:
        ages = [snapshot.age for snapshot in pool.map(lambda _: snapshots.within(60), range(8))]
    assert None not in ages
    assert snapshots.refreshes == 1
    snapshots.within(-1)
    assert snapshots.refreshes == 2


def test_a_machine_that_slept_does_not_take_an_old_view_for_a_new_one(monkeypatch: pytest.MonkeyPatch) -> None:
    if not hasattr(time, "CLOCK_BOOTTIME"):
        pytest.skip("this system does not tell how long it slept")
    clocks = {time.CLOCK_BOOTTIME: 30_000.0, time.CLOCK_MONOTONIC: 60.0}
    monkeypatch.setattr(time, "clock_gettime", clocks.__getitem__)
    assert Snapshot(taken=30.0).age == 29_970


def test_many_readers_plan_once(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    snapshots = SnapshotCache(place.folder)
    snapshots.refresh()
    place.edit("rpm = 60", "rpm = 61")
    planned = []
    original = SnapshotCache._plan_anew
    monkeypatch.setattr(SnapshotCache, "_plan_anew", lambda self: (planned.append(1), original(self))[1])
    views = []
    readers = [threading.Thread(target=lambda: views.append(snapshots.current())) for _ in range(8)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    assert len(planned) == 1
    assert len({id(snapshot) for snapshot in views}) == 1


def test_it_refreshes_by_itself_until_it_is_stopped(place: Place) -> None:
    snapshots, stop, seen = SnapshotCache(place.folder), threading.Event(), threading.Event()
    original = snapshots.refresh

    def refresh() -> object:
        snapshot = original()
        if snapshots.refreshes >= 3:
            seen.set()
        return snapshot

    snapshots.refresh = refresh  # type: ignore[method-assign, assignment]
    runner = threading.Thread(target=snapshots.run, args=(0.01, stop))
    runner.start()
    assert seen.wait(60)
    stop.set()
    runner.join(60)
    assert not runner.is_alive()


def test_it_writes_nothing_but_caches(place: Place) -> None:
    before = place.bytes()
    snapshots = SnapshotCache(place.folder)
    snapshots.refresh()
    place.edit("rpm = 60", "rpm = 61")
    snapshots.current()
    place.edit("rpm = 61", "rpm = 60")
    assert place.bytes() == before


def test_it_looks_while_an_apply_holds_the_lock(place: Place) -> None:
    with local_lock(place.folder / ".fleethub/lock", "apply"):
        assert SnapshotCache(place.folder).refresh().problem == ""


def test_who_serves_a_fleet_whose_store_cannot_be_reached_goes_on_with_what_was_known(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("psycopg")
    lockfile = (place.folder / "fleet.lock").read_bytes()
    place.edit("[fleet]\n", '[fleet]\nid = "0123456789abcdef"\nderive_from = "name"\n')
    place.edit("[policy]", '[state]\nstore = "env:FLEETHUB_DATABASE_URL"\n[policy]')
    monkeypatch.setenv("FLEETHUB_DATABASE_URL", "postgresql://me:canary@127.0.0.1:1/x")
    (place.folder / "fleet.lock").write_bytes(lockfile)  # as state pull writes it
    snapshots = SnapshotCache(place.folder)
    assert snapshots.latest.fleet_status is not None
    assert snapshots.latest.problem == ""
    found = snapshots.refresh()
    assert "PostgreSQL at 127.0.0.1:1/x cannot be used: nothing listens there" in found.problem
    assert "canary" not in found.problem
    assert found.fleet_status is not None
    assert found.fleet_status.serial == 1
