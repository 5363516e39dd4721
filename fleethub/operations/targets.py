"""``--target`` and ``--exclude``: the part of the fleet that a plan is about. ``--forget`` and ``--prune``: orders."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from fleethub.model.address import CALLERS, Address
from fleethub.model.address import node as node_address
from fleethub.model.block import Block
from fleethub.model.errors import FleetHubError, InputError
from fleethub.model.exit import Exit
from fleethub.model.fleet import Fleet
from fleethub.model.observation import AnyLocked, AnyResource
from fleethub.model.plan import Action, Orders, Part, Plan
from fleethub.model.text import same_name
from fleethub.operations.edit_ownership import owns

ALLOWED = "an address (node.volta), a pattern (node.v*, '*.main.*'), a bare name (volta), or @LABEL or @LABEL=VALUE"
MANY = 4  # names that a line shows


def part_of(targets: Sequence[str], excludes: Sequence[str], fleet: Fleet, known: Collection[Address]) -> Part:
    """What the patterns name among the ``known`` addresses; raises InputError for one that names nothing."""
    out = frozenset(a for text in excludes for a in addresses_of(text, "--exclude", fleet, known))
    if not targets:
        return Part(None, out)
    return Part(frozenset(a for text in targets for a in addresses_of(text, "--target", fleet, known)), out)


def part_notes(part: Part, plan: Plan) -> Iterable[str]:
    """What the plan takes along beside what was named, and what it leaves out."""
    if plan.left_out is None:
        return
    along = [c.address for c in plan.changes if part.targets is not None and c.address not in part.targets]
    if along:
        yield f"taken along, for a target needs it: {_listed(along)}"
    if plan.left_out:
        yield f"left out: {_listed(plan.left_out)}; fleethub plan shows the whole fleet"


def nodes_named(patterns: Iterable[str], fleet: Fleet, names: Iterable[str]) -> frozenset[str]:
    """Those of the names of nodes that any pattern names: a name, a pattern of names, or a label."""
    known = [node_address(name) for name in names]
    found = (_labelled(p[1:], fleet, known) if p.startswith("@") else _matching(p, known) for p in patterns)
    return frozenset(address.name for those in found for address in those)


class OthersTarget(FleetHubError):
    """What was named as a target belongs to somebody else than who asks."""

    code = "node.owned"
    exit = Exit.REFUSED


def others(
    project: str, fleet: Fleet, wanted: Mapping[Address, AnyResource], known: Mapping[Address, AnyLocked]
) -> Mapping[Address, str]:
    """What belongs to somebody else than a project -> to whom; what has no owner is everybody's.

    Raises InputError for a project that owns nothing here.
    """
    owners = {a: wanted[a].owner if a in wanted else known[a].owner for a in {*wanted, *known}}
    found = {a: owner for a, owner in owners.items() if owner and not _mine(a, owner, project, fleet)}
    if len(found) == sum(bool(owner) for owner in owners.values()):
        names = sorted(dict.fromkeys(filter(None, owners.values())))
        raise InputError(f"--as {project}: nothing here is theirs; the owners are {_listed(names) or 'none'}")
    return found


def for_owner(part: Part, project: str, theirs: Mapping[Address, str]) -> Part:
    """The part without what belongs to others; raises OthersTarget for a target of theirs."""
    for address in sorted(part.targets or ()):
        if address in theirs:
            raise OthersTarget(f"{address} belongs to {theirs[address]}, and this is asked as {project}")
    return replace(part, excluded=part.excluded | frozenset(theirs))


def others_notes(plan: Plan, project: str, theirs: Mapping[Address, str]) -> Iterable[str]:
    """Whose changes are left to them."""
    left = [f"{a} ({theirs[a]})" for a in plan.left_out or () if a in theirs]
    if left:
        yield f"as {project}: left to their owners: {_listed(left)}"


def _mine(address: Address, owner: str, project: str, fleet: Fleet) -> bool:
    """Whether a project is the owner, by its name or one of the block's further ones."""
    block = _blocks(fleet).get(address.kind, {}).get(address.alias)
    users = [n for n in fleet.nodes.values() if n.key == address.alias] if address.kind == "key" and not block else []
    return same_name(owner, project) or any(owns(one, project) for one in (*([block] if block else []), *users))


def _blocks(fleet: Fleet) -> Mapping[str, Mapping[str, Block]]:
    """The blocks of the spec by the kind of what is made from them."""
    return {**dict.fromkeys(CALLERS, fleet.nodes), "key": fleet.keys, "route": fleet.models}


def orders_of(
    forget: Iterable[str], prune: bool, wanted: Collection[Address], known: Mapping[Address, AnyLocked]
) -> Orders:
    """``--forget`` and ``--prune``; ``known`` is what was applied. Raises InputError for what cannot be forgotten."""
    named = frozenset(_to_forget(text, wanted, known) for text in forget)
    return Orders(named, prune)


def orders_notes(orders: Orders, plan: Plan, known: Mapping[Address, AnyLocked]) -> Iterable[str]:
    """What letting go means for each that was named."""
    recorded = {c.address: c.consequence for c in plan.changes if c.action is Action.RECORD}
    changed = {step.address for step in plan.steps}
    for address in sorted(orders.forget):
        if address in recorded and address in changed:
            yield f"{address} is let go: {recorded[address]}"
        elif address in recorded:
            seen = "" if recorded[address] else " unseen"
            yield f"{address} is let go{seen}: whatever is at {known[address].source.at} stays there as it is"
        elif address in {c.address for c in plan.changes}:
            yield f"{address} can be reached, so nothing of it is forgotten: it is removed as usual"


def _to_forget(text: str, wanted: Collection[Address], known: Collection[Address]) -> Address:
    try:
        named = next((a for kind in CALLERS if (a := Address(kind, text)) in known), Address("node", text))
        address = Address.parse(text) if "." in text else named
    except ValueError as error:
        raise InputError(f"--forget: {error}") from None
    if address in wanted:
        first = f"fleethub release {address.name}" if address.kind in CALLERS else "take it out there first"
        raise InputError(f"--forget {text}: the spec has it, so the next apply would make it again; {first}")
    if address not in known:
        raise InputError(f"--forget {text}: the lockfile does not have it, so there is nothing to forget")
    return address


def addresses_of(text: str, option: str, fleet: Fleet, known: Collection[Address]) -> list[Address]:
    """What a pattern names among the ``known`` addresses; raises InputError, in words of ``option``, for none."""
    found = _labelled(text[1:], fleet, known) if text.startswith("@") else _matching(text, known)
    if not found:
        nodes = sorted(a.name for a in known if a.kind in CALLERS)
        there = f"; the nodes are {_listed(nodes)}" if nodes else ""
        raise InputError(f"{option} {text} names nothing{there}. It is {ALLOWED}")
    return found


def _matching(text: str, known: Iterable[Address]) -> list[Address]:
    """By the whole address; a word without a dot is a node's or a consumer's name."""
    patterns = [text] if "." in text else [f"{kind}.{text}" for kind in CALLERS]
    return [a for a in known if any(str(a) == pattern or fnmatchcase(str(a), pattern) for pattern in patterns)]


def _labelled(text: str, fleet: Fleet, known: Iterable[Address]) -> list[Address]:
    """By a label of the block that a thing comes from: a node's, a key's, or for a route its model's."""
    name, equals, value = text.partition("=")

    def has(labels: Mapping[str, str]) -> bool:
        return name in labels and (not equals or labels[name] == value)

    blocks = _blocks(fleet)
    return [a for a in known if (block := blocks.get(a.kind, {}).get(a.alias)) is not None and has(block.labels)]


def _listed(things: Sequence[object]) -> str:
    return ", ".join(map(str, things[:MANY])) + (f" and {len(things) - MANY} more" if len(things) > MANY else "")
