"""A fleet_status: the whole fleet as spec, lockfile and one observation have it, as one value for every reader.

``status``, the context of sessions, the HTTP API and the page show it; nobody computes it anew. It holds no secret.
Sizes in bytes, times ISO 8601 in UTC. ``state`` of a thing is "there", "absent" or "unknown"; then ``reason`` says why.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from fleethub.model.capacity import Bar, Held, PlannedModel
from fleethub.model.dataclass import dataclass
from fleethub.model.finding import Finding


@dataclass(frozen=True, slots=True)
class ProxyStatus:
    """A LiteLLM; ``models`` and ``keys`` are counts, None while it is unknown. ``url`` is what nodes use."""

    name: str
    url: str
    owner: str
    state: str
    reason: str = ""
    models: int | None = None
    keys: int | None = None


@dataclass(frozen=True, slots=True)
class BackendStatus:
    """A GPU host. ``fit`` judges its planned set; ``need`` is the most of it at once, without ``reserve``.

    ``total`` None: neither declared nor read; ``total_from`` and ``machine`` say who told. ``engine`` is its model
    server's title, ``version`` that one's; ``url`` None: it has none, which ``reason`` says. ``endpoints`` are others,
    by name. ``headroom`` sums the GPUs', None: unknown.
    """

    name: str
    host: str
    url: str | None
    owner: str
    proxy: str | None
    state: str
    reason: str = ""
    version: str = ""
    fit: str = ""
    need: int | None = None
    total: int | None = None
    total_from: str = ""
    machine: str = ""
    reserve: int = 0
    headroom: int | None = None
    placed: tuple[PlannedModel, ...] = ()
    gpus: tuple[Bar, ...] = ()
    residents: tuple[Held, ...] = ()
    endpoints: Mapping[str, str] = field(default_factory=dict)
    engine: str = ""


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """A model alias; ``nodes`` and ``keys`` (without nodes) are who names it.

    ``fits``: of one that nobody names, whether the best of its backends would hold it beside what is planned there.
    """

    name: str
    route: str
    context: int
    proxy: str | None
    backends: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    owner: str = ""
    fits: str = ""


@dataclass(frozen=True, slots=True)
class HostedStatus:
    """A model on a backend by its name there: as it is planned, and as it is loaded now (None: it is not).

    ``state`` and ``reason`` are the backend's: while it is unknown nobody knows what is loaded.
    """

    backend: str
    tag: str
    state: str
    reason: str = ""
    planned: PlannedModel | None = None
    loaded: Held | None = None
    owner: str = ""


#: What the status has of a thing that is no resource.
Row = ProxyStatus | BackendStatus | ModelStatus | HostedStatus


@dataclass(frozen=True, slots=True)
class FileStatus:
    """One of a node's files: its role (compose, env, openclaw, …) and its path below the target."""

    role: str
    path: str


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """A consumer. ``chain`` is what the spec wants, primary first; ``runs`` what its config calls (None: unknown).

    An empty ``chain``: the spec no longer has it, but it was applied and is not taken down yet.
    ``change`` is what a plan would do with it ("" for nothing), ``waits`` why it cannot now, ``drift`` what somebody
    changed by hand. ``key`` is its key's alias on each of ``proxies``. ``applied``: an apply has put it there.
    ``projects`` are other names under which its owner's sessions come.
    """

    name: str
    owner: str
    host: str
    type: str
    target: str
    key: str
    chain: tuple[str, ...]
    state: str
    port: int
    reason: str = ""
    runs: tuple[str, ...] | None = None
    change: str = ""
    waits: tuple[str, ...] = ()
    drift: str = ""
    proxies: tuple[str, ...] = ()
    files: tuple[FileStatus, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    applied: bool = False
    projects: tuple[str, ...] = ()
    kind: str = "node"

    @property
    def address(self) -> str:
        """``node.NAME``, or ``consumer.NAME``."""
        return f"{self.kind}.{self.name}"


@dataclass(frozen=True, slots=True)
class KeyStatus:
    """A LiteLLM key; ``models`` is its scope as seen, None while unknown or absent. ``nodes`` share it.

    ``projects`` as of a node; ``beside``: what else it was seen to have that the spec does not name (an expiry,
    limits, a team), in words.
    ``spend`` and ``budget`` in the proxy's currency, as it counts them now (None: not told, none), ``budget_duration``
    after which the budget begins anew (empty: never).
    """

    address: str
    proxy: str
    name: str
    owner: str
    state: str
    reason: str = ""
    models: tuple[str, ...] | None = None
    nodes: tuple[str, ...] = ()
    change: str = ""
    waits: tuple[str, ...] = ()
    drift: str = ""
    beside: tuple[str, ...] = ()
    projects: tuple[str, ...] = ()
    spend: float | None = None
    budget: float | None = None
    budget_duration: str = ""

    @property
    def left(self) -> float | None:
        """What may still be spent; None without a budget, or where the spend is not told. Below zero: too much was."""
        return self.budget - self.spend if self.budget is not None and self.spend is not None else None


@dataclass(frozen=True, slots=True)
class ResourceStatus:
    """A managed thing of a kind that has no rows of its own; ``change``, ``waits`` and ``drift`` as of a node."""

    address: str
    owner: str
    state: str
    reason: str = ""
    change: str = ""
    waits: tuple[str, ...] = ()
    drift: str = ""


@dataclass(frozen=True, slots=True)
class DriftStatus:
    """What somebody changed behind FleetHub's back; ``repaired``: the next apply undoes it."""

    address: str
    says: str
    repaired: bool


@dataclass(frozen=True, slots=True)
class ChangeStatus:
    """What a plan would do with one resource; ``waits`` says why not all of it can be done now, ``since`` from which
    apply on it is owed (empty: none has met it yet).
    """

    address: str
    action: str
    waits: tuple[str, ...] = ()
    since: str = ""


@dataclass(frozen=True, slots=True)
class FleetStatus:
    """The fleet ``at`` a moment. ``spec`` is the digest of the spec that was read, ``serial`` the lockfile's.

    ``applied_at`` and ``applied_by`` are empty before the first apply. ``fatal``: nothing was asked, see the findings.
    """

    fleet: str
    root: str
    at: str
    spec: str
    serial: int
    sentence: str
    plan: str  # the plan's id
    applied_at: str = ""
    applied_by: str = ""
    applied_spec: str = ""
    fatal: bool = False
    proxies: tuple[ProxyStatus, ...] = ()
    backends: tuple[BackendStatus, ...] = ()
    models: tuple[ModelStatus, ...] = ()
    nodes: tuple[NodeStatus, ...] = ()
    keys: tuple[KeyStatus, ...] = ()
    resources: tuple[ResourceStatus, ...] = ()
    drift: tuple[DriftStatus, ...] = ()
    changes: tuple[ChangeStatus, ...] = ()
    findings: tuple[Finding, ...] = ()
