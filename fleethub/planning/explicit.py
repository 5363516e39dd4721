"""What only somebody's explicit order does: let go of what cannot be reached, and delete what nothing names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from fleethub.kinds import KINDS
from fleethub.kinds.values import ObserveContext, of_kind
from fleethub.model.address import Address, successor
from fleethub.model.fleet import Fleet
from fleethub.model.observation import Unknown
from fleethub.model.plan import Action, Blocker, Change, Orders, Phase, Step, Why
from fleethub.planning.judge import Verdict
from fleethub.planning.state import PlanningState


def let_stay(state: PlanningState, orders: Orders) -> None:
    """What was there before FleetHub is let go of, not deleted, when the whole fleet is taken away, or with a consumer
    that uses it and runs on; when the whole fleet is, so is all else that such a consumer has. One that is let go of
    unseen does not run on.
    """
    gone = {a for a in orders.forget & state.items.keys() if isinstance(state.items[a].have, Unknown)}
    going = [
        i
        for a, i in state.items.items()
        if state.kind(a).consumer
        and state.kind(a).goes_on(i)
        and (orders.uninstall or i.want is None)
        and a not in gone
    ]
    used = {need for item in going if item.locked is not None for need in item.locked.needs}
    for address, item in state.items.items():
        if state.verdicts[address].action is not Action.DELETE or state.kind(address).consumer:
            continue
        says = state.kind(address).stays(item) if orders.uninstall or address in used else ""
        if not says and orders.uninstall and address in used:
            more = state.kind(address).unfinished(item)
            says = "what runs on uses it, so it stays" + (f" with {more}" if more else "")
        if says:
            state.verdicts[address] = replace(state.verdicts[address], action=Action.RECORD, says=says, let_go=True)


def forget(state: PlanningState, orders: Orders) -> None:
    """Only the record goes of what the spec has no more and nobody can look at, or was there before FleetHub; what else
    is reached is removed as usual.
    """
    for address in orders.forget & state.items.keys():
        item = state.items[address]
        unseen, stays = isinstance(item.have, Unknown), state.kind(address).stays(item)
        if item.want is None and item.locked and not item.locked.protected and (unseen or stays):
            state.verdicts[address] = Verdict(Action.RECORD, says="" if unseen else stays, let_go=not unseen)
            now = state.items.get(successor(address) or address)
            if now is not None and now.earlier:  # nobody waits for what is let go of
                left = tuple(old for old in now.earlier if old.address != address)
                state.items[now.address] = replace(now, earlier=left)


def prune(
    state: PlanningState, orders: Orders, fleet: Fleet, context: ObserveContext, settles: Sequence[Step]
) -> Mapping[Address, tuple[Change, tuple[Step, ...]]]:
    """The deletion of each orphan, after all that settles in this plan; it waits for every consumer that is held back.

    An orphan may be what a consumer still runs with whose record was lost.
    """
    if not orders.prune:
        return {}
    held = [a for a, v in state.verdicts.items() if state.kind(a).consumer and (v.action is Action.BLOCKED)]
    held += [a for a, why in state.gates.items() if why]
    after = tuple(step.id for step in settles if step.phase is Phase.SETTLE)
    found: dict[Address, tuple[Change, tuple[Step, ...]]] = {}
    for name, kind in KINDS.items():
        for step in kind.prune(tuple(of_kind(name, state.items).values()), fleet, context):
            change, steps = found.get(step.address, (_deletion(step.address, held), ()))
            found[step.address] = (change, (*steps, replace(step, after=after)) if not held else ())
    return found


def _deletion(address: Address, held: Sequence[Address]) -> Change:
    why = f"waits for {held[0]}, which may still use it" if held else ""
    return Change(
        address,
        Action.BLOCKED if held else Action.DELETE,
        blockers=(Blocker(Why.WAITS, why),) if held else (),
        title=KINDS[address.kind].title(address),
        consequence="an orphan: it has this fleet's mark, and nothing names it",
    )
