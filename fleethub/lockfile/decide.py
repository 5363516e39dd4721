"""Two records of one thing, each by another clone's apply: which one is true, by what is there.

A thing's mark says whose apply wrote it last; where it says neither, its attributes are compared with both records.
What cannot be looked at is not decided: the record then holds both, the other one as pending, so that the next plan
takes nothing away that either may have given, looks, and goes on from there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum

from fleethub.kinds import KINDS
from fleethub.kinds.compare import union
from fleethub.kinds.readdress import old_place
from fleethub.kinds.values import ObserveContext, ResourceState
from fleethub.lockfile.merge import Merged, Sides
from fleethub.model.address import Address
from fleethub.model.dataclass import dataclass
from fleethub.model.observation import Absent, AnyLocked, AnyResource, Lockfile, Observation, Pending, Seen, Unknown

#: What a record says of a thing that two applies left two records of.
UNDECIDED = "reconcile"


class Whose(StrEnum):
    """Whose record is taken; ``both``: neither is known to be the true one."""

    OURS = "ours"
    THEIRS = "theirs"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class Decision:
    """The record to keep (None: none), whose it is, and why, in words. ``beside``: what may live at another place, and
    is recorded as an old place of the thing, to be taken down once the thing itself is settled.
    """

    record: AnyLocked | None
    whose: Whose
    why: str
    beside: AnyLocked | None = None


def decide(
    address: Address,
    sides: Sides,
    ours: Lockfile,
    theirs: Lockfile,
    want: AnyResource | None,
    context: ObserveContext,
    blocked: str = "",
) -> Decision:
    """Decide by what is there; ``blocked``: why nothing was asked for it."""
    records = {Whose.OURS: sides.ours, Whose.THEIRS: sides.theirs}
    seen = {
        whose: Unknown(blocked, context.facts.at) if blocked else _observe(address, want, record, context)
        for whose, record in records.items()
        if record is not None
    }
    if sides.ours and sides.theirs and sides.ours.source.id != sides.theirs.source.id and KINDS[address.kind].exclusive:
        return _two_places(records, seen, want)
    if unknown := _unknown(seen):
        return _undecided(address, sides, f"it cannot be looked at: {unknown}")
    lone = next((whose for whose, record in records.items() if record is None), None)
    if all(isinstance(have, Absent) for have in seen.values()):
        if lone is not None:
            return Decision(None, lone, "it is gone")
        later = max(records, key=lambda whose: _age(ours if whose is Whose.OURS else theirs))
        return Decision(records[later], later, "it is gone, and neither says so: the later record, for a plan to tell")
    wrote = {ours.apply: Whose.OURS, theirs.apply: Whose.THEIRS}
    marks = {have.mark.apply for have in seen.values() if isinstance(have, Seen) and have.mark is not None}
    writers = {wrote[apply] for apply in marks & wrote.keys()}
    if len(writers) == 1 and records[whose := writers.pop()] is not None:
        return Decision(records[whose], whose, "its mark is of that apply")
    if lone is not None:
        (whose,) = seen
        return Decision(records[whose], whose, "it is there")
    same = [whose for whose, have in seen.items() if _same(address, want, records[whose], have)]
    if len(same) == 1:
        return Decision(records[same[0]], same[0], "it is as that one left it")
    why = "it is as both say" if same else "it is as neither left it"
    return _undecided(address, sides, why)


def _two_places(
    records: Mapping[Whose, AnyLocked | None], seen: Mapping[Whose, Observation], want: AnyResource | None
) -> Decision:
    """Each clone has it at another place: one at which it is not goes; where it may be at both, both are kept."""
    there = [whose for whose, have in seen.items() if not isinstance(have, Absent)]
    if len(there) == 1:
        return Decision(records[there[0]], there[0], "it is at that place, and not at the other one")
    wanted = [whose for whose, r in records.items() if r and want is not None and r.source.id == want.source.id]
    first = wanted[0] if wanted else Whose.OURS
    other = Whose.THEIRS if first is Whose.OURS else Whose.OURS
    why = _unknown(seen)
    says = f"one of its places cannot be looked at: {why}" if why else "it is at both places" if there else "it is gone"
    return Decision(records[first], Whose.BOTH, says, records[other])


def _unknown(seen: Mapping[Whose, Observation]) -> str:
    return next((have.reason for have in seen.values() if isinstance(have, Unknown)), "")


def _age(lockfile: Lockfile) -> tuple[int, str, str]:
    return (lockfile.serial, lockfile.applied.at, lockfile.apply)


def _observe(
    address: Address, want: AnyResource | None, record: AnyLocked | None, context: ObserveContext
) -> Observation:
    # what is wanted now lies elsewhere: the record is of what lies there
    near = want if want is not None and record is not None and want.source.id == record.source.id else None
    return KINDS[address.kind].observe(address, near, record, context)


def _same(address: Address, want: AnyResource | None, record: AnyLocked | None, have: Observation) -> bool:
    """Whether what is seen is what a whole record says."""
    if record is None or record.pending is not None or not isinstance(have, Seen):
        return False
    item = ResourceState(address, want, have, record)
    return record.attrs is not None and KINDS[address.kind].drifted(item) is None


def settled(merged: Merged, decided: Mapping[Address, Decision], above: int = 0) -> Lockfile:
    """The whole lockfile, with what was decided of each conflict; its serial is above ``above`` too."""
    lockfile = merged.settled({address: decision.record for address, decision in decided.items()}, above)
    resources = dict(lockfile.resources)
    for address, decision in decided.items():
        if decision.beside is not None:
            old = old_place(address, resources)
            resources[old] = replace(decision.beside, source=replace(decision.beside.source, of=str(old)))
    return replace(lockfile, resources=resources)


def _undecided(address: Address, sides: Sides, why: str) -> Decision:
    """Both records as one: nothing that either gave may be taken away before somebody has looked."""
    known = [record for record in (sides.ours, sides.theirs) if record is not None]
    first, other = known[0], known[-1]
    begun = [r.pending for r in known if r.pending is not None]
    kind, attrs = KINDS[address.kind], other.attrs
    for pending in begun:
        if pending.attrs is not None:
            attrs = kind.begun(pending.attrs if attrs is None else attrs, pending)
    phases = (UNDECIDED,) if len(known) > 1 else ("create", UNDECIDED)
    needs = union(*(r.needs for r in known), *(p.needs for p in begun))
    generation = max(*(r.generation for r in known), *(p.generation for p in begun), 0)
    pending = Pending(phases, attrs, needs, generation)
    protected = any(r.protected for r in known)
    return Decision(replace(first, pending=pending, protected=protected), Whose.BOTH, why)
