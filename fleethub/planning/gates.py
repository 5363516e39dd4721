"""What holds a verdict back: two at one place, what is still used, what a consumer must not be wired to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from fleethub.kinds import KINDS
from fleethub.kinds.compare import in_use, union
from fleethub.kinds.values import AnyState
from fleethub.model.address import Address
from fleethub.model.facts import Facts
from fleethub.model.fleet import Fleet
from fleethub.model.observation import Absent, AnyLocked, AnyResource, Unknown
from fleethub.model.plan import Action, Blocker, Why
from fleethub.planning.judge import Verdict
from fleethub.planning.state import PlanningState

CHANGES = (Action.CREATE, Action.UPDATE)


def hold_shared(state: PlanningState) -> None:
    """Two that were applied to one source cannot both be there, so neither is removed for what lies there."""
    there: dict[tuple[str, str], list[Address]] = {}
    for address, item in state.items.items():
        if state.kind(address).exclusive and item.locked and item.locked.attrs and item.locked.pending is None:
            there.setdefault(item.locked.source.id, []).append(address)
    for (_, at), sharing in there.items():
        for address in sharing if len(sharing) > 1 else ():
            if state.verdicts[address].action is Action.DELETE:
                message = f"fleet.lock has {' and '.join(map(str, sharing))} at {at}: where {address} is cannot be told"
                found = state.kind(address).shared(address, message)
                state.verdicts[address] = Verdict(Action.BLOCKED, (Blocker(Why.REFUSED, message),), (found,))


def hold_renamed(state: PlanningState, fleet: Fleet) -> None:
    """What the spec wants under another name is not deleted as what it was: it is one thing, at one source or seen
    by two URLs; where the new one is not read, that is not known.
    """
    wanted = {a: item.want for a, item in state.items.items() if item.want is not None}
    locked = {a: item.locked for a, item in state.items.items() if item.locked is not None}
    same = renamed_unsaid(wanted, locked, fleet)
    unsaid = {a: one for a, one in same.items() if not _are_two(state, fleet, a, one[0])}
    for address, why in ({a: why for a, (_, why) in unsaid.items()} | _seen_as_others(state, fleet)).items():
        if state.verdicts[address].action is not Action.DELETE:
            continue
        action, blockers = (Action.BLOCKED, (why,)) if why is not None else (Action.RECORD, ())
        state.verdicts[address] = replace(state.verdicts[address], action=action, blockers=blockers)
        if why is not None and address in unsaid and state.verdicts[now := unsaid[address][0]].action is Action.CREATE:
            # once it is made anew, the other one cannot become it any more
            waits = Blocker(Why.WAITS, f"waits for {address}: {why.reason}")
            state.verdicts[now] = replace(state.verdicts[now], action=Action.BLOCKED, blockers=(waits,))


def _are_two(state: PlanningState, fleet: Fleet, old: Address, new: Address) -> bool:
    """Whether what has both names at one source is seen to be two things, as where two proxies swapped their URLs."""
    was, now = state.items[old], state.items[new]
    if was.seen is None:
        return False
    if now.seen is None:  # who is still in the spec was not renamed
        return isinstance(now.have, Absent) and _stays(old, fleet)
    known = state.kind(old).known_by(was), state.kind(new).known_by(now)
    return all(known) and known[0] != known[1]


def _stays(address: Address, fleet: Fleet) -> bool:
    """Whether the proxy or backend that it is of is in the spec by that name."""
    group, _, name = KINDS[address.kind].block(address).partition(".")
    return name in {"proxy": fleet.proxies, "backend": fleet.backends}.get(group, {})


def _seen_as_others(state: PlanningState, fleet: Fleet) -> dict[Address, Blocker | None]:
    """The same by what is seen, whatever the URLs are; and what may be so, where nobody could look at the new one."""
    new = {a: item for a, item in state.items.items() if item.want is not None and a.alias != a.name}
    there = {(a.kind, known): a for a, item in new.items() if (known := state.kind(a).known_by(item))}
    unread = {(a.kind, a.alias): (a, i.have.reason) for a, i in new.items()
              if i.locked is None and isinstance(i.have, Unknown)}  # fmt: skip
    found: dict[Address, Blocker | None] = {}
    for address, item in state.items.items():
        known = state.kind(address).known_by(item) if item.want is None else ""
        if known and (now := there.get((address.kind, known))) is not None:
            found[address] = _by_another_name(address, now, fleet) if new[now].locked is None else None
        elif known and (address.kind, address.alias) in unread:
            now, why = unread[address.kind, address.alias]
            found[address] = Blocker(Why.UNKNOWN, f"whether it is {now} by another name is not known: {why}")
    return found


def _by_another_name(address: Address, now: Address, fleet: Fleet) -> Blocker:
    old, new = (KINDS[one.kind].block(one) for one in (address, now))
    if old != new and _stays(address, fleet):  # where [[moved]] is refused
        how = f"give {now} another name, or take {old} out of the spec and write [[moved]] from it to {new}"
        return Blocker(Why.POLICY, f"it is {now} by another name, and {old} is in the spec: {how}")
    if old == new:
        old, new = (f"{one.kind}.{one.alias}" for one in (address, now))
    why = f'it is {now} by another name: [[moved]] with from = "{old}" and to = "{new}" keeps it'
    return Blocker(Why.POLICY, why)


def renamed_unsaid(
    wanted: Mapping[Address, AnyResource], locked: Mapping[Address, AnyLocked], fleet: Fleet
) -> dict[Address, tuple[Address, Blocker | None]]:
    """Of what is recorded and not wanted: what it is under another name of its proxy or backend, and why it waits.

    None: it is recorded under that name as well, so that only the old record goes.
    """
    there = {(a.kind, a.alias, want.source.id): a for a, want in wanted.items() if a.alias != a.name}
    found: dict[Address, tuple[Address, Blocker | None]] = {}
    for address in locked.keys() - wanted.keys():
        now = there.get((address.kind, address.alias, locked[address].source.id))
        if now is not None:
            found[address] = now, _by_another_name(address, now, fleet) if now not in locked else None
    return found


def let_go(state: PlanningState) -> None:
    """What is wanted no more and yet used by what is wanted is not deleted.

    It stays in the lockfile, for it lives, until nobody uses it. Of what has a source of its own, and another comes
    there, only the record goes, once that one is there.
    """
    kept = {a: i for a, i in state.items.items() if i.want is not None}
    used = {thing for item in kept.values() for thing in (item.want.needs if item.want else ())}
    takers = {i.want.source.id: a for a, i in kept.items() if i.want and state.kind(a).exclusive}
    for address, verdict in list(state.verdicts.items()):
        item = state.items[address]
        if verdict.action is not Action.DELETE or item.locked is None:
            continue
        taker = takers.get(item.locked.source.id) if state.kind(address).exclusive else None
        if taker is not None:  # what runs there now still uses what the old block gave it
            newcomer = state.items[taker]
            state.items[taker] = replace(newcomer, displaced=(*newcomer.displaced, item))
            state.needs[taker] = union(state.needs[taker], state.needs[address])
            state.running[taker] = union(state.running[taker], state.running[address])
        if address in used:
            state.verdicts[address] = replace(verdict, action=None)
        if taker is not None:
            state.verdicts[address] = replace(verdict, action=Action.RECORD)
        if taker is not None and state.verdicts[taker].action is Action.BLOCKED:
            why = Blocker(
                Why.WAITS, f"waits for {taker}, which takes its place: {state.verdicts[taker].blockers[0].reason}"
            )
            state.verdicts[address] = replace(verdict, action=Action.BLOCKED, blockers=(why,))
        state.takers |= {address: taker} if taker is not None else {}


def hold_outrun(state: PlanningState, facts: Facts) -> None:
    """Hold back who would call at another URL with a key that is not there, for as long as it runs with that one."""
    for address, item in state.items.items():
        kind, runs = state.kind(address), _as_it_runs(item)
        if item.want is None or state.verdicts[address].action not in CHANGES or not kind.outruns(runs):
            continue
        pairs = ((a, b) for a in in_use(runs) for b in item.want.needs if (a.kind, a.owner) == (b.kind, b.owner))
        for old, new in pairs:
            had, wants = state.items.get(old), state.items.get(new)
            if had is None or wants is None or (old != new and old in item.want.needs):
                continue
            why = state.kind(old).outrun(address, had, wants, facts)
            if why is not None and (old == new or state.verdicts[new].action is Action.CREATE):
                # once it is made there, nothing tells any more with what is called
                state.verdicts[new] = replace(state.verdicts[new], action=Action.BLOCKED, blockers=(why,))
            elif why is not None:
                state.gates[address] = (*state.gates.get(address, ()), why)


def _as_it_runs(item: AnyState) -> AnyState:
    """With the record of what runs there until it comes."""
    if item.displaced and (item.locked is None or item.locked.attrs is None):
        return replace(item, locked=item.displaced[-1].locked)
    return item


def gate(state: PlanningState, fleet: Fleet, facts: Facts) -> None:
    """Hold back consumers whose models are refused, whose providers cannot be proved, or that are barred."""
    for address, item in state.items.items():
        verdict, kind = state.verdicts[address], state.kind(address)
        if not kind.consumer or item.want is None or verdict.action not in CHANGES:
            continue
        gates = [state.barred[address]] if address in state.barred else []
        gates += [*state.gates.get(address, ()), *kind.gates(_as_it_runs(item), facts)]
        loads = kind.loads(item, fleet)
        gates += [why for pair, why in state.refused.items() if pair in loads]
        # what lacks a file of its wiring calls nothing yet, whatever is recorded of it
        before = item.locked.needs if item.locked and kind.wired(item) else {}
        rewired = kind.rewired(item)
        for thing, entries in item.want.needs.items():
            if thing in state.barred and before.get(thing) is None:
                gates.append(state.barred[thing])
            if rewired:
                gates += _waits_for(state, thing, entries)
        state.gates[address] = tuple(dict.fromkeys(gates))


def hold_unused(state: PlanningState) -> None:
    """What is only made for consumers that are refused is not made either: nobody would use it."""
    for address, verdict in list(state.verdicts.items()):
        item = state.items[address]
        if verdict.action is not Action.CREATE or item.want is None or not state.kind(address).provable:
            continue
        users = [user for user in state.users.get(address, ()) if state.items[user].want is not None]
        refused = [user for user in users if _never_came(state, user)]
        if users and len(refused) == len(users):
            why = Blocker(Why.WAITS, f"waits for {refused[0]}: {state.verdicts[refused[0]].blockers[0].reason}")
            state.verdicts[address] = replace(verdict, action=Action.BLOCKED, blockers=(why,))


def _never_came(state: PlanningState, consumer: Address) -> bool:
    """Whether a consumer is refused, and runs with nothing of before either."""
    verdict, locked = state.verdicts[consumer], state.items[consumer].locked
    refused = verdict.action is Action.BLOCKED and any(blocker.why is Why.REFUSED for blocker in verdict.blockers)
    return refused and (locked is None or (locked.attrs is None and locked.pending is None))


def _waits_for(state: PlanningState, thing: Address, entries: frozenset[str]) -> list[Blocker]:
    """Why a thing cannot be relied on: it is blocked, or may not gain what is needed of it and be proved."""
    other = state.verdicts.get(thing)
    if other and other.action is Action.BLOCKED:
        why = Why.UNKNOWN if any(o.why is Why.UNKNOWN for o in other.blockers) else Why.WAITS
        return [Blocker(why, f"waits for {thing}: {other.blockers[0].reason}")]
    if not state.kind(thing).provable:
        return []
    item = state.items[thing]
    held = refused_entries(state, item)
    have = state.kind(thing).grants(item.seen.attrs) if item.seen else frozenset()
    return [held[entry] for entry in sorted(entries) if entry in held and entry not in have]


def refused_entries(state: PlanningState, item: AnyState) -> dict[str, Blocker]:
    """Which entries of a thing may not be added: refused by capacity, or missing where they are called."""
    refused = {alias: why for (_, alias), why in state.refused.items()}
    found = {}
    for entry, thing in state.kind(item.address).entries(item).items():
        if entry in refused:
            found[entry] = refused[entry]
        elif thing in state.barred:
            found[entry] = state.barred[thing]
    return found
