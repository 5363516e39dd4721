"""The one ordering rule: for each thing a node needs, expand and prove it; deliver, settle; then contract it.

It knows phases and needs, and no kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from fleethub.model.address import Address
from fleethub.model.observation import Needs
from fleethub.model.plan import Phase, Step


def order(
    work: Mapping[Address, tuple[Step, ...]],
    needs: Mapping[Address, Needs],
    successors: Mapping[Address, Address] = MappingProxyType({}),
) -> tuple[Step, ...]:
    """Steps of all resources, wired: ``needs`` says what each resource uses of others, wanted and last applied.

    ``successors``: an old place -> what moved from there, which comes first.
    """
    dependents: dict[Address, set[Address]] = {}
    for consumer, uses in needs.items():
        for thing in uses:
            dependents.setdefault(thing, set()).add(consumer)
    wired: list[Step] = []
    for address, steps in work.items():
        for step in steps:
            after = list(step.after)
            if step.phase in (Phase.PROVE, Phase.DELIVER):
                for thing in needs.get(address, ()):
                    after += [s.id for s in work.get(thing, ()) if s.phase in (Phase.EXPAND, Phase.PROVE)]
            if step.phase is Phase.CONTRACT:
                for consumer in dependents.get(address, ()):
                    last = [s.id for s in work.get(consumer, ()) if s.phase in _released(work[consumer])]
                    after += last
                after += [s.id for s in work.get(successors.get(address, address), ()) if s.address != address]
            wired.append(replace(step, after=tuple(dict.fromkeys(after))))
    return tuple(sorted(wired, key=lambda s: (s.phase, str(s.address), s.id)))


def _released(steps: tuple[Step, ...]) -> set[Phase]:
    """The phases of a consumer after which it no longer uses what it used before."""
    phases = {step.phase for step in steps}
    if Phase.CONTRACT in phases:
        return {Phase.CONTRACT}
    return {Phase.SETTLE} if Phase.SETTLE in phases else phases
