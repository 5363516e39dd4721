"""The registered types of node. A new one is a folder beside ``openclaw`` and a line here."""

from __future__ import annotations

from fleethub.model.consuming import Node
from fleethub.nodetypes import client, envfile, keyfile, openclaw, sink, tangleclaw
from fleethub.nodetypes.declared import Declared
from fleethub.nodetypes.interface import FileType, NodeType, SpecTable

_ALL: tuple[NodeType, ...] = (
    *(*openclaw.TYPES, *envfile.TYPES, *keyfile.TYPES, *sink.TYPES, *tangleclaw.TYPES),
    *client.TYPES,
)
_TYPES = {kind.name: kind for kind in _ALL}

#: What a node is that does not say its type.
DEFAULT = _ALL[0].name


def get(name: str) -> NodeType | None:
    """The type of that name, if it is registered."""
    return _TYPES.get(name)


def of(node: Node) -> NodeType | None:
    """The type of a node, which the fleet may bring itself; None where there is none of that name."""
    return Declared(node.declared) if node.declared is not None else get(node.type)


def names() -> tuple[str, ...]:
    """All registered types, sorted."""
    return tuple(sorted(_TYPES))


def writable() -> tuple[str, ...]:
    """What a node's ``type`` may say of them."""
    return tuple(name for name in names() if not _TYPES[name].consumers_only)


def clients() -> tuple[str, ...]:
    """What a consumer's ``type`` may say."""
    return tuple(kind.name for kind in (*client.TYPES, *tangleclaw.TYPES))


def tables() -> tuple[SpecTable, ...]:
    """The tables of all types in the spec, each once."""
    return tuple({kind.table.name: kind.table for kind in _ALL if kind.table is not None}.values())


def files() -> dict[str, FileType]:
    """The files of all types by role, sorted; of a role that several have, the first type's."""
    found = {file.role: file for kind in reversed(_ALL) for file in kind.files}
    return dict(sorted(found.items()))
