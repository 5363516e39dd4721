"""A fleet as the operator means it: defaults and roles merged, names resolved, sizes in bytes.

``spec`` makes it; everything after the spec reads only this.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field
from fnmatch import fnmatchcase
from typing import Any, ClassVar, Literal

from fleethub.model.address import Address
from fleethub.model.dataclass import dataclass
from fleethub.model.finding import Severity, SourceLocation
from fleethub.model.observation import Source
from fleethub.model.secret import SecretRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """What every named table of the spec has. ``projects`` are other names under which its owner's sessions come."""

    name: str
    owner: str = ""
    projects: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    protected: bool = False
    place: SourceLocation | None = None


def is_named(name: str, labels: Mapping[str, str], patterns: Iterable[str]) -> bool:
    """Whether one of the patterns names a block: by its name with ``*`` and ``?``, or by ``@label`` or
    ``@label=value``.
    """
    for pattern in patterns:
        label, equals, value = pattern[1:].partition("=")
        if pattern.startswith("@"):
            if label in labels and (not equals or labels[label] == value):
                return True
        elif fnmatchcase(name, pattern):
            return True
    return False


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
class Proxy(Block):
    """A LiteLLM. ``url`` is what nodes use, ``admin_url`` what FleetHub uses; TTL in seconds. No trailing slash.

    ``ca``: a file of certificates, as written (``~`` and relative to the fleet's folder); empty: the usual ones.
    """

    url: str
    admin_url: str
    replicas: tuple[str, ...] = ()
    key_cache_ttl: float = 60.0
    master_key: SecretRef
    ca: str = ""
    manage_routes: bool = False
    processes: int = 1

    @property
    def endpoints(self) -> tuple[str, ...]:
        """Every URL at which a key must be proved: the replicas, else the admin URL."""
        return self.replicas or (self.admin_url,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """One declared GPU; ``vram`` in bytes."""

    name: str
    vram: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """A backend's model server as the spec declares it; each engine extends it by its own settings.

    ``engine`` is the engine's name: of its table, of what is read there, and of its own endpoint (``via``). ``title``
    is that for people. ``api`` is the protocol that its own endpoint speaks, as consumers call it, ``path`` where
    below its URL: ``openai-completions`` and ``/v1``.
    """

    engine: ClassVar[str]
    title: ClassVar[str]
    api: ClassVar[str]
    path: ClassVar[str] = ""
    url: str

    @property
    def source(self) -> Source:
        """Where it is read; what is asked of it is left open."""
        return Source(self.engine, self.url)

    @property
    def sources(self) -> tuple[Source, ...]:
        """All that is read of it: itself first."""
        return (self.source,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend(Block):
    """A host with GPUs. ``ssh`` None: only what is declared is known; ``"local"``: NVML of this machine.

    ``memory`` of the machine in bytes, where models lie in it, and who uses it (``memory_for``); None: not written.
    ``ca`` as of a proxy. ``cordoned``: no proposal puts a further model there.
    """

    host: str
    proxy: str | None = None
    ssh: str | None = None
    endpoints: Mapping[str, str] = field(default_factory=dict)
    ca: str = ""
    gpus: tuple[Gpu, ...] = ()
    memory: int | None = None
    memory_for: Literal["cpu", "metal", "shared"] = "cpu"
    cordoned: bool = False
    engine: EngineSettings | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Model(Block):
    """A model alias; ``name`` is the alias. ``proxy`` is resolved (a cloud model's own, else its backends').

    ``context`` in tokens; ``vram`` in bytes and ``params`` in parameters, for what is not installed;
    ``tag`` its name on the servers of its backends, None for a cloud model. ``file`` tells of it, below the fleet.
    ``pull``: it is installed where it is missing, held to ``digest`` (the first digits of one, in hex; empty: to none);
    ``warm``: and loaded once those that call it were swapped to it. ``pinned``: no proposal moves it; ``place_on``:
    patterns of backends on which a proposal may put it (see ``is_named``); none: anywhere.
    """

    backends: tuple[str, ...] = ()
    proxy: str | None = None
    route: str
    tag: str | None = None
    context: int
    quant: str | None = None
    vram: int | None = None
    params: int | None = None
    capabilities: tuple[str, ...] = ()
    file: str | None = None
    pull: bool = False
    warm: bool = False
    digest: str = ""
    pinned: bool = False
    place_on: tuple[str, ...] = ()

    @property
    def source(self) -> Source | None:
        """Where what its file tells is read; None without one."""
        return Source("model", self.file) if self.file else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """One step of a node's chain: through the model's proxy, or (``endpoint`` set) straight to a backend."""

    model: str
    backend: str | None = None
    endpoint: str | None = None  # the engine's name, or a named endpoint of the backend

    @property
    def direct(self) -> bool:
        """True when the hop goes round the proxy, so that no key is involved."""
        return self.endpoint is not None

    def __str__(self) -> str:
        return f"{self.model} via {self.backend}.{self.endpoint}" if self.direct else self.model


@dataclass(frozen=True, slots=True)
class DeclaredFile:
    """One file of a type that the fleet brings; ``path`` below the target, ``hot``: taken over while it runs."""

    role: str
    template: str
    format: Literal["json", "yaml", "dotenv", "text"]
    path: str
    mode: int
    hot: bool


@dataclass(frozen=True, slots=True)
class DeclaredType:
    """A type of node that the fleet brings itself. ``key``: the variable of its key, where
    the program prescribes one. ``port`` 0 and ``health`` empty: it is not asked whether it runs."""

    name: str
    title: str
    files: tuple[DeclaredFile, ...]
    key: str = ""
    command: tuple[str, ...] = ()
    stop: tuple[str, ...] = ()
    port: int = 0
    health: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WiredProvider:
    """A provider of a node's own config through which FleetHub wires it: to ``proxy``, or to ``BACKEND.ENDPOINT``.

    ``models``: aliases that go through it; empty: all that go there. ``url`` and ``key_variable`` empty: as FleetHub
    writes them. ``keep``: what of it stays as it is found (``key`` until the key has a new value).
    """

    proxy: str = ""
    endpoint: str = ""
    models: tuple[str, ...] = ()
    url: str = ""
    key_variable: str = ""
    keep: frozenset[Literal["key", "url", "api", "context"]] = frozenset()

    def serves(self, hop: Hop, proxy: str) -> bool:
        """Whether a step of a chain, which goes by ``proxy`` unless it is direct, goes through it."""
        if self.models and hop.model not in self.models:
            return False
        return self.endpoint == f"{hop.backend}.{hop.endpoint}" if hop.direct else bool(proxy) and self.proxy == proxy


@dataclass(frozen=True, slots=True)
class Sink:
    """Commands that bring a consumer's key to where its program looks for it.

    ``command`` gets on its standard input what ``stdin`` names (``key``, ``json``, …, or a template of the fleet's);
    {url}, {model} and {models} in its words are still to be filled in. ``check`` prints the key that is there, or its
    SHA-256, and ``remove`` takes it away; empty: there is none.
    """

    command: tuple[str, ...]
    stdin: str = "key"
    check: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Node(Block):
    """A consumer of models. ``target`` and ``image`` are expanded; ``chain`` is its models, primary first.

    ``env`` values are references or plain text; ``settings`` is its type's own table; ``files`` maps the roles of its
    type's files to paths below the target. ``declared`` is its type where the fleet brings it. ``command`` makes it use
    its files, ``stop`` ends it. ``port`` 0: none is known. ``settle`` and ``timeout`` in seconds. ``wiring``: providers
    of its own config by id, with ``manage = "wiring"``. ``ignore``: what is left alone where somebody changed it,
    files or paths of FleetHub's part as a plan names them. ``consumer``: it stands in ``[consumers]``; ``sink``: what
    its key is handed to, where that is a command. ``move_state``: what it keeps itself goes along to a new target.
    ``key_store``: whether its key stands in its environment file or in a file of its own.
    """

    host: str
    type: str
    target: str
    image: str
    chain: tuple[Hop, ...]
    key: str
    manage: Literal["whole", "wiring"] = "whole"
    port: int = 0
    origins: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    uid: int = 1000
    project: str = ""
    activate: Literal["auto", "never"] = "auto"
    command: tuple[str, ...] = ()
    stop: tuple[str, ...] = ()
    settle: float = 10.0
    timeout: float = 60.0
    generation: int = 1
    env: Mapping[str, SecretRef | str] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    declared: DeclaredType | None = None
    wiring: Mapping[str, WiredProvider] = field(default_factory=dict)
    ignore: tuple[str, ...] = ()
    move_state: bool = False
    key_store: Literal["env", "file"] = "env"
    consumer: bool = False
    sink: Sink | None = None

    @property
    def address(self) -> Address:
        """``node.NAME``, or ``consumer.NAME``."""
        return Address("consumer" if self.consumer else "node", self.name)

    @property
    def group(self) -> str:
        """The group of the spec that its block stands in."""
        return "consumers" if self.consumer else "nodes"


#: Limits of a key: the spec's name -> LiteLLM's.
LIMITS = {
    "rpm": "rpm_limit",
    "tpm": "tpm_limit",
    "max_budget": "max_budget",
    "soft_budget": "soft_budget",
    "budget_duration": "budget_duration",
    "max_parallel_requests": "max_parallel_requests",
    "model_rpm": "model_rpm_limit",
    "model_tpm": "model_tpm_limit",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Key(Block):
    """Limits and extra scope of a key, on each proxy where it exists. ``models`` only for keys without nodes.

    ``limits`` holds what the spec writes, under LiteLLM's names: rpm_limit, tpm_limit, max_budget, soft_budget (in the
    proxy's currency), budget_duration, max_parallel_requests, model_rpm_limit, model_tpm_limit (by model). ``given``:
    expires (how long a value lives), allowed_routes, tags, team (its id). ``adopt``: whether what an adopted key may
    call beyond the wiring stays. ``grace``: seconds that an old value works on beside a new one; None: not written.
    ``ignore``: attributes that are left alone where somebody changed them, under LiteLLM's names.
    """

    limits: Mapping[str, int | float | str | Mapping[str, int]] = field(default_factory=dict)
    given: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)
    also: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    generation: int = 1
    adopt: Literal["keep", "narrow"] = "keep"
    grace: float | None = None
    ignore: tuple[str, ...] = ()


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
