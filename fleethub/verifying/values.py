"""Values of ``verify``: calls with a node's own key, what came of them, and what that means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum

from fleethub.model.address import Address
from fleethub.model.dataclass import dataclass
from fleethub.model.endpoint import Call, Reply
from fleethub.model.finding import Finding
from fleethub.model.readings.proxy import ProxyReading


class Origin(StrEnum):
    """From where a call was made."""

    NODE = "the node"
    HERE = "here"


@dataclass(frozen=True, slots=True)
class KeyState:
    """A variable of the node's ``.env``: ok, empty, absent, odd (no key looks so), no-file, unreadable.

    ``same``: it is a key that FleetHub derives; None: that cannot be told. ``older``: LiteLLM's hash of it, where it is
    the value of a lower generation than the spec's. The value is never here.
    """

    state: str
    same: bool | None = None
    older: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class ModelCheck:
    """One model of a chain at one endpoint. A hop straight to a model server has an ``engine``, no proxy, no variable.

    ``main``: the URL that the node itself uses. ``listing``, ``live`` and ``route`` index calls; None: not wanted.
    ``route`` asks whether the key is taken without calling a model, once for each endpoint and key.
    """

    model: str
    name: str  # what is asked for: the alias, or the server's own name
    proxy: str
    variable: str
    url: str
    main: bool
    listing: int
    live: int | None = None
    route: int | None = None
    engine: str = ""


@dataclass(frozen=True, slots=True)
class NodeAnswers:
    """All that was asked for one node. ``note`` says why it was not asked from the node, where it was not.

    ``calls``, ``replies`` and ``origins`` go together. ``here`` are endpoints that this machine can connect to, of
    those that gave the node no answer. ``unread`` says why the ``file`` of its keys is not known; empty when it is.
    """

    node: Address
    key: str
    note: str
    checks: tuple[ModelCheck, ...]
    calls: tuple[Call, ...]
    replies: tuple[Reply, ...]
    origins: tuple[Origin, ...]
    keys: Mapping[str, KeyState] = field(default_factory=dict)
    here: frozenset[str] = frozenset()
    unread: str = ""
    file: str = ".env"


@dataclass(frozen=True, slots=True)
class MasterView:
    """A proxy as its master key sees it (None: that could not be read), and its key cache's seconds.

    ``token`` is the sha256 of the key that the node should have, or of the older value that it still has.
    """

    reading: ProxyReading | None
    ttl: float
    token: str | None = None


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check with its answers."""

    check: ModelCheck
    origin: Origin
    listing: Reply
    live: Reply | None
    listed: bool | None  # None: not known
    route: Reply | None = None


@dataclass(frozen=True, slots=True)
class NodeVerification:
    """One node: its rows, and what is wrong with it. ``unknown``: something of it could not be asked."""

    node: str
    note: str
    rows: tuple[CheckResult, ...]
    findings: tuple[Finding, ...]
    unknown: bool
    unread: str = ""
    kind: str = "node"
