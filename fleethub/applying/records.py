"""What an apply writes into the lockfile: its intent before the first step, and after the last what became of it.

``lost``: the ids of steps that failed, or were not tried because of one that did.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import replace

from fleethub.kinds import KINDS
from fleethub.model.address import Address
from fleethub.model.capacity import PlannedModel
from fleethub.model.observation import AnyLocked, Lockfile, Pending
from fleethub.model.plan import Action, Phase, Plan, Step

#: What a record says beside its phases while it is not known whether the thing is there.
ENDS = (Action.CREATE, Action.DELETE)


def pending(plan: Plan, lockfile: Lockfile | None) -> dict[Address, AnyLocked]:
    """The intent of every resource with a step that changes it, merged with an intent that a crash left."""
    found: dict[Address, AnyLocked] = {}
    by_address: dict[Address, list[Step]] = {}
    for step in plan.steps:
        by_address.setdefault(step.address, []).append(step)
    for change in plan.changes:
        steps = by_address.get(change.address, [])
        if not any(s.locked is not None or s.removes or s.phase is Phase.DELIVER for s in steps):
            continue
        before = lockfile.resources.get(change.address) if lockfile else None
        wanted = change.locked
        phases = tuple(dict.fromkeys(s.phase.name.lower() for s in steps))
        if change.action in ENDS:
            phases = (change.action.value, *phases)
        needs = dict(wanted.needs) if wanted else {}
        for address, entries in (before.pending.needs if before and before.pending else {}).items():
            needs[address] = needs.get(address, frozenset()) | entries
        # of what was never there, the record is where it is made now
        start = replace(wanted, attrs=None, needs={}, shape="") if wanted and not (before and before.attrs) else before
        if start is not None:
            # of what goes, an intent that a crash left is all that tells what was made
            left = before.pending if before else None
            kind = KINDS[change.address.kind]
            attrs = kind.begun(wanted.attrs, left) if wanted else left.attrs if left else None
            generation = wanted.generation if wanted else left.generation if left else 0
            found[change.address] = replace(
                start,
                pending=Pending(phases, attrs, needs, generation),
            )
    return found


def planned(
    plan: Plan, lockfile: Lockfile | None, after: Lockfile, complete: bool
) -> Mapping[str, tuple[PlannedModel, ...]]:
    """The planned sets; where not all was done, a newcomer counts as admitted only if a key reaches it by now.

    So it is where a part of the fleet was left out; what was admitted there and is still reached stays beside.
    ``after``: the lockfile as the steps left it.
    """
    if complete and not plan.left_out:
        return plan.planned
    before = lockfile.planned if lockfile else {}
    reached = {
        m for a, record in after.resources.items() for m in (KINDS[a.kind].grants(record.attrs) if record.attrs else ())
    }
    found = {
        backend: tuple(e for e in entries if any(e.same(b) for b in before.get(backend, ())) or e.model in reached)
        for backend, entries in plan.planned.items()
    }
    for backend, entries in before.items() if plan.left_out else ():
        now = {e.model for e in found.get(backend, ())}
        still = (e for e in entries if e.model in reached and e.model not in now)
        found[backend] = tuple(sorted((*found.get(backend, ()), *still), key=lambda e: (e.model, e.context)))
    return {backend: entries for backend, entries in found.items() if entries}


def fits(plan: Plan, lockfile: Lockfile | None) -> Mapping[str, str]:
    """What is said of the sets; nothing new of a fleet of which a part was left out."""
    return plan.fits if not plan.left_out else lockfile.fits if lockfile else {}


def owed(plan: Plan, lockfile: Lockfile | None, lost: Set[str], now: str) -> Mapping[Address, str]:
    """What this apply could not do, with the time of the first that could not; of what it left out nothing is known."""
    before = lockfile.owed if lockfile else {}
    undone = {s.address for s in plan.steps if s.id in lost}
    undone |= {change.address for change in plan.changes if change.blockers}
    return {a: before.get(a, now) for a in undone} | {a: before[a] for a in plan.left_out or () if a in before}


def recorded(plan: Plan, lost: Set[str]) -> Iterable[tuple[Address, AnyLocked | None]]:
    """Where only the lockfile is behind; a record whose thing another takes over stays until that one has it."""
    undone = {s.address for s in plan.steps if s.id in lost}
    for change in plan.changes:
        if change.action is Action.RECORD and not {change.after, change.address} & undone:
            yield change.address, change.locked


def settled(plan: Plan, lost: Set[str], records: Mapping[Address, AnyLocked]) -> Iterable[tuple[Address, AnyLocked]]:
    """Take the intent off every resource whose steps all succeeded; what is held back keeps a contract pending."""
    held = {c.address: c for c in plan.changes if c.blockers}
    touched: dict[Address, bool] = {}
    for step in plan.steps:
        touched[step.address] = touched.get(step.address, True) and step.id not in lost
    recorded = {step.address for step in plan.steps if step.locked is not None or step.removes}
    for address, whole in touched.items():
        record = records.get(address)
        if record is None or not whole or address not in recorded:
            continue
        pending = None
        if address in held and record.pending is not None:
            pending = replace(record.pending, phases=("contract",))
        if record.pending != pending:
            yield address, replace(record, pending=pending)
