"""A backend's server as it would load: GPUs, version and settings, observed where they could be read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fleethub.engines.ollama.scheduler import SchedulerVersion, scheduler_of
from fleethub.engines.ollama.settings import SETTINGS, read
from fleethub.model.facts import Facts, GpuReading, OllamaReading, ProxyReading
from fleethub.model.fleet import Backend, Fleet, Ollama
from fleethub.model.observation import Source
from fleethub.sizing.devices import heaviest, runtime_of

#: A setting's field in the spec -> here.
OURS = {
    **{"num_parallel": "parallel", "max_loaded_models": "max_loaded", "kv_cache_type": "kv_type"},
    **{"context_length": "context_length", "flash_attention": "flash", "gpu_overhead": "overhead"},
    **{"sched_spread": "spread"},
}


@dataclass(frozen=True, slots=True)
class Server:
    """All that decides what a load becomes there. Sizes in bytes; ``context_length`` and ``max_loaded`` 0: automatic.

    ``gpus`` are (name, total), empty when unknown; ``total_from`` says by whom. ``reserve`` and ``overhead`` are
    per GPU. ``reading`` and ``proxy`` are what its Ollama and the proxy before it answered (None: nothing);
    ``reading`` is an earlier command's where ``observed`` is False. ``sized_for`` are the spec's slots and cache type,
    for which its own sizes (``vram``) were written.
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
    spread: bool = False
    reserve: int = 1 << 30
    observed: bool = False
    url: str = ""
    routes_ours: bool = False  # the proxy's routes are FleetHub's, so that the spec decides their context
    reading: OllamaReading | None = None
    proxy: ProxyReading | None = None
    sized_for: tuple[int, str] = (1, "f16")

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
    def count_limit(self) -> int:
        """How many models may be loaded at once: OLLAMA_MAX_LOADED_MODELS, or 3 for each GPU."""
        return self.max_loaded or 3 * max(len(self.gpus), 1)


def server_of(fleet: Fleet, backend: Backend, facts: Facts) -> Server:
    """The server of a backend; what was observed wins over what is declared."""
    ollama = backend.ollama or Ollama(url="")
    raw = facts.of(Source("ollama", ollama.url))
    observed = isinstance(raw, OllamaReading)
    reading = raw if isinstance(raw, OllamaReading) else facts.remembered.get(ollama.url)
    machine = facts.of(Source("gpu", backend.ssh)) if backend.ssh else None
    seen = machine if isinstance(machine, GpuReading) else None
    proxy = fleet.proxies.get(backend.proxy or "")
    routes = facts.of(Source("litellm", proxy.admin_url)) if proxy else None
    if seen is not None and seen.gpus:
        gpus, total_from = tuple((g.name, g.total) for g in seen.gpus), seen.by
    else:
        gpus, total_from = tuple((g.name, g.vram) for g in backend.gpus), "declared" if backend.gpus else ""
    version = reading.version if reading is not None else None
    return Server(
        name=backend.name,
        gpus=gpus,
        total_from=total_from,
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


def _settings(declared: Ollama, seen: Mapping[str, str] | None) -> dict[str, Any]:
    found = read(seen) if seen is not None else {s.field: getattr(declared, s.field) for s in SETTINGS}
    return {OURS[field]: value for field, value in found.items()}
