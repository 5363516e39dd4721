"""What any store must do. A new one needs a subclass of ``Conformance`` that opens it, and nothing else."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

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
        assert store.earlier() == ()
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
        kept = opens().earlier()
        assert kept[:20] == tuple(replace(LOCKFILE, serial=serial) for serial in range(23, 3, -1))

    def test_the_lock_is_one_and_names_its_holder(self, opens: Opens) -> None:
        mine, theirs = opens(), opens()
        with mine.lock("apply"):
            with pytest.raises(LockedError, match="locked by") as error, theirs.lock("destroy"):
                pass
            assert error.value.holder["operation"] == "apply"
            assert {"who", "pid", "since"} <= error.value.holder.keys()
            theirs.write(LOCKFILE, theirs.read().version)
        with pytest.raises(ZeroDivisionError), theirs.lock("destroy"):
            raise ZeroDivisionError
        with mine.lock("apply"):
            pass

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
