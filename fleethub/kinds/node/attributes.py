"""What is compared of a node, and what is kept beside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fleethub.kinds.codec import STRICT
from fleethub.kinds.values import RenderedFile, ResourceState
from fleethub.model.fleet import Node
from fleethub.model.observation import Locked, Resource, Seen
from fleethub.model.secret import Blob


@dataclass(frozen=True, slots=True)
class FileAttrs:
    """One file, ``mode`` in octal; ``kind`` alone where something else than a file stands in its place.

    ``before``: fingerprints that an apply began to write and did not finish.
    """

    __pydantic_config__ = STRICT

    fingerprint: str | None = None
    mode: str | None = None
    kind: str | None = None
    before: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class NodeAttrs:
    """``chain``: what the config calls, primary first. ``files`` by path; ``marked``: the mark is of this very set.

    On a host also ``activated`` (its process uses this set) ``project`` (what its containers are grouped under)
    and ``stop`` (the command that ends it).
    """

    __pydantic_config__ = STRICT

    chain: tuple[str, ...] = ()
    files: Mapping[str, FileAttrs] = field(default_factory=dict)
    marked: bool | None = None
    activated: bool | None = None
    project: str | None = None
    stop: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class NodeMaterial:
    """The node's block, and its files as they were rendered."""

    node: Node
    files: tuple[RenderedFile, ...]


@dataclass(frozen=True, slots=True)
class NodeTelemetry:
    """``activated``: when, as its mark says. ``understood``: its config could be read. ``listening``: on its port.

    ``tools`` as in ``HostReading``. ``files`` are what lies there, ``applied`` of the last set what the lockfile knows.
    """

    activated: str | None = None
    understood: bool = True
    listening: bool = False
    tools: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, Blob] = field(default_factory=dict, repr=False)
    applied: Mapping[str, Blob] = field(default_factory=dict, repr=False)


NodeResource = Resource[NodeAttrs, NodeMaterial]
NodeLocked = Locked[NodeAttrs]
NodeSeen = Seen[NodeAttrs, NodeTelemetry]
NodeState = ResourceState[NodeAttrs, NodeMaterial, NodeTelemetry]


def files_of(*sides: NodeAttrs | None) -> list[Mapping[str, FileAttrs]]:
    """The files of those sides that are there."""
    return [side.files for side in sides if side is not None]
