"""The kinds of managed things, each in its folder, and the one registry that the rest of FleetHub knows them by."""

from __future__ import annotations

from typing import Any

from fleethub.kinds.consumer import ConsumerKind
from fleethub.kinds.interface import Kind
from fleethub.kinds.key import KeyKind
from fleethub.kinds.model import ModelKind
from fleethub.kinds.node import NodeKind
from fleethub.kinds.route import RouteKind
from fleethub.model.address import PARTS

#: By name; what others use comes before them.
KINDS: dict[str, Kind[Any, Any, Any]] = {}


def register(kind: Kind[Any, Any, Any]) -> None:
    """Make a kind known, after those that it may use."""
    KINDS[kind.name] = kind
    PARTS.setdefault(kind.name, kind.parts)


for one in (ModelKind(), RouteKind(), KeyKind(), NodeKind(), ConsumerKind()):
    register(one)
