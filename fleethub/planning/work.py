"""The steps of every resource, and what each owes to those that use it."""

from __future__ import annotations

from dataclasses import replace

from fleethub.kinds import KINDS
from fleethub.kinds.values import Dependents, Work
from fleethub.model.address import Address
from fleethub.model.observation import Seen, Unknown
from fleethub.model.plan import Action, Blocker, Phase, Why
from fleethub.planning.gates import CHANGES, refused_entries
from fleethub.planning.state import PlanningState


def work(state: PlanningState) -> dict[Address, Work]:
    """Steps of every resource, things before consumers; consumers that only settle join where something contracts."""
    found: dict[Address, Work] = {}
    contracting: set[Address] = set()
    for address in sorted(state.items, key=lambda a: list(KINDS).index(a.kind)):
        item, action, kind = state.items[address], state.verdicts[address].action, state.kind(address)
        users = state.users.get(address, [])
        delivered = any(_delivered(state, user, address) for user in users)
        dependents = Dependents(
            running=frozenset().union(*(state.running.get(a, {}).get(address, frozenset()) for a in users)),
            refused=refused_entries(state, item),
            delivered=delivered,
            unsettled=tuple(o for a in users for o in _unsettled(state, a)),
            let_go=state.verdicts[address].let_go,
        )
        active = (action in (*CHANGES, Action.DELETE) or dependents.let_go) and not state.gates.get(address)
        proved = delivered and kind.provable and action in (None, Action.RECORD)
        found[address] = kind.steps(item, dependents) if active or proved else Work()
        if any(step.phase is Phase.CONTRACT for step in found[address].steps):
            contracting |= {a for a in users if state.kind(a).consumer}
    for address in contracting:
        item = state.items[address]
        if not found[address].steps and item.want is not None and isinstance(item.have, Seen):
            found[address] = state.kind(address).steps(item, Dependents())
    return found


def hold_left_behind(state: PlanningState) -> None:
    """An old place is not taken down before what moved from there is at its new one, and has settled."""
    for address, moved in state.successors.items():
        verdict = state.verdicts[address]
        item = state.items.get(moved)
        if verdict.action is Action.DELETE and item is not None and item.want and (why := _unsettled(state, moved)):
            state.verdicts[address] = replace(verdict, action=Action.BLOCKED, blockers=why)


def _delivered(state: PlanningState, user: Address, address: Address) -> bool:
    """Whether a consumer is changed in this plan, and needs the thing proved for that."""
    item = state.items[user]
    return (
        state.verdicts[user].action in CHANGES
        and not state.gates.get(user)
        and item.want is not None
        and address in item.want.needs
        and state.kind(user).rewired(item)
    )


def _unsettled(state: PlanningState, consumer: Address) -> tuple[Blocker, ...]:
    """Why a consumer may still be using what it used: empty when this plan settles or removes it, or it has settled."""
    item, verdict = state.items[consumer], state.verdicts[consumer]
    gates = state.gates.get(consumer, ())
    if verdict.action is Action.BLOCKED or gates:
        reason = (verdict.blockers or gates)[0]
        return (Blocker(Why.WAITS, f"waits for {consumer}: {reason.reason}"),)
    if isinstance(item.have, Unknown) and verdict.action is not Action.RECORD:  # that one is let go unseen
        return (Blocker(Why.WAITS, f"waits for {consumer}: {item.have.reason}"),)
    why = state.kind(consumer).unsettled(item) if verdict.action in CHANGES else None
    return (Blocker(Why.WAITS, f"waits for {consumer}: {why.reason}"),) if why is not None else ()
