"""Consumers: what ``[consumers]`` says, delivered as a node's files are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleethub.kinds.node import NodeKind

if TYPE_CHECKING:
    from fleethub.kinds.node.attributes import NodeLocked, NodeResource
    from fleethub.kinds.values import StatusInputs
    from fleethub.model.fleet_status import FleetStatus


class ConsumerKind(NodeKind):
    """A program that somebody else runs, and that calls models with a key of its own."""

    name = "consumer"

    def moves(self, want: NodeResource, locked: NodeLocked) -> bool:
        """To any other place: nobody starts it there, so that nothing has to be ended before."""
        return locked.attrs is not None or (locked.pending is not None and locked.pending.attrs is not None)

    def status(self, status: FleetStatus, inputs: StatusInputs) -> FleetStatus:
        """Their rows are among those of the nodes."""
        return status
