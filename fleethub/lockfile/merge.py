"""Two lockfiles that came from one, taken together: what each of two clones applied. Pure; the same in either order.

A record that one side alone changed is that side's: its apply did it. What both changed in different ways is a
contradiction that no file can decide; whoever can look at the living thing does (``operations.reconcile``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import field, replace
from typing import TypeVar

from fleethub.lockfile.errors import LockfileError
from fleethub.model.address import Address
from fleethub.model.capacity import PlannedModel
from fleethub.model.dataclass import dataclass
from fleethub.model.observation import AnyLocked, Applied, Lockfile

K = TypeVar("K")
V = TypeVar("V")


class ForeignLockfileError(LockfileError):
    """Two lockfiles that are not of one fleet, or whose values are not of one seed; the message says which."""

    code = "lockfile.foreign"


@dataclass(frozen=True, slots=True)
class Sides:
    """The records of one resource: what both came from, ours, theirs; None: there is none."""

    base: AnyLocked | None
    ours: AnyLocked | None
    theirs: AnyLocked | None


@dataclass(frozen=True, slots=True)
class Merged:
    """``lockfile`` lacks the records of ``conflicts``, which both sides changed otherwise; ``taken`` says whose the
    other changed ones are.
    """

    lockfile: Lockfile
    conflicts: Mapping[Address, Sides] = field(default_factory=dict)
    taken: Mapping[Address, Sides] = field(default_factory=dict)

    def settled(self, records: Mapping[Address, AnyLocked | None], above: int = 0) -> Lockfile:
        """The whole lockfile, with a record (None: none) of each conflict; its serial is above ``above`` too."""
        found = {a: r for a in self.conflicts if (r := records[a]) is not None}
        serial = max(self.lockfile.serial, above + 1)
        return replace(self.lockfile, serial=serial, resources={**self.lockfile.resources, **found})


def merge(base: Lockfile | None, ours: Lockfile, theirs: Lockfile) -> Merged:
    """Merge; without ``base`` whatever differs is a conflict. The serial is above both. Raises ForeignLockfileError."""
    same_fleet(ours, theirs)
    if base is not None and base.lineage != ours.lineage:
        base = None  # a lockfile of another life of this fleet says nothing of these
    b, o, t = (side.resources if side else {} for side in (base, ours, theirs))
    resources: dict[Address, AnyLocked] = {}
    conflicts: dict[Address, Sides] = {}
    taken: dict[Address, Sides] = {}
    for address in sorted({*b, *o, *t}):
        sides = Sides(b.get(address), o.get(address), t.get(address))
        if sides.ours == sides.theirs:
            record = sides.ours
        elif base is None or sides.base not in (sides.ours, sides.theirs):
            conflicts[address] = sides
            continue
        else:
            taken[address] = sides
            record = sides.theirs if sides.ours == sides.base else sides.ours
        if record is not None:
            resources[address] = record
    planned = _planned(base, ours, theirs)
    merged = replace(
        _named(base, ours, theirs),
        serial=max(ours.serial, theirs.serial) + 1,
        apply=_twin(ours, theirs),
        resources=resources,
        planned=planned,
        fits=_fits(planned, ours, theirs),
        applied=_applied(ours, theirs),
        generations=_highest(ours.generations, theirs.generations),
        owed=_owed(base, ours, theirs),
    )
    return Merged(merged, conflicts, taken)


def same_fleet(ours: Lockfile, theirs: Lockfile) -> None:
    """Raises ForeignLockfileError unless both are of one lineage, and of one seed."""
    if ours.lineage != theirs.lineage:
        raise ForeignLockfileError(
            f"the two lockfiles are not of one fleet: the lineage of one is {ours.lineage} (fleet {ours.fleet!r}), of "
            f"the other {theirs.lineage} (fleet {theirs.fleet!r}). Where two clones each made a first apply, keep one "
            "of the two files, and run fleethub plan: what the other one made is told as foreign"
        )
    if ours.seed and theirs.seed and ours.seed != theirs.seed:
        raise ForeignLockfileError(
            "the two lockfiles are of two seeds: the seed was rotated in one clone while the other one applied. Keep "
            "the file of the new seed, and run fleethub plan: what the other one did is told as drift"
        )


def _named(base: Lockfile | None, ours: Lockfile, theirs: Lockfile) -> Lockfile:
    """The side whose fleet's name, id and seed hold: the one that changed them."""
    if base is not None and _names(ours) == _names(base):
        return theirs
    if base is not None and _names(theirs) == _names(base):
        return ours
    return max(ours, theirs, key=lambda side: (side.serial, side.apply))


def _names(lockfile: Lockfile) -> tuple[object, ...]:
    return (lockfile.fleet, lockfile.id, lockfile.by_name, lockfile.seed)


def _twin(ours: Lockfile, theirs: Lockfile) -> str:
    """The id of a merge: both clones make the same one of the same two lockfiles."""
    parts = sorted(f"{side.serial} {side.apply}" for side in (ours, theirs))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:8]


def _applied(ours: Lockfile, theirs: Lockfile) -> Applied:
    """The later apply's; of two specs nobody says which one is applied: an empty plan will."""
    one, other = ours.applied, theirs.applied
    later = max(one, other, key=lambda a: (a.at, a.by, a.commit, a.spec, a.version))
    return later if one.spec == other.spec else replace(later, spec="", commit="")


def _planned(base: Lockfile | None, ours: Lockfile, theirs: Lockfile) -> Mapping[str, tuple[PlannedModel, ...]]:
    """Of each backend's set what either side has, without what one of them gave up."""
    b, o, t = (side.planned if side else {} for side in (base, ours, theirs))
    found = {}
    for backend in sorted({*o, *t}):
        before, mine, other = (_by_load(side.get(backend, ())) for side in (b, o, t))
        gone = {name for name in before if name not in mine or name not in other}
        entries = {n: _larger(mine.get(n), other.get(n)) for n in {*mine, *other} - gone}
        if entries:
            found[backend] = tuple(entries[name] for name in sorted(entries))
    return found


def _by_load(entries: Iterable[PlannedModel]) -> dict[tuple[str, int, str], PlannedModel]:
    return {(entry.model, entry.context, entry.tag): entry for entry in entries}


def _larger(one: PlannedModel | None, other: PlannedModel | None) -> PlannedModel:
    """One load as both have it: the size that is larger, and primary where one side says so."""
    if one is None or other is None:
        found = one or other
        assert found is not None
        return found
    sizes = [entry.bytes for entry in (one, other) if entry.bytes is not None]
    return replace(one, primary=one.primary or other.primary, bytes=max(sizes, default=None))


def _fits(planned: Mapping[str, tuple[PlannedModel, ...]], ours: Lockfile, theirs: Lockfile) -> Mapping[str, str]:
    """What was said of a set goes on where the set is that one; of a set that nobody judged nothing is said."""
    found = {}
    for backend, entries in planned.items():
        said = {
            side.fits[backend]
            for side in (ours, theirs)
            if backend in side.fits and set(_by_load(side.planned.get(backend, ()))) == set(_by_load(entries))
        }
        if len(said) == 1:
            found[backend] = said.pop()
    return found


def _owed(base: Lockfile | None, ours: Lockfile, theirs: Lockfile) -> Mapping[Address, str]:
    """What is owed by either side since the earlier time, without what one of them has done since."""
    b, o, t = (side.owed if side else {} for side in (base, ours, theirs))
    done = {a for a in b if a not in o or a not in t}
    return {a: min(side[a] for side in (o, t) if a in side) for a in sorted({*o, *t} - done)}


def _highest(one: Mapping[K, int], other: Mapping[K, int]) -> Mapping[K, int]:
    return {name: max(one.get(name, 0), other.get(name, 0)) for name in {*one, *other}}
