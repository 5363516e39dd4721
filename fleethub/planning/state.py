"""What is on the table while one plan is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from typing import Any

from fleethub.kinds import KINDS
from fleethub.kinds.compare import union
from fleethub.kinds.interface import Kind
from fleethub.kinds.values import AnyState, ObserveContext, ResourceState
from fleethub.model.address import Address, successor, turn
from fleethub.model.dataclass import dataclass
from fleethub.model.observation import AnyLocked, AnyResource, Lockfile, Needs, Observation, Unknown
from fleethub.model.plan import Blocker
from fleethub.planning.judge import Verdict


@dataclass(slots=True)
class PlanningState:
    """What is on the table while one plan is made."""

    items: dict[Address, AnyState]
    verdicts: dict[Address, Verdict]
    needs: dict[Address, Needs]
    running: dict[Address, Needs]
    refused: dict[tuple[str, str], Blocker]  # (backend, alias) that must not be wired
    barred: dict[Address, Blocker]  # what a reading says no to: it is not changed, and nobody is wired to it
    users: dict[Address, list[Address]] = field(default_factory=dict)
    gates: dict[Address, tuple[Blocker, ...]] = field(default_factory=dict)
    takers: dict[Address, Address] = field(default_factory=dict)  # what goes -> what takes its place
    successors: dict[Address, Address] = field(default_factory=dict)  # an old place -> what moved from there

    def kind(self, address: Address) -> Kind[Any, Any, Any]:
        """What kind of thing it is."""
        return KINDS[address.kind]


def items_of(
    wanted: Mapping[Address, AnyResource], lockfile: Lockfile | None, context: ObserveContext, blocks: Mapping[str, str]
) -> dict[Address, AnyState]:
    locked = lockfile.resources if lockfile else {}
    items = {}
    for address in sorted({*wanted, *locked}):
        want, record_ = wanted.get(address), locked.get(address)
        have = observed(KINDS[address.kind], address, want, record_, context, blocks)
        want = KINDS[address.kind].completed(want, have, record_) if want else None
        items[address] = ResourceState(address, want, have, record_)
    return _with_places(items)


def _with_places(items: dict[Address, AnyState]) -> dict[Address, AnyState]:
    """Each with what is left of it at its old places, and each old place with what came of it."""
    places: dict[Address, list[AnyState]] = {}
    for address, item in items.items():
        if (now := successor(address)) is not None:
            places.setdefault(now, []).append(item)
    for now, old in places.items():
        moved = items[now].want if now in items else None
        items |= {item.address: replace(item, moved=moved) for item in old}
        if now in items:
            items[now] = replace(items[now], earlier=tuple(sorted(old, key=lambda item: turn(item.address))))
    return items


def observed(
    kind: Kind[Any, Any, Any],
    address: Address,
    want: AnyResource | None,
    locked: AnyLocked | None,
    context: ObserveContext,
    blocks: Mapping[str, str],
) -> Observation:
    """What the facts say of one resource; of one that is blocked, nothing that they say is believed."""
    source = want.source if want else locked.source if locked else None
    if reason := blocks.get(str(address)) or blocks.get(source.of if source else ""):
        return Unknown(reason, context.facts.at)
    return kind.observe(address, want, locked, context)


def needs_of(item: AnyState) -> Needs:
    """What it uses by any account: wanted, last applied, or begun."""
    locked = item.locked
    begun = locked.pending.needs if locked and locked.pending else {}
    return union(item.want.needs if item.want else {}, locked.needs if locked else {}, begun)
