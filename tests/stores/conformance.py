"""What any store must do. A new one needs a subclass of ``Conformance`` that opens it, and nothing else."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime

import pytest

from fleethub.kinds.key.attributes import KeyAttrs
from fleethub.model.address import key
from fleethub.model.capacity import PlannedModel
from fleethub.model.event import ApplyFinished, ApplyStarted, Event, Recorded, StepStarted, Waiting
from fleethub.model.observation import Applied, Locked, Lockfile, Pending, Source
from fleethub.stores.interface import LockedError, StaleLockfileError, Store

VOLTA = key("main", "volta")
RECORD = Locked(
    Source("litellm", "http://llm:4000", of="proxy.main"),
    KeyAttrs(models=("a", "b"), rpm_limit=60, max_budget=20.5),
    {VOLTA: frozenset(["a"])},
    "derived:key:monad:main:volta:2",
    "Volta",
    protected=True,
    pending=Pending(("expand",), KeyAttrs(models=("c",)), {VOLTA: frozenset(["c"])}, 3),
    generation=2,
    born="volta",
    born_proxy="llm",
)
LOCKFILE = Lockfile(
    "monad",
    "lineage",
    1,
    "fp1:0",
    {VOLTA: RECORD},
    {"gpu": (PlannedModel("a", 8192, False, "a:latest", 5),)},
    Applied("2026-11-27T10:00:00+00:00", "ops@here", "sha256:0", "abc", "0.1.0"),
    "12345678",
    {"gpu": "fits"},
    "0123456789abcdef",
    False,
    {VOLTA: 3},
)
STARTED = ApplyStarted("p", "monad", "lineage", 1, "fp1:0", "12345678", Applied(), {VOLTA: RECORD})
Opens = Callable[[], Store]


class Conformance:
    """``opens`` is a fixture of the subclass: each call opens one more store on the same, at first empty, fleet."""

    def test_nothing_is_there_at_first(self, opens: Opens) -> None:
        store = opens()
        assert store.read().lockfile is None
        assert store.serials() == ()
        assert store.at(1) is None
        assert store.holder() is None
        assert store.release() is None
        assert store.history() == []
        assert store.names("proposals") == ()
        assert store.events() == []

    def test_what_was_written_is_read_whole_by_anybody(self, opens: Opens) -> None:
        one, other = opens(), opens()
        version = one.write(LOCKFILE, one.read().version)
        found = other.read()
        assert (found.lockfile, found.version) == (LOCKFILE, version)
        assert other.write(replace(LOCKFILE, serial=2), version) == one.read().version

    def test_a_write_on_another_base_is_refused_and_changes_nothing(self, opens: Opens) -> None:
        mine, theirs = opens(), opens()
        base = mine.read().version
        first = theirs.write(LOCKFILE, theirs.read().version)
        with pytest.raises(StaleLockfileError, match="plan again"):
            mine.write(replace(LOCKFILE, apply="87654321"), base)
        assert mine.read().lockfile == LOCKFILE
        # serial and apply are the same ones: what was written counts
        theirs.write(replace(LOCKFILE, fits={}), first)
        with pytest.raises(StaleLockfileError):
            mine.write(replace(LOCKFILE, serial=2), first)
        assert mine.read().lockfile == replace(LOCKFILE, fits={})

    def test_a_check_tells_that_somebody_else_wrote(self, opens: Opens) -> None:
        mine, theirs = opens(), opens()
        with mine.lock("apply"):
            mine.check(mine.read().version)
            base = mine.write(LOCKFILE, mine.read().version)
            mine.check(base)
            theirs.write(replace(LOCKFILE, serial=2), base)
            with pytest.raises(StaleLockfileError):
                mine.check(base)

    def test_of_many_writes_on_one_base_one_wins(self, opens: Opens) -> None:
        base = opens().read().version
        start, won = threading.Barrier(8), []

        def write(number: int) -> None:
            store = opens()
            start.wait()
            try:
                store.write(replace(LOCKFILE, serial=number), base)
            except StaleLockfileError:
                return
            won.append(number)

        threads = [threading.Thread(target=write, args=(n,)) for n in range(1, 9)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        (winner,) = won
        assert opens().read().lockfile == replace(LOCKFILE, serial=winner)

    def test_the_lockfiles_before_are_kept(self, opens: Opens) -> None:
        store = opens()
        version = store.read().version
        for serial in range(1, 25):
            version = store.write(replace(LOCKFILE, serial=serial, resources={}), version)
            version = store.write(replace(LOCKFILE, serial=serial), version)
        assert opens().serials()[:20] == tuple(range(23, 3, -1))
        assert opens().at(24) == replace(LOCKFILE, serial=24)
        assert [opens().at(n) for n in (23, 4)] == [replace(LOCKFILE, serial=n) for n in (23, 4)]
        assert opens().at(25) is None

    def test_what_another_store_kept_is_kept_too(self, opens: Opens) -> None:
        store, nothing = opens(), opens().read()
        for serial in (3, 4, 3):
            store.archive(replace(LOCKFILE, serial=serial))
        assert opens().read() == nothing
        store.write(replace(LOCKFILE, serial=5), nothing.version)
        assert opens().serials() == (4, 3)
        assert opens().at(3) == replace(LOCKFILE, serial=3)
        assert opens().every(4) == (replace(LOCKFILE, serial=4),)
        assert opens().every(9) == ()

    def test_a_serial_is_never_turned_back(self, opens: Opens) -> None:
        store = opens()
        version = store.write(replace(LOCKFILE, serial=7), store.read().version)
        with pytest.raises(StaleLockfileError, match="plan again"):
            store.write(replace(LOCKFILE, serial=6), version)
        assert opens().read().lockfile == replace(LOCKFILE, serial=7)
        assert opens().version() == version

    def test_the_lock_is_one_and_names_its_holder(self, opens: Opens) -> None:
        mine, theirs = opens(), opens()
        with mine.lock("apply"):
            with pytest.raises(LockedError, match="locked by") as error, theirs.lock("destroy"):
                pass
            held = theirs.holder()
            assert error.value.holder == held
            assert held is not None
            assert (held.operation, held.pid, held.message) == ("apply", os.getpid(), "")
            assert datetime.fromisoformat(held.since).tzinfo is not None
            theirs.write(LOCKFILE, theirs.read().version)
        assert theirs.holder() is None
        with pytest.raises(ZeroDivisionError), theirs.lock("destroy"):
            raise ZeroDivisionError
        with mine.lock("apply"):
            pass

    def test_a_lock_is_waited_for(self, opens: Opens) -> None:
        mine, theirs = opens(), opens()
        got = threading.Event()

        def wait() -> None:
            with theirs.lock("apply", wait=60):
                got.set()

        waiting = threading.Thread(target=wait)
        with mine.lock("apply"):
            waiting.start()
            assert not got.wait(0.1)
        waiting.join(60)
        assert got.is_set()

    def test_who_lost_the_lock_does_no_more_and_writes_nothing(self, opens: Opens) -> None:
        frozen, robber = opens(), opens()
        with frozen.lock("apply"):
            base = frozen.write(LOCKFILE, frozen.read().version)
            frozen.check(base)
            held = robber.release()
            assert held is not None
            assert held.operation == "apply"
            for _ in range(2):
                for _ in range(2):
                    with pytest.raises(StaleLockfileError):
                        frozen.check(base)
                with pytest.raises(StaleLockfileError):
                    frozen.write(replace(LOCKFILE, serial=2), base)
                if robber.holder() is None:
                    theirs = robber.lock("apply")
                    theirs.__enter__()
        held = opens().holder()
        assert held is not None, "the frozen one gave back what was no longer its own"
        robber.check(base)
        assert robber.write(replace(LOCKFILE, serial=2), base) == opens().version()
        theirs.__exit__(None, None, None)
        assert opens().holder() is None

    def test_a_hold_stays_until_it_is_released(self, opens: Opens) -> None:
        mine, theirs = opens(), opens()
        with mine.lock("apply"), pytest.raises(LockedError):
            theirs.hold("no")
        held = mine.hold("the proxy is being moved")
        assert opens().holder() == held
        for _ in range(2):
            with (
                pytest.raises(LockedError, match=r"locked the fleet at .*: the proxy is being moved"),
                theirs.lock("x"),
            ):
                pass
            with pytest.raises(LockedError):
                theirs.hold("mine")
        assert theirs.release() == held
        assert theirs.release() is None
        with theirs.lock("apply"):
            pass

    def test_what_was_done_is_recorded_in_order_and_bounded(self, opens: Opens) -> None:
        opens().record({"serial": 1, "who": 'ops "x"\n', "done": ["a"]})
        opens().record({"serial": 2, "left": {"b": None}})
        first, second = opens().history()
        assert (first["serial"], first["who"], first["done"]) == (1, 'ops "x"\n', ["a"])
        assert second["left"] == {"b": None}
        assert {"ts"} <= first.keys()

    def test_of_many_who_take_a_document_one_did(self, opens: Opens) -> None:
        stores = [opens() for _ in range(6)]
        with ThreadPoolExecutor(len(stores)) as pool:
            for name in ("p-1", "p-2", "p-3"):
                stores[0].put("proposals", name, {"node": "a"})
                together = threading.Barrier(len(stores))

                def take(store: Store, name: str = name, together: threading.Barrier = together) -> bool:
                    seen = store.get("proposals", name)
                    together.wait(60)
                    return store.delete("proposals", name) and seen == {"node": "a"}

                assert sorted(pool.map(take, stores)) == [False] * 5 + [True]
                assert (opens().get("proposals", name), opens().names("proposals")) == (None, ())
                stores[0].put("proposals", name, {"node": "b"})  # as who took it and failed puts it back
                assert opens().get("proposals", name) == {"node": "b"}
                assert opens().delete("proposals", name)

    def test_documents_are_kept_by_name(self, opens: Opens) -> None:
        store, document = opens(), {"plan": "é", "steps": [1, 2.5, None, True], "deep": {"a": {"b": []}}}
        store.put("proposals", "0a1b", document)
        store.put("proposals", "p-2.x_Y", {})
        store.put("specs", "0a1b", {"fleet.toml": "x" * 100_000})
        assert opens().get("proposals", "0a1b") == document
        assert opens().names("proposals") == ("0a1b", "p-2.x_Y")
        store.put("proposals", "0a1b", {"now": 2})
        assert opens().get("proposals", "0a1b") == {"now": 2}
        assert store.delete("proposals", "0a1b")
        assert not store.delete("proposals", "0a1b")
        assert opens().get("proposals", "0a1b") is None
        assert opens().get("specs", "0a1b") == {"fleet.toml": "x" * 100_000}
        for name in ("", "../x", ".x", "a/b", "a" * 129, "a\n"):
            with pytest.raises(ValueError, match="is no name"):
                store.put("proposals", name, {})
        with pytest.raises(ValueError):  # noqa: PT011 - each library has its own words
            store.put("proposals", "odd", {"x": object()})

    def test_events_are_kept_in_order(self, opens: Opens) -> None:
        first: list[Event] = [STARTED, StepStarted("s", VOLTA, "expand", "write key"), Recorded(VOLTA, RECORD)]
        second: list[Event] = [replace(STARTED, serial=2), ApplyFinished(2, ("s",), planned=LOCKFILE.planned)]
        for events in (first, second):
            journal = opens().journal()
            for event in events:
                journal(event)
                journal(Waiting("for the node", 1.0))
            journal.close()
        assert opens().events() == first + second
