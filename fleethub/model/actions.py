"""What a step does, as frozen values with references only; ``applying`` turns each into requests and renames."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fleethub.model.observation import Source
from fleethub.model.secret import Blob, Derived, Text


@dataclass(frozen=True, slots=True)
class KeyPut:
    """Create or update a key, keeping foreign metadata, and read it back.

    ``models`` None leaves the scope alone; a limit that is None is cleared. ``create`` refuses an alias that exists;
    otherwise the key is found by its value, and has ``alias`` afterwards.
    ``lift``: attributes that take power away (expires, allowed_routes, aliases, router_settings, limits of zero per
    model) and are taken off.
    """

    source: Source
    alias: str
    value: Derived
    models: tuple[str, ...] | None
    limits: Mapping[str, Any]
    generation: int
    create: bool
    unblock: bool = False
    lift: tuple[str, ...] = ()
    replaces: str | None = None  # LiteLLM's hash of a revoked key that goes first


@dataclass(frozen=True, slots=True)
class KeyDelete:
    """Delete a key by LiteLLM's hash of it, which the plan saw; another one of that alias is left alone."""

    source: Source
    alias: str
    tokens: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ProveKey:
    """Ask every door with the key itself until it lists the whole scope, for 2 x ttl + 10 seconds each.

    ``processes`` > 1: there are workers behind one door that cannot be asked one by one, so the ttl is
    waited out since the write (``written`` names the step that wrote; None: since now). ``asks``: whether the key has
    a request to spare for the question whether it may be called with; else its list alone counts.
    """

    doors: tuple[str, ...]
    alias: str
    value: Derived
    scope: tuple[str, ...]
    ttl: float
    processes: int
    written: str | None
    created: bool
    asks: bool = True


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
class Check:
    """A command on the node that judges a new set before it is renamed; it runs in the folder of that set.

    ``@set@`` in a word stands for the path of that folder. Without success of ``when``, the check is not made.
    ``json``: it must print ``"valid": true`` and no warnings, as OpenClaw's validator does.
    """

    name: str
    argv: tuple[str, ...]
    when: tuple[str, ...] = ()
    json: bool = False


@dataclass(frozen=True, slots=True)
class Deliver:
    """Put a node's files in place, all or none visible as the set they are, with the mark last.

    ``restart``: the process must be a new one before it uses the set. ``activated``: the rename is all it takes.
    """

    source: Source
    files: tuple[NodeFile, ...]
    generation: int
    folders: tuple[str, ...] = ()  # below the target, made when missing, belonging to ``uid``
    uid: int = 1000
    expects: Mapping[str, Blob | None] = field(default_factory=dict)  # path -> what the plan saw there
    stale: Mapping[str, Blob] = field(default_factory=dict)  # path -> what lies there and is no longer part of it
    keep: frozenset[str] = frozenset()  # paths that lie there as wanted
    checks: tuple[Check, ...] = ()
    restart: bool = True
    activated: bool = True
    port: int = 0


@dataclass(frozen=True, slots=True)
class Activate:
    """Make a node's process use its set: run ``argv`` at the target, wait for its health, write ``activated``.

    ``hot``: the running gateway takes the set over by itself, ``argv`` only starts one that does not answer.
    ``fresh``: what answers must be another process than before.
    """

    source: Source
    argv: tuple[str, ...]
    port: int
    timeout: float  # seconds until it must answer
    generation: int
    files: tuple[NodeFile, ...] = ()  # the set
    hot: bool = False
    fresh: bool = True


@dataclass(frozen=True, slots=True)
class Settle:
    """Wait until a node has run on its new set for ``seconds``; shared by all nodes that settle together."""

    seconds: float
    delivered: str | None  # the step that delivered; None: ``since`` tells
    since: str | None = None


@dataclass(frozen=True, slots=True)
class RemoveNode:
    """Run ``argv`` at the target, remove files that still are as the plan saw them, then the mark; others stay.

    ``when``: without its success ``argv`` cannot be run there, and is not. ``by_hand`` says what a human ends there,
    where nothing was run.
    """

    source: Source
    files: Mapping[str, Blob]
    argv: tuple[str, ...] = ()
    when: tuple[str, ...] = ()
    by_hand: str = ""


Do = KeyPut | KeyDelete | ProveKey | RoutePut | ProveRoute | RouteDelete | Deliver | Activate | Settle | RemoveNode

__all__ = [
    "Activate",
    "Check",
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
