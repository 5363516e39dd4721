"""Consumers: what ``[consumers]`` says, delivered as a node's files are."""

from __future__ import annotations

from collections.abc import Mapping

from fleethub.kinds.node import NodeKind
from fleethub.kinds.values import StatusInputs
from fleethub.model.address import Address
from fleethub.model.fleet import Fleet
from fleethub.model.fleet_status import FleetStatus
from fleethub.model.observation import AnyLocked


class ConsumerKind(NodeKind):
    """A program that somebody else runs, and that calls models with a key of its own."""

    name = "consumer"

    def renames(self, fleet: Fleet, locked: Mapping[Address, AnyLocked]) -> Mapping[Address, Address]:
        """None: ``[[moved]]`` is for nodes."""
        return {}

    def status(self, status: FleetStatus, inputs: StatusInputs) -> FleetStatus:
        """Their rows are among those of the nodes."""
        return status
