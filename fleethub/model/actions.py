"""What a step does, as frozen values with references only; ``applying`` turns each into requests and renames."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fleethub.model.observation import Source
from fleethub.model.secret import Derived, Text


@dataclass(frozen=True, slots=True)
class KeyPut:
    """Create or update a key, keeping foreign metadata, and read it back.

    ``models`` None leaves the scope alone; a limit that is None is cleared. ``create`` refuses an alias that exists.
    """

    source: Source
    alias: str
    value: Derived
    models: tuple[str, ...] | None
    limits: Mapping[str, Any]
    generation: int
    create: bool
    unblock: bool = False
    replaces: str | None = None  # the fingerprint of a revoked key that goes first


@dataclass(frozen=True, slots=True)
class KeyDelete:
    """Delete a key whose value has one of our fingerprints; another one of that alias is left alone."""

    source: Source
    alias: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ProveKey:
    """Ask every door with the key itself until it lists the whole scope, for 2 x ttl + 10 seconds each.

    ``processes`` > 1: there are workers behind one door that cannot be asked one by one, so the ttl is
    waited out since the write (``written`` names the step that wrote; None: since now).
    """

    doors: tuple[str, ...]
    alias: str
    value: Derived
    scope: tuple[str, ...]
    ttl: float
    processes: int
    written: str | None
    created: bool


@dataclass(frozen=True, slots=True)
class RoutePut:
    """Store deployments of an alias on a proxy that keeps models in its database."""

    source: Source
    alias: str
    deployments: tuple[Mapping[str, Any], ...]
    remove: tuple[str, ...] = ()  # ids of stored deployments that go once the new ones are there


@dataclass(frozen=True, slots=True)
class ProveRoute:
    """Ask every door as the master until it lists the alias."""

    source: Source
    doors: tuple[str, ...]
    alias: str
    timeout: float


@dataclass(frozen=True, slots=True)
class RouteDelete:
    """Remove the stored deployments of an alias."""

    source: Source
    alias: str
    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NodeFile:
    """One file of a node; ``mode`` as in chmod."""

    path: str
    text: Text
    mode: int


@dataclass(frozen=True, slots=True)
class Deliver:
    """Put a node's files in place, all or none visible as the set they are, with the mark last."""

    source: Source
    files: tuple[NodeFile, ...]
    generation: int
    folders: tuple[str, ...] = ()  # below the target, made when missing, belonging to ``uid``
    uid: int = 1000
    expects: Mapping[str, str | None] = field(default_factory=dict)  # path -> fingerprint that the plan saw there
    stale: Mapping[str, str] = field(default_factory=dict)  # path -> fingerprint of what is no longer part of it


@dataclass(frozen=True, slots=True)
class Settle:
    """Wait until a node has run on its new set for ``seconds``; shared by all nodes that settle together."""

    seconds: float
    delivered: str | None  # the step that delivered; None: ``since`` tells
    since: str | None = None


@dataclass(frozen=True, slots=True)
class RemoveNode:
    """Remove files that still have the fingerprint that was applied, then the mark; others stay and are named."""

    source: Source
    files: Mapping[str, str]


Do = KeyPut | KeyDelete | ProveKey | RoutePut | ProveRoute | RouteDelete | Deliver | Settle | RemoveNode

__all__ = [
    "Deliver",
    "Do",
    "KeyDelete",
    "KeyPut",
    "NodeFile",
    "ProveKey",
    "ProveRoute",
    "RemoveNode",
    "RouteDelete",
    "RoutePut",
    "Settle",
]
