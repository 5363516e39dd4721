"""A node that comes to another place: what is ended before it starts there, and what of its own it takes along."""

from __future__ import annotations

from fleethub import nodetypes
from fleethub.kinds.node.actions import CopyFolders, StopNode
from fleethub.kinds.node.attributes import NodeState
from fleethub.kinds.node.delivery import by_hand, ending, is_host
from fleethub.model.login import machine
from fleethub.model.observation import Unknown
from fleethub.model.plan import Blocker, Phase, Step, Why
from fleethub.nodetypes.interface import SECRET


def ends_on(target: str, item: NodeState) -> bool:
    """Whether what is left at an old place is on the machine of a target: both would have the node's port."""
    return item.locked is not None and machine(item.locked.source.at) == machine(target) != ""


def gates(item: NodeState) -> tuple[Blocker, ...]:
    """Why it cannot start at its new place yet: what must be ended at an old one cannot be."""
    found: list[Blocker] = []
    holder = _holder(item)
    for old in _ended(item):
        if isinstance(old.have, Unknown):
            forget = f"; without it: fleethub apply --forget {old.address}" if old is holder else ""
            found.append(Blocker(Why.UNKNOWN, f"waits for {old.address}: {old.have.reason}{forget}"))
        elif old.locked and not ending(old.locked)[0]:
            found.append(Blocker(Why.POLICY, f"{_at(old)} cannot be ended by FleetHub: {_instead(old is holder)}"))
    if holder is not None and item.want is not None:
        if not is_host(item.want.material.node):
            why = f"move_state takes what it keeps itself to another machine, not to a folder here: {_instead(True)}"
            found.append(Blocker(Why.POLICY, why))
        elif by_hand(item.want):
            why = f"move_state needs a node that FleetHub starts itself: {_instead(True)}"
            found.append(Blocker(Why.POLICY, why))
        elif inside := _inside(item):
            why = f"{inside[0]} is where FleetHub puts a secret, and move_state takes its folder along"
            found.append(Blocker(Why.POLICY, f"{why}: give it another path, or {_instead(True)}"))
    return tuple(found)


def steps(item: NodeState, after: tuple[str, ...]) -> tuple[Step, ...]:
    """End what runs at its old places as far as it must be, then take its own folders along; then it may start."""
    want = item.want
    if want is None:
        return ()
    found: list[Step] = []
    for n, old in enumerate(_ended(item)):
        argv, when, _ = ending(old.locked) if old.locked else ((), (), "")
        if old.locked is None or old.seen is None or not argv:
            continue
        do = StopNode(old.locked.source, argv, when, old.seen.telemetry.files)
        found.append(Step(f"{item.address}/stop{n or ''}", item.address, Phase.ACTIVATE, do, after=after))
    holder = _holder(item)
    if holder is not None and holder.locked is not None and holder.seen is not None:
        own = tuple(file.path for file in want.material.files)
        copy = CopyFolders(want.source, holder.locked.source, _folders(item), own)
        stopped = (*after, *(step.id for step in found))
        found.append(Step(f"{item.address}/copy", item.address, Phase.ACTIVATE, copy, after=stopped))
    return tuple(found)


def _ended(item: NodeState) -> tuple[NodeState, ...]:
    """The old places where nothing may run any more when it starts at its new one for the first time."""
    if item.want is None or not is_host(item.want.material.node) or not _comes(item):
        return ()
    if item.want.material.node.consumer:
        return ()  # who runs it is somebody else
    target, holder = item.want.source.at, _holder(item)
    return tuple(old for old in _left(item) if ends_on(target, old) or old is holder)


def _holder(item: NodeState) -> NodeState | None:
    """The old place where it ran last, if its own folders are to be taken along from there."""
    if item.want is None or not item.want.material.node.move_state or not _comes(item) or not _folders(item):
        return None
    ran = [old for old in _left(item) if (old.locked and old.locked.attrs) or _activated(old)]
    return ran[-1] if ran else None


def _left(item: NodeState) -> tuple[NodeState, ...]:
    """Its old places in their order, where anything is or may be."""
    there = item.want.source.id if item.want else None
    left = (old for old in item.earlier if old.locked is not None and old.locked.source.id != there)
    return tuple(old for old in left if old.seen is not None or isinstance(old.have, Unknown))


def _comes(item: NodeState) -> bool:
    """Whether it never ran at its place: from then on what it has there is its own."""
    return (item.locked is None or item.locked.attrs is None) and not _activated(item)


def _activated(item: NodeState) -> bool:
    return item.seen is not None and item.seen.attrs.activated is True


def _folders(item: NodeState) -> tuple[str, ...]:
    node = item.want.material.node if item.want else None
    kind = nodetypes.of(node) if node else None
    return kind.folders(node) if kind and node else ()


def _inside(item: NodeState) -> list[str]:
    """Files with secrets that lie in folders which are taken along: what the old place has of them would travel."""
    files = item.want.material.files if item.want else ()
    return [f.path for f in files if f.of.format in SECRET and f.path.partition("/")[0] in _folders(item)]


def _at(old: NodeState) -> str:
    return old.locked.source.at if old.locked else str(old.address)


def _instead(state: bool) -> str:
    if state:
        return "take move_state out, and copy by hand what it keeps itself"
    return "remove the node in one apply, add it in the next"
