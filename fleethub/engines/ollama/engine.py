"""Ollama as an engine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from fleethub.engines.interface import GGUF_QUANTS, KV_TYPE, Engine
from fleethub.engines.ollama.settings import KEYS, OllamaSettings

if TYPE_CHECKING:
    from fleethub.engines.interface import Arrangement, Server
    from fleethub.engines.ollama.server import OllamaServer
    from fleethub.model.capacity import Placed
    from fleethub.model.facts import Facts, Reading
    from fleethub.model.finding import Finding
    from fleethub.model.fleet import Fleet
    from fleethub.model.observation import Unknown
    from fleethub.model.readings.gpu import GpuProcess, GpuReading
    from fleethub.model.readings.server import MeasuredLoad, ServerReading
    from fleethub.model.serving import Backend, EngineSettings, Model


class OllamaEngine(Engine):
    """Its scheduler decides what stays loaded; a request's num_ctx decides the context."""

    settings = OllamaSettings
    keys = KEYS
    providers = ("ollama", "ollama_chat")
    context_parameter = "num_ctx"
    quants = GGUF_QUANTS
    pulls = True

    def written(self, name: str, value: str | int) -> Mapping[str, str | int | float]:
        """By its variable's name."""
        return {{KV_TYPE: "kv_cache_type"}.get(name, name): value}

    def canonical(self, name: str) -> str:
        """Its short form, with its tag."""
        from fleethub.engines.ollama.names import canonical

        return canonical(name)

    def deployment(self, settings: EngineSettings, model: Model) -> Mapping[str, str | int]:
        """Its URL and the context, which only its native interface takes."""
        from fleethub.engines.ollama.context import native

        if not native(model.route):
            return {"api_base": f"{settings.url.rstrip('/')}/v1"}
        return {"api_base": settings.url, "num_ctx": model.context}

    def arrangements(self, backend: Backend, server: Server, planned: Sequence[Placed]) -> Iterable[Arrangement]:
        """Slots and cache type, and room for the number of models."""
        from fleethub.engines.ollama.arrange import arrangements
        from fleethub.engines.ollama.server import OllamaServer

        return arrangements(backend, server, planned) if isinstance(server, OllamaServer) else ()

    def server(self, fleet: Fleet, backend: Backend, facts: Facts) -> OllamaServer:
        """The server of a backend."""
        from fleethub.engines.ollama.server import server_of

        return server_of(fleet, backend, facts)

    def measured(
        self, backend: Backend, reading: ServerReading, machine: Reading | Unknown | None, at: str
    ) -> Iterable[MeasuredLoad]:
        """Residents of a version that measures."""
        from fleethub.engines.ollama.measured import measured

        return measured(backend, reading, machine, at)

    def environment(self, backend: Backend, machine: GpuReading) -> Mapping[str, str] | None:
        """What is read of a machine's environment is Ollama's."""
        return machine.settings

    def machine_findings(self, backend: Backend, machine: GpuReading) -> Iterable[Finding]:
        """Settings by its environment."""
        from fleethub.engines.ollama.live import setting_findings

        return setting_findings(backend, machine)

    def live_findings(
        self, backend: Backend, reading: ServerReading, placed: Sequence[Placed], reckoned: Sequence[Placed]
    ) -> Iterable[Finding]:
        """Residents that spill, that nobody planned, that are not as large as reckoned."""
        from fleethub.engines.ollama.live import resident_findings

        return resident_findings(backend, reading, placed, reckoned)

    def owns(self, process: GpuProcess, reading: ServerReading | None) -> bool:
        """By its program's name."""
        from fleethub.engines.ollama.live import owns

        return owns(process, reading)
