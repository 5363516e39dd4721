"""The lockfile as a fold over events: replaying the journal gives the same file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from fleethub.model.event import ApplyFinished, ApplyStarted, Event, Recorded, StepDone
from fleethub.model.observation import Lockfile


def reduce(lockfile: Lockfile | None, event: Event) -> Lockfile | None:
    """The lockfile after one event."""
    match event:
        case ApplyStarted():
            resources = {**(lockfile.resources if lockfile else {}), **event.pending}
            return Lockfile(
                fleet=event.fleet,
                lineage=event.lineage,
                serial=event.serial,
                seed=event.seed,
                apply=event.apply,
                resources=resources,
                planned=lockfile.planned if lockfile else {},
                fits=lockfile.fits if lockfile else {},
                applied=event.applied,
            )
        case StepDone() | Recorded() if lockfile is not None:
            resources = dict(lockfile.resources)
            removed = event.removed if isinstance(event, StepDone) else event.locked is None
            if removed:
                resources.pop(event.address, None)
            elif event.locked is not None:
                resources[event.address] = event.locked
            return replace(lockfile, resources=resources)
        case ApplyFinished() if lockfile is not None:
            return replace(lockfile, planned=event.planned, fits=event.fits)
        case _:
            return lockfile


def replay(lockfile: Lockfile | None, events: Iterable[Event]) -> Lockfile | None:
    """Fold a whole journal."""
    for event in events:
        lockfile = reduce(lockfile, event)
    return lockfile
