"""The fold over events: what one costs, and that a lockfile which was asked for stays as it was."""

from __future__ import annotations

import sys
from dataclasses import replace
from types import FrameType

import pytest

from fleethub.lockfile.reduce import Fold
from fleethub.model.address import key
from fleethub.model.event import Event, Recorded, StepDone, StepStarted
from fleethub.model.observation import Locked, Lockfile, Source


def record(generation: int = 1) -> Locked[None]:
    return Locked(Source("litellm", "proxies.main", "http://127.0.0.1:4000"), None, {}, generation=generation)


def lockfile(resources: int) -> Lockfile:
    keys = {key("main", f"k{n}"): record() for n in range(resources)}
    return Lockfile("fleet", "lineage", 1, "seed", resources=keys, generations=dict.fromkeys(keys, 1))


EVENTS: dict[str, Event] = {
    "started": StepStarted("s", key("main", "k5"), "expand", "says"),
    "done": StepDone("s", key("main", "k5"), "expand", record(2)),
    "removed": StepDone("s", key("main", "k5"), "contract", None, True),
    "recorded": Recorded(key("main", "new"), record(3)),
}


@pytest.mark.parametrize("event", EVENTS)
def test_an_event_costs_the_same_however_many_resources_there_are(event: str) -> None:
    def calls(resources: int) -> int:
        fold, count = Fold(lockfile(resources)), 0

        def seen(frame: FrameType, what: str, argument: object) -> None:
            nonlocal count
            count += what in ("call", "c_call")

        sys.setprofile(seen)
        try:
            fold.take(EVENTS[event])
        finally:
            sys.setprofile(None)
        return count

    calls(10)
    assert calls(100) == calls(20_000) < 60


def test_a_lockfile_that_was_asked_for_stays_as_it_was() -> None:
    fold, before = Fold(lockfile(10)), lockfile(10)
    first = fold.lockfile
    for event in EVENTS.values():
        fold.take(event)
    assert first == before
    second = fold.lockfile
    assert second is fold.lockfile
    assert second == replace(
        before,
        resources={a: r for a, r in before.resources.items() if a != key("main", "k5")}
        | {key("main", "new"): record(3)},
        generations=before.generations | {key("main", "k5"): 2, key("main", "new"): 3},
    )
