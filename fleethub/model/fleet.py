"""A fleet as the operator means it: defaults and roles merged, names resolved, sizes in bytes.

``fleetspec`` makes it; everything after the spec reads only this.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Literal

from fleethub.model.address import Address
from fleethub.model.consuming import Node
from fleethub.model.dataclass import dataclass
from fleethub.model.finding import Severity, SourceLocation
from fleethub.model.secret import SecretRef
from fleethub.model.serving import Backend, Key, Model, Proxy


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """``drift`` None means: not written, so ask on a terminal. ``reserve`` is bytes kept free on each GPU.

    ``targets``: patterns of where edits by command or HTTP may put nodes; None: not written. ``unreachable``: whether
    an apply does the rest while something cannot be looked at, or nothing.

    Stops: of one kind, ``max_delete_percent`` and ``max_update_percent`` of what was applied, where that is
    ``min_existing`` things at least; ``key_idle``: seconds for which a key that no node has must be idle before it is
    deleted; ``last_node``: whether the last node that uses a backend may go.

    ``agents``: what comes of an edit that an agent asks for over MCP: nothing (read), a proposal that waits for a
    person, or an apply of what is within the agent's limits. ``agents_elicit``: whether a yes through the agent's own
    client counts as a person's.
    """

    overcommit: Literal["refuse", "refuse-new", "warn"] = "refuse-new"
    drift: Literal["repair", "stop"] | None = None
    revoked: Literal["stop", "restore"] = "stop"
    unreachable: Literal["defer", "fail"] = "defer"
    reserve: int = 1 << 30
    targets: tuple[str, ...] | None = None
    max_delete_percent: int = 30
    max_update_percent: int = 100
    min_existing: int = 10
    key_idle: float = 600.0
    last_node: Literal["stop", "allow"] = "allow"
    agents: Literal["read", "propose", "apply"] = "propose"
    agents_elicit: bool = False


@dataclass(frozen=True, slots=True)
class Notify:
    """Who is told what is wrong: a ``url`` that is posted to, or a ``command`` that gets the text. ``on``: sorts."""

    name: str
    url: str
    format: Literal["json", "ntfy"]
    token: SecretRef | None
    command: tuple[str, ...]
    on: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """What an agent may ask for over MCP: edits of these ``nodes`` (patterns of names, ``@label``), which load models
    on these ``backends`` only; at most ``a_day`` in 24 hours. None: any.
    """

    name: str
    nodes: tuple[str, ...] | None = None
    backends: tuple[str, ...] | None = None
    a_day: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Where the state is kept: an object store's URL, or a reference to a URL; empty: ``fleet.lock``.

    ``endpoint``: of an object store that is not its cloud's own; empty: its cloud's.
    """

    store: SecretRef | str = ""
    endpoint: str = ""

    @property
    def reference(self) -> SecretRef | None:
        """The reference to its URL; None where that is no secret."""
        return self.store if isinstance(self.store, SecretRef) else None


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """A warning that the spec accepts: by code, of one address or (None) of all, until a day (ISO 8601)."""

    code: str
    address: Address | None
    reason: str
    until: str
    place: SourceLocation | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """A rule of the fleet's own, asked of each entry of a sort (``about``): an expression, or the function that an
    entry point ``package:name`` leads to (``use``). ``at``: where the expression or the entry point is written.
    """

    name: str
    about: Literal["node", "key", "model", "backend", "fleet", "change"]
    severity: Severity = Severity.ERROR
    expression: str = ""
    use: str = ""
    message: str = ""
    hint: str = ""
    place: SourceLocation | None = None
    at: SourceLocation | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """The whole spec. ``root`` is the absolute path of its folder; ``digest`` is over the files' bytes.

    ``id`` is empty where the spec has none; ``by_name``: values are derived from the name, whether or not it has one.
    ``births``: of keys that have another name by now, or whose proxy has, what their value is derived from.
    ``ssh_program``: machines are reached by OpenSSH's own ``ssh``, whether or not that is needed. ``floors``: the
    lowest generation that a key's value may be of, as the lockfile knows it: a value that was deleted never comes back.
    ``kept``: fingerprints of the values of adopted keys, which FleetHub did not make; ``endings``: when those
    end that have an end, as adoption found it (ISO 8601).
    """

    name: str
    root: str
    digest: str
    key_seed: SecretRef | None
    policy: Policy = field(default_factory=Policy)
    state: State = field(default_factory=State)
    proxies: Mapping[str, Proxy] = field(default_factory=dict)
    backends: Mapping[str, Backend] = field(default_factory=dict)
    models: Mapping[str, Model] = field(default_factory=dict)
    nodes: Mapping[str, Node] = field(default_factory=dict)
    keys: Mapping[str, Key] = field(default_factory=dict)
    id: str = ""
    by_name: bool = True
    births: Mapping[Address, Address] = field(default_factory=dict)
    floors: Mapping[Address, int] = field(default_factory=dict)
    kept: Mapping[Address, str] = field(default_factory=dict)
    endings: Mapping[Address, str] = field(default_factory=dict)
    ssh_program: bool = False
    moved: Mapping[Address, Address] = field(default_factory=dict)  # who has another name now, by the old one
    acknowledged: tuple[Acknowledged, ...] = ()
    checks: tuple[Check, ...] = ()
    notify: Mapping[str, Notify] = field(default_factory=dict)
    agents: Mapping[str, Agent] = field(default_factory=dict)  # where there is any, no other may edit

    @property
    def secret_variables(self) -> frozenset[str]:
        """The environment variables that hold what the spec refers to; no program that ssh starts gets them."""
        nodes = (value for node in self.nodes.values() for value in node.env.values() if isinstance(value, SecretRef))
        others = (*(proxy.master_key for proxy in self.proxies.values()), *(to.token for to in self.notify.values()))
        refs = (self.key_seed, self.state.reference, *others, *nodes)
        words = (text.partition(":") for ref in refs if ref for text in ref.alternatives)
        return frozenset(name for scheme, _, name in words if scheme == "env")

    @property
    def identity(self) -> str:
        """What every value of this fleet is derived from, beside the seed."""
        return self.name if self.by_name else self.id

    def generation(self, address: Address) -> int:
        """The generation of a key's value: the spec's, unless its name needs a higher one."""
        block = self.keys.get(address.alias)
        return max(block.generation if block else 1, self.floors.get(address, 1))

    def kept_value(self, address: Address) -> str:
        """The fingerprint of a key's own value that adoption left it, until its generation is raised; else empty."""
        return self.kept.get(address, "") if self.generation(address) <= self.floors.get(address, 1) else ""
