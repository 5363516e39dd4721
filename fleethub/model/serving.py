"""What serves models, and to whom, as the spec means it: proxies, backends, models, keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import ClassVar, Literal

from fleethub.model.block import Block
from fleethub.model.dataclass import dataclass
from fleethub.model.observation import Source
from fleethub.model.secret import SecretRef


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
