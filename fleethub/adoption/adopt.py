"""Take things that are there into the lockfile, as they are: nothing is sent, and the plan that follows is empty.

What would be changed by that plan is not taken, and it is said what differs: the spec has to say it first.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from fleethub.kinds import KINDS
from fleethub.kinds.compare import record
from fleethub.kinds.proxies import proxy_source
from fleethub.kinds.values import ObserveContext
from fleethub.model.address import Address
from fleethub.model.capacity import PlannedModel
from fleethub.model.dataclass import dataclass
from fleethub.model.facts import Facts
from fleethub.model.finding import Finding
from fleethub.model.fleet import Fleet
from fleethub.model.observation import AnyLocked, AnyResource, Lockfile
from fleethub.model.plan import Action, Change, Plan
from fleethub.model.readings.proxy import KeyRow, ProxyReading
from fleethub.model.secret import Fingerprinter
from fleethub.placement.assess import assess
from fleethub.placement.planned import planned_sets
from fleethub.planning import make_plan
from fleethub.planning.identity import identity
from fleethub.planning.state import items_of


@dataclass(frozen=True, slots=True)
class Adoption:
    """``plan`` records what is taken, and has no step; ``after`` is the plan that follows it. ``left``: why not."""

    plan: Plan
    after: Plan
    left: Mapping[Address, str]

    @property
    def taken(self) -> tuple[Address, ...]:
        """What the lockfile will have."""
        return tuple(change.address for change in self.plan.changes)


def keeping(fleet: Fleet, facts: Facts, fingerprinter: Fingerprinter, chosen: Collection[Address]) -> Fleet:
    """The fleet with the values that the chosen keys have now as their own; without the seed, or two, none is."""
    kept, floors, endings = dict(fleet.kept), dict(fleet.floors), dict(fleet.endings)
    for address in sorted(chosen):
        row = row_of(fleet, facts, address)
        value = fingerprinter.sha256(bytes.fromhex(row.token)) if row is not None else None
        if value is not None and value != fleet.kept.get(address):
            kept[address], floors[address] = value, fleet.generation(address)
            if row is not None and row.expires:
                endings[address] = row.expires
    return replace(fleet, kept=kept, floors=floors, endings=endings)


def row_of(fleet: Fleet, facts: Facts, address: Address) -> KeyRow | None:
    """The only key that has this alias on its proxy."""
    proxy = fleet.proxies.get(address.owner)
    reading = facts.of(proxy_source(proxy)) if proxy is not None and address.kind == "key" else None
    rows = reading.keys.get(address.alias, ()) if isinstance(reading, ProxyReading) else ()
    return rows[0] if len(rows) == 1 else None


def adopt(
    fleet: Fleet,
    lockfile: Lockfile,
    wanted: Mapping[Address, AnyResource],
    facts: Facts,
    fingerprinter: Fingerprinter,
    chosen: Collection[Address],
    findings: Sequence[Finding] = (),
    blocks: Mapping[str, str] | None = None,
) -> Adoption:
    """Take of ``chosen`` what then needs no change. ``fleet`` and ``wanted`` are made with the values kept.

    ``lockfile`` is an empty one, of a lineage of its own, before the first apply.
    """
    left = {a: f"the spec names no model of it on {a.owner}" for a in chosen if a not in wanted}
    context = ObserveContext(facts, fingerprinter, lockfile.lineage, fleet)
    items = items_of({a: wanted[a] for a in chosen if a in wanted}, lockfile, context, blocks or {})
    # of what is not there, and what nobody could look at, the plan says so
    records = {a: record(i.want) for a, i in sorted(items.items()) if i.want and a not in lockfile.resources}
    for address, keyless in _keyless(records, lockfile).items():
        left[address] = keyless
        del records[address]
    while True:
        held = with_called(fleet, facts, lockfile, records)
        after = make_plan(fleet, held, wanted, facts, fingerprinter, findings, False, blocks or {})
        wrong = _wrong(fleet, after, records)
        if not wrong or after.fatal:
            break
        if users := _users(after, records, wrong):
            left |= users  # without them their key may be taken: whoever asked proposes again
            break
        left |= wrong
        records = {a: r for a, r in records.items() if a not in wrong}
    if after.fatal:
        records = {}
    changes = tuple(
        Change(a, Action.RECORD, title=KINDS[a.kind].title(a), owner=r.owner, locked=r) for a, r in records.items()
    )
    plan = replace(
        after,
        id=identity(fleet, lockfile, changes, {a: items[a] for a in records}, ()),
        sentence="",
        changes=changes,
        steps=(),
        drift=(),
        planned=held.planned,
        serial=lockfile.serial,
        lineage=lockfile.lineage,
        # what an apply could not do is still owed: nothing but these records is new
        left_out=tuple(sorted(lockfile.owed.keys() - records.keys())) or None,
    )
    return Adoption(plan, after, left)


def with_called(fleet: Fleet, facts: Facts, lockfile: Lockfile, records: Mapping[Address, AnyLocked]) -> Lockfile:
    """The lockfile with these records, and with what they call in the planned sets: they call it already."""
    called = {model for r in records.values() for models in r.needs.values() for model in models}
    planned: dict[str, tuple[PlannedModel, ...]] = dict(lockfile.planned)
    for name, entries in planned_sets(fleet).items():
        before = {entry.model for entry in planned.get(name, ())}
        now = tuple(entry for entry in entries if entry.model in called | before)
        if now and called - before:
            planned[name] = assess(fleet, fleet.backends[name], facts, now, now).planned
    return replace(lockfile, resources={**lockfile.resources, **records}, planned=planned)


def _wrong(fleet: Fleet, after: Plan, records: Mapping[Address, AnyLocked]) -> dict[Address, str]:
    """What of the records the plan would not leave as it is, and why, in words."""
    drifted = {d.address for d in after.drift}
    found = {d.address: d.summary for d in after.drift if d.address in records}
    for finding in after.findings:
        if finding.code == "key.kept-whole" and finding.address is not None:
            for address in records:
                if address.kind == "key" and address.alias == fleet.nodes[finding.address.name].key:
                    found[address] = f"{finding.message}; {finding.hint}"
    for change in after.changes:
        if change.address in records:
            # that it was changed by hand is what nobody says of a thing that FleetHub never had
            why = [] if change.address in drifted else [blocker.reason for blocker in change.blockers]
            lacking = _lacking(change)
            why += [f"it may not call {', '.join(sorted(lacking))}, which the spec needs"] if lacking else []
            why += [f"{'.'.join(one.path)} is {_shown(one.before)}, and would become {_shown(one.after)}"
                    for one in change.fields if not lacking or one.path != ("models",)]  # fmt: skip
            why += [f"{file.path} would be written anew" for file in change.files]
            found[change.address] = "; ".join(dict.fromkeys(why)) or change.action.value
    return found


def _keyless(records: Mapping[Address, AnyLocked], lockfile: Lockfile) -> dict[Address, str]:
    """Who needs a key that is neither taken nor FleetHub's already."""
    known = {*records, *lockfile.resources}
    return {
        address: f"its key {need} is not taken"
        for address, one in records.items()
        for need in one.needs
        if need.kind == "key" and need not in known
    }


def _users(after: Plan, records: Mapping[Address, AnyLocked], wrong: Mapping[Address, str]) -> dict[Address, str]:
    """Who has a key that cannot be taken as it is; where the key lacks what some of them call, those."""
    found: dict[Address, str] = {}
    for key in (address for address in wrong if address.kind == "key"):
        users = {a for a, one in records.items() if key in one.needs and a not in wrong}
        lacking = {model for change in after.changes if change.address == key for model in _lacking(change)}
        callers = {a for a in users if records[a].needs[key] & lacking}
        found |= dict.fromkeys(callers or users, f"its key {key}: {wrong[key]}")
    return found


def _lacking(change: Change) -> set[str]:
    """The models that a key would have to be given."""
    sides = next(((f.before, f.after) for f in change.fields if f.path == ("models",)), ((), ()))
    before, after = (set(side) if isinstance(side, list | tuple) else set[str]() for side in sides)
    return after - before


def _shown(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return "none" if value is None or repr(value) == "(absent)" else str(value)
