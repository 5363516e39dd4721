"""Why a node may not be changed now, though nothing of it is somebody else's."""

from __future__ import annotations

from fleethub.kinds.node import moving
from fleethub.kinds.node.attributes import NodeState
from fleethub.kinds.node.delivery import outrun, rewires, waits_for_hand
from fleethub.model.facts import Facts, HostReading
from fleethub.model.fleet import Fleet
from fleethub.model.observation import Unknown
from fleethub.model.plan import Blocker, Why


def gates(item: NodeState, facts: Facts) -> tuple[Blocker, ...]:
    """A restart by hand that is missing, a key that would come too late, a target that moves."""
    own = (why for why in (waits_for_hand(item), outrun(item), _moves(item, facts)) if why is not None)
    return (*own, *moving.gates(item))


def loads(item: NodeState, fleet: Fleet) -> frozenset[tuple[str, str]]:
    """Each backend that a model of the new chain may be loaded on, where the chain is new."""
    if item.want is None or not rewires(item):
        return frozenset()
    node = item.want.material.node
    return frozenset(
        (backend, hop.model)
        for hop in node.chain
        for backend in ((hop.backend,) if hop.backend else fleet.models[hop.model].backends)
    )


def _moves(item: NodeState, facts: Facts) -> Blocker | None:
    """Set when the node is, or may be, at another target than is wanted: there it would be left behind."""
    locked, want = item.locked, item.want
    if locked is None or want is None or locked.source.id == want.source.id:
        return None
    there = facts.of(locked.source)
    if isinstance(there, HostReading) and not locked.attrs and not there.files and there.mark is None:
        return None  # its creation was begun there, and nothing of it came
    why = Why.UNKNOWN if isinstance(there, Unknown) and not locked.attrs else Why.POLICY
    what = f"its target moves from {locked.source.at}"
    if isinstance(there, Unknown):
        what += f" (which cannot be read: {there.reason})"
    return Blocker(why, f"{what}: remove the node in one apply, add it in the next")
