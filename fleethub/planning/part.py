"""A plan of a part of a fleet: what was named, what that needs, and nothing else; what is left out holds back as usual.

What is left out counts as blocked while the rest is planned. So a key that it shares is widened and not narrowed, and
a node whose key is left out waits: every step of such a plan is one of the whole plan's, in the same order.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

from fleethub.model.address import Address
from fleethub.model.observation import Needs
from fleethub.model.plan import Action, Blocker, Part, Why
from fleethub.planning.judge import Verdict
from fleethub.planning.state import PlanningState

LEFT_OUT = Blocker(Why.POLICY, "it is left out of this plan")


def leave_out(state: PlanningState, part: Part) -> frozenset[Address]:
    """Hold back what the plan is not about, and return its addresses."""
    places = {*state.takers.items(), *state.successors.items()}
    left = frozenset(state.items) - _meant(part, state.needs, places)
    for address in left:
        if state.verdicts[address].action not in (None, Action.BLOCKED):
            state.verdicts[address] = Verdict(Action.BLOCKED, (LEFT_OUT,))
    return left


def _meant(
    part: Part, needs: Mapping[Address, Needs], places: Collection[tuple[Address, Address]]
) -> frozenset[Address]:
    """With a target goes what it needs, and whoever it changes places with; with an exclusion what nobody else uses,
    unless it is a target itself.

    ``places``: what goes from one, with who comes there; and an old place with who moved from it.
    """
    beside: dict[Address, set[Address]] = {}
    for old, new in places:
        beside.setdefault(old, set()).add(new)
        beside.setdefault(new, set()).add(old)
    meant = set(needs)
    if part.targets is not None:
        meant = _closed(part.targets, lambda a: {*needs.get(a, ()), *beside.get(a, ())})
    users: dict[Address, set[Address]] = {}
    for consumer, uses in needs.items():
        for thing in uses:
            users.setdefault(thing, set()).add(consumer)
    out = _closed(part.excluded, lambda a: beside.get(a, ()))
    named = part.targets or frozenset()
    while more := {thing for thing, by in users.items() if thing not in out | named and by <= out}:
        out |= more
    return frozenset(meant - out)


def _closed(start: Iterable[Address], more: Callable[[Address], Iterable[Address]]) -> set[Address]:
    found: set[Address] = set()
    new = set(start)
    while new:
        found |= new
        new = {other for address in new for other in more(address)} - found
    return found
