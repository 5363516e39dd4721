"""Values of ``verify``: calls with a node's own key, what came of them, and what that means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from fleethub.model.facts import ProxyReading
from fleethub.model.finding import Finding
from fleethub.model.observation import Unknown


class Origin(StrEnum):
    """From where a call was made."""

    NODE = "the node"
    HERE = "here"


class Failure(StrEnum):
    """Why a call has no answer that means something. ``SKIPPED``: not made, and its reason is elsewhere."""

    RESOLVE = "its name is not known"
    CONNECT = "cannot connect"
    SILENT = "no connection in time"
    HANGS = "no answer in time"
    SHAPE = "not the answer of such a server"
    OTHER = "no usable answer"
    SKIPPED = "not asked"


#: Nobody was reached at all.
UNREACHED = frozenset({Failure.RESOLVE, Failure.CONNECT, Failure.SILENT})
Wants = Literal["models", "tags", "route", "chat", "generate"]


@dataclass(frozen=True, slots=True)
class Call:
    """One request. ``variable`` names its key in the node's ``.env`` (empty: none), ``limit`` its seconds in all.

    ``body`` is JSON on one line, empty for a GET. ``after`` is the index of a call that must have been answered.
    """

    wants: Wants
    url: str
    variable: str
    limit: float
    body: str = ""
    after: int | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of a call. ``status`` 0 without an answer; ``kind`` is LiteLLM's ``error.type``.

    ``names`` are of a list (None: there is none); ``says`` is fit to be shown, and holds no key. ``group`` is the model
    that answered as LiteLLM tells it, ``fallbacks`` how many it called in another's place.
    """

    status: int = 0
    failure: Failure | None = None
    kind: str = ""
    says: str = ""
    names: frozenset[str] | None = None
    group: str = ""
    fallbacks: int = 0

    @property
    def good(self) -> bool:
        """Answered as asked."""
        return self.failure is None and 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class KeySeen:
    """A variable of the node's ``.env``: ok, empty, absent, odd (no key looks so), no-file, unreadable.

    ``same``: it is the key that FleetHub derives; None: that cannot be told. The value is never here.
    """

    state: str
    same: bool | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """One model of a chain at one door. ``variable`` is empty and ``proxy`` too for a hop straight to an Ollama.

    ``main``: the URL that the node itself uses. ``listing``, ``live`` and ``route`` index calls; None: not wanted.
    ``route`` asks whether the key is taken without calling a model, once for each door and key.
    """

    model: str
    name: str  # what is asked for: the alias, or Ollama's tag
    proxy: str
    variable: str
    door: str
    main: bool
    listing: int
    live: int | None = None
    route: int | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """All that was asked for one node. ``note`` says why it was not asked from the node, where it was not.

    ``calls``, ``replies`` and ``origins`` go together. ``here`` are doors that this machine can connect to, of
    those that gave the node no answer. ``unread`` says why the node's ``.env`` is not known; empty when it is.
    """

    node: str
    key: str
    note: str
    checks: tuple[Check, ...]
    calls: tuple[Call, ...]
    replies: tuple[Reply, ...]
    origins: tuple[Origin, ...]
    keys: Mapping[str, KeySeen] = field(default_factory=dict)
    here: frozenset[str] = frozenset()
    unread: str = ""


@dataclass(frozen=True, slots=True)
class Master:
    """A proxy as its master key sees it; ``token`` is the sha256 of the key that the node should have."""

    reading: ProxyReading | Unknown
    ttl: float
    token: str | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One check with its answers."""

    check: Check
    origin: Origin
    listing: Reply
    live: Reply | None
    listed: bool | None  # None: not known
    route: Reply | None = None


@dataclass(frozen=True, slots=True)
class Verified:
    """One node: its rows, and what is wrong with it. ``unknown``: something of it could not be asked."""

    node: str
    note: str
    rows: tuple[Row, ...]
    findings: tuple[Finding, ...]
    unknown: bool
    unread: str = ""
