"""Why a node may not be changed now, though nothing of it is somebody else's."""

from __future__ import annotations

from fleethub.kinds.node import moving
from fleethub.kinds.node.attributes import NodeState
from fleethub.kinds.node.delivery import (
    by_hand,
    is_host,
    left_running,
    needs_restart,
    outrun,
    rewires,
    waits_for_hand,
)
from fleethub.kinds.node.staged import left_files
from fleethub.model.facts import Facts
from fleethub.model.fleet import Fleet
from fleethub.model.observation import Unknown
from fleethub.model.plan import Blocker, Why
from fleethub.model.readings.host import HostReading


def gates(item: NodeState, facts: Facts) -> tuple[Blocker, ...]:
    """A restart by hand that is missing, a key that would come too late, a target that moves."""
    found = (waits_for_hand(item), outrun(item), _goes_back(item), _moves(item, facts), _beside(item))
    return (*(why for why in found if why is not None), *moving.gates(item))


def outruns(item: NodeState) -> bool:
    """Whether what runs takes over where it calls before it has its new key, which it reads when it starts."""
    want, seen = item.want, item.seen
    if want is None or seen is None or not is_host(want.material.node) or seen.telemetry.listening is False:
        return False
    return rewires(item) and needs_restart(item)


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


def _goes_back(item: NodeState) -> Blocker | None:
    """Set when a running process would lose its key: it takes over at once that this no longer stands in a file, and
    reads a variable when somebody restarts it.
    """
    want, applied = item.want, item.locked.attrs if item.locked else None
    if (
        want is None
        or applied is None
        or item.seen is None
        or item.seen.telemetry.listening is False
        or not by_hand(want)
    ):
        return None
    if not left_files(item):
        return None
    name = want.material.node.name
    why = f"its key goes back into its environment, which {name} reads when it starts: end it, apply, start it"
    return Blocker(Why.WAITS, why)


def _beside(item: NodeState) -> Blocker | None:
    """Set when it comes to the place of another one, whose process would run on there."""
    left = left_running(item.locked, item.want) if item.locked and item.want and item.seen else None
    if left is None:
        return None
    return Blocker(Why.POLICY, f"{left[1]}: remove the one that is there in one apply, add this one in the next")


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
