"""The lockfile as a fold over events: replaying the journal gives the same file, unless its write was refused."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from fleethub.kinds.readdress import lockfile_after
from fleethub.model.address import Address
from fleethub.model.event import ApplyFinished, ApplyStarted, Event, Recorded, StepDone
from fleethub.model.observation import AnyLocked, Lockfile, birth


class Fold:
    """The lockfile so far. An event costs the same however many resources there are; ``lockfile`` costs a copy."""

    def __init__(self, lockfile: Lockfile | None) -> None:
        self._begin(lockfile)

    def _begin(self, lockfile: Lockfile | None) -> None:
        self._head = self._whole = lockfile  # whole: as asked for last; None: what is in it has changed since
        self._resources = dict(lockfile.resources) if lockfile else {}
        self._generations = dict(lockfile.generations) if lockfile else {}

    @property
    def lockfile(self) -> Lockfile | None:
        """What the events come to; it stays as it is when others follow."""
        if self._whole is None and self._head is not None:
            resources, generations = dict(self._resources), dict(self._generations)
            self._whole = replace(self._head, resources=resources, generations=generations)
        return self._whole

    def record(self, address: Address) -> AnyLocked | None:
        """What is recorded of a resource; None: nothing."""
        return self._resources.get(address)

    def take(self, event: Event) -> None:
        """Go on by one event."""
        match event:
            case ApplyStarted():
                self._begin(_started(self.lockfile, event))
                for address, record in self._resources.items():
                    _raise(self._generations, address, record)
                self._whole = None
            case StepDone() | Recorded() if self._head is not None:
                removed = event.removed if isinstance(event, StepDone) else event.locked is None
                if removed:
                    self._resources.pop(event.address, None)
                elif event.locked is not None:
                    self._resources[event.address] = event.locked
                    _raise(self._generations, event.address, event.locked)
                self._whole = None
            case ApplyFinished() if self._head is not None:
                self._head = replace(self._head, planned=event.planned, fits=event.fits, owed=event.owed)
                self._whole = None
            case _:
                pass


def replay(lockfile: Lockfile | None, events: Iterable[Event]) -> Lockfile | None:
    """Fold a whole journal."""
    fold = Fold(lockfile)
    for event in events:
        fold.take(event)
    return fold.lockfile


def _started(lockfile: Lockfile | None, event: ApplyStarted) -> Lockfile:
    """With what an apply means to do."""
    before = lockfile_after(lockfile, event.renamed)
    return Lockfile(
        fleet=event.fleet,
        lineage=event.lineage,
        serial=event.serial,
        seed=event.seed,
        apply=event.apply,
        resources={**(before.resources if before else {}), **event.pending},
        planned=before.planned if before else {},
        fits=before.fits if before else {},
        applied=event.applied,
        id=event.id,
        by_name=event.by_name,
        generations=lockfile.generations if lockfile else {},
        owed=before.owed if before else {},
    )


def _raise(generations: dict[Address, int], address: Address, record: AnyLocked) -> None:
    """The highest generation of a key so far: what was begun counts, what was removed stays.

    By the address that its value is derived from: a renamed key goes on where it was born.
    """
    if address.kind == "key":
        born = birth(address, record)
        reached = max(record.generation, record.pending.generation if record.pending else 0)
        if reached > generations.get(born, 0):
            generations[born] = reached
