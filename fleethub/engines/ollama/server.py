"""A backend's server as it would load: GPUs, version and settings, observed where they could be read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from fleethub.engines.cards import cards_of, less, less_said
from fleethub.engines.interface import KV_TYPE, PARALLEL, SettingChange
from fleethub.engines.ollama import context as contexts
from fleethub.engines.ollama.admission import admit
from fleethub.engines.ollama.load import load as load_of
from fleethub.engines.ollama.load import resident
from fleethub.engines.ollama.scheduler import SchedulerVersion, scheduler_of
from fleethub.engines.ollama.settings import SETTINGS, OllamaSettings, declared, read
from fleethub.model.capacity import AdmissionVerdict, Held, Placed
from fleethub.model.dataclass import dataclass
from fleethub.model.facts import Facts
from fleethub.model.fleet import Fleet
from fleethub.model.observation import Source
from fleethub.model.readings.gpu import GpuReading
from fleethub.model.readings.proxy import ProxyReading
from fleethub.model.readings.server import ServerReading
from fleethub.model.serving import Backend, Model
from fleethub.sizing.devices import heaviest, runtime_of

#: A setting's field in the spec -> here.
OURS = {
    **{"num_parallel": "parallel", "max_loaded_models": "max_loaded", "kv_cache_type": "kv_type"},
    **{"context_length": "context_length", "flash_attention": "flash", "gpu_overhead": "overhead"},
    **{"sched_spread": "spread", "fit_target": "fit_target"},
}


MAX_LOADED = "max_loaded_models"
KV_TYPES = ("q8_0", "q4_0")


@dataclass(frozen=True, slots=True)
class OllamaServer:
    """All that decides what a load becomes there. Sizes in bytes; ``context_length`` and ``max_loaded`` 0: automatic.

    ``gpus`` are (name, total), empty when unknown (``no_gpus`` says why); ``total_from`` says by whom. ``reserve`` and
    ``overhead`` are per GPU. ``reading`` and ``proxy`` are what its Ollama and the proxy before it answered (None:
    nothing); ``reading`` is an earlier command's where ``observed`` is False. ``sized_for`` are the spec's slots and
    cache type, for which its own sizes (``vram``) were written. ``compute``: NVIDIA's capability of each GPU,
    empty where it is not told.
    """

    name: str
    gpus: tuple[tuple[str, int], ...]
    total_from: str = ""
    version: str | None = None
    scheduler: SchedulerVersion = SchedulerVersion.UNKNOWN
    parallel: int = 1
    max_loaded: int = 0
    kv_type: str = "f16"
    context_length: int = 0
    flash: bool | None = None
    overhead: int = 0
    fit_target: int = 1 << 30
    spread: bool = False
    reserve: int = 1 << 30
    observed: bool = False
    url: str = ""
    routes_ours: bool = False  # the proxy's routes are FleetHub's, so that the spec decides their context
    reading: ServerReading | None = None
    proxy: ProxyReading | None = None
    sized_for: tuple[int, str] = (1, "f16")
    compute: tuple[str, ...] = ()
    no_gpus: str = ""
    held: int = 0  # bytes that other servers of the machine take, which ``gpus`` are without

    @property
    def runtime(self) -> str:
        """The library that its GPUs are driven by, told from their names."""
        return runtime_of(name for name, _ in self.gpus)

    @property
    def device(self) -> str:
        """The GPU on which a runtime takes most."""
        return heaviest(name for name, _ in self.gpus)

    @property
    def total(self) -> int | None:
        """VRAM of all GPUs; None when they are unknown."""
        return sum(size for _, size in self.gpus) if self.gpus else None

    @property
    def kept(self) -> int:
        """What its scheduler leaves out of each GPU by OLLAMA_GPU_OVERHEAD: since 0.30 that only moves the context."""
        return 0 if self.scheduler is SchedulerVersion.CURRENT else self.overhead

    @property
    def count_limit(self) -> int:
        """How many models may be loaded at once: OLLAMA_MAX_LOADED_MODELS, or 3 for each GPU."""
        return self.max_loaded or 3 * max(len(self.gpus), 1)

    load = load_of

    def resident(self, held: Held, facts: Facts) -> Placed:
        """What is loaded now, as large as the server says, as if it were to stay."""
        return resident(self, held, facts)

    def effective_context(self, model: Model, facts: Facts) -> tuple[int, str]:
        """By route, Modelfile, setting, default."""
        return contexts.effective_context(self, model, facts)

    def unasked_context(self, model: Model) -> tuple[int, str]:
        """By Modelfile, setting, default."""
        return contexts.unasked(self, model)

    def admit(self, planned: Sequence[Placed]) -> AdmissionVerdict:
        """By its scheduler's rules."""
        return admit(self, planned)

    def beside(self, taken: tuple[int, ...], whom: str) -> OllamaServer:
        """Its scheduler sees less that is free; by how much memory there is in all it still chooses its context."""
        said = less_said(self.total_from, taken, whom)
        return replace(self, gpus=less(self.gpus, taken), total_from=said, held=sum(taken))

    def with_setting(self, name: str, value: str | int) -> OllamaServer:
        """Another number of slots, cache type or number of models; raises KeyError for any other name."""
        if name == KV_TYPE:
            return replace(self, kv_type=str(value))
        if name == PARALLEL:
            return replace(self, parallel=int(value))
        if name == MAX_LOADED:
            return replace(self, max_loaded=int(value))
        raise KeyError(name)

    def setting_changes(self, models: int) -> Iterator[SettingChange]:
        """A smaller cache type; one slot; room for the number of models."""
        for kv_type in KV_TYPES:
            says = f"OLLAMA_KV_CACHE_TYPE={kv_type} instead of {self.kv_type}"
            yield SettingChange(KV_TYPE, kv_type, says, "needs flash attention", saves=True)
        if self.parallel > 1:
            says = f"OLLAMA_NUM_PARALLEL=1 instead of {self.parallel}"
            yield SettingChange(PARALLEL, 1, says, "requests to one model wait for each other", last=True)
        if self.count_limit < models:
            automatic = "" if self.max_loaded else " (automatic)"
            says = f"OLLAMA_MAX_LOADED_MODELS={models} instead of {self.count_limit}{automatic}"
            yield SettingChange(MAX_LOADED, models, says, shared=False, last=True)


def server_of(fleet: Fleet, backend: Backend, facts: Facts) -> OllamaServer:
    """The server of a backend; what was observed wins over what is declared."""
    ollama = declared(backend.engine)
    raw = facts.of(ollama.source)
    observed = isinstance(raw, ServerReading)
    reading = raw if isinstance(raw, ServerReading) else facts.remembered.get(ollama.url)
    machine = facts.of(Source("gpu", backend.ssh)) if backend.ssh else None
    seen = machine if isinstance(machine, GpuReading) else None
    proxy = fleet.proxies.get(backend.proxy or "")
    routes = facts.of(Source("litellm", proxy.admin_url)) if proxy else None
    cards = cards_of(backend, seen, seen.settings if seen is not None else None)
    version = reading.version if reading is not None else None
    return OllamaServer(
        name=backend.name,
        gpus=cards.gpus,
        compute=tuple(card.compute for card in cards.cards),
        total_from=cards.by,
        no_gpus="; ".join(cards.says) if not cards.gpus else "",
        version=version,
        scheduler=scheduler_of(version),
        **_settings(ollama, seen.settings if seen is not None else None),
        reserve=fleet.policy.reserve,
        observed=observed,
        url=ollama.url,
        routes_ours=bool(proxy and proxy.manage_routes),
        reading=reading,
        proxy=routes if isinstance(routes, ProxyReading) else None,
        sized_for=(ollama.num_parallel, ollama.kv_cache_type),
    )


def _settings(said: OllamaSettings, seen: Mapping[str, str] | None) -> dict[str, Any]:
    found = read(seen) if seen is not None else {s.field: getattr(said, s.field) for s in SETTINGS}
    return {OURS[field]: value for field, value in found.items()}
