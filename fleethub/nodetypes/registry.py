"""The registered types of node. A new one is a folder beside ``openclaw`` and a line here."""

from __future__ import annotations

from fleethub.nodetypes.interface import NodeType
from fleethub.nodetypes.openclaw import docker, native

_TYPES: dict[str, NodeType] = {kind.name: kind for kind in (docker, native)}


def get(name: str) -> NodeType | None:
    """The type of that name, if it is registered."""
    return _TYPES.get(name)


def names() -> tuple[str, ...]:
    """All registered types, sorted."""
    return tuple(sorted(_TYPES))
