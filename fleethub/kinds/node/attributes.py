"""What is compared of a node, and what is kept beside."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import field
from typing import Any

from fleethub.kinds.values import RenderedFile, ResourceState
from fleethub.model.attributes import STRICT
from fleethub.model.consuming import Node
from fleethub.model.dataclass import dataclass
from fleethub.model.observation import Locked, Resource, Seen
from fleethub.model.plan import FieldChange
from fleethub.model.secret import Blob

_SAID = re.compile(r'(?:fp[0-9A-Za-z:]*|"[^"\\\x00-\x1f\x7f-\x9f\ud800-\udfff]*"|[0-9]{1,18})?')


@dataclass(frozen=True, slots=True)
class FileAttrs:
    """One file, ``mode`` in octal; ``kind`` alone where something else than a file stands in its place.

    ``before``: fingerprints that an apply began to write and did not finish. ``owned``: of a file that is somebody
    else's, FleetHub's part, by pointer (see ``projection``); nothing else is compared of it. ``owned_before``: what
    earlier applies began to write of that part, all texts of each pointer.
    """

    __pydantic_config__ = STRICT

    fingerprint: str | None = None
    mode: str | None = None
    kind: str | None = None
    before: tuple[str, ...] | None = None
    owned: Mapping[str, str] | None = None
    owned_before: Mapping[str, tuple[str, ...]] | None = None


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
    """The node's block, its files as they were rendered, and what its program publishes for its config."""

    node: Node
    files: tuple[RenderedFile, ...]
    schema: Mapping[str, Any] | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class NodeTelemetry:
    """``activated``: when, as its mark says. ``understood``: its config could be read. ``listening``: on its port;
    None: nobody asked.

    ``old``: what listens is the process from before a set that needs a new one. ``tools`` as in ``HostReading``.
    ``files`` are what lies there, ``applied`` of the last set what the lockfile knows; ``modes`` of those as in chmod.
    ``unchanged``: by path, what of FleetHub's part reads otherwise than it
    was applied, for it was a fingerprint then, and is the same. ``left``: what is left alone and is not as it is
    wanted, without any secret; ``runs``: the chain as the config says it, where something of it is left alone;
    ``decides``: that is what says the chain.
    """

    activated: str | None = None
    understood: bool = True
    listening: bool | None = None
    old: bool = False
    tools: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, Blob] = field(default_factory=dict, repr=False)
    applied: Mapping[str, Blob] = field(default_factory=dict, repr=False)
    modes: Mapping[str, int] = field(default_factory=dict)
    unchanged: Mapping[str, frozenset[str]] = field(default_factory=dict, repr=False)
    left: tuple[FieldChange, ...] = ()
    runs: tuple[str, ...] | None = None
    decides: bool = False


NodeResource = Resource[NodeAttrs, NodeMaterial]
NodeLocked = Locked[NodeAttrs]
NodeSeen = Seen[NodeAttrs, NodeTelemetry]
NodeState = ResourceState[NodeAttrs, NodeMaterial, NodeTelemetry]


def is_wired(attrs: NodeAttrs | None) -> bool:
    """Whether files of it are somebody else's, and FleetHub's in part."""
    return attrs is not None and any(file.owned is not None for file in attrs.files.values())


def files_of(*sides: NodeAttrs | None) -> list[Mapping[str, FileAttrs]]:
    """The files of those sides that are there."""
    return [side.files for side in sides if side is not None]


def check_owned(file: FileAttrs) -> None:
    """Raise ValueError where FleetHub's part of a file says what nothing is rendered to: no fingerprint and no JSON."""
    texts = [*(file.owned or {}).values(), *(text for many in (file.owned_before or {}).values() for text in many)]
    for text in texts:
        if _SAID.fullmatch(text):  # as nearly all
            continue
        try:
            json.dumps(json.loads(text), ensure_ascii=False, allow_nan=False).encode()
        except (ValueError, RecursionError):
            raise ValueError("of a file that is somebody else's it has a value that is no JSON") from None
