"""The lockfile as a fold over events: replaying the journal gives the same file, unless its write was refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from fleethub.kinds.readdress import lockfile_after
from fleethub.model.address import Address, key
from fleethub.model.event import ApplyFinished, ApplyStarted, Event, Recorded, StepDone
from fleethub.model.observation import AnyLocked, Lockfile


def reduce(lockfile: Lockfile | None, event: Event) -> Lockfile | None:
    """The lockfile after one event."""
    match event:
        case ApplyStarted():
            before = lockfile_after(lockfile, event.renamed)
            resources = {**(before.resources if before else {}), **event.pending}
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
                id=event.id,
                by_name=event.by_name,
                generations=_raised(lockfile.generations if lockfile else {}, resources),
                owed=before.owed if before else {},
            )
        case StepDone() | Recorded() if lockfile is not None:
            resources = dict(lockfile.resources)
            removed = event.removed if isinstance(event, StepDone) else event.locked is None
            if removed:
                resources.pop(event.address, None)
            elif event.locked is not None:
                resources[event.address] = event.locked
            return replace(lockfile, resources=resources, generations=_raised(lockfile.generations, resources))
        case ApplyFinished() if lockfile is not None:
            return replace(lockfile, planned=event.planned, fits=event.fits, owed=event.owed)
        case _:
            return lockfile


def _raised(before: Mapping[Address, int], resources: Mapping[Address, AnyLocked]) -> Mapping[Address, int]:
    """The highest generation of each key so far: what was begun counts, what was removed stays.

    By the address that its value is derived from: a renamed key goes on where its birth alias was.
    """
    found = dict(before)
    for address, record in resources.items():
        if address.kind != "key":
            continue
        born = key(address.owner, record.born or address.alias)
        reached = max(record.generation, record.pending.generation if record.pending else 0)
        if reached > found.get(born, 0):
            found[born] = reached
    return found


def replay(lockfile: Lockfile | None, events: Iterable[Event]) -> Lockfile | None:
    """Fold a whole journal."""
    for event in events:
        lockfile = reduce(lockfile, event)
    return lockfile
