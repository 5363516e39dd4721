"""llama.cpp's server as an engine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from fleethub.engines.interface import GGUF_QUANTS, KV_TYPE, Engine
from fleethub.engines.llamacpp.settings import KEYS, LlamaCppSettings
from fleethub.model.address import Address
from fleethub.model.finding import Finding

if TYPE_CHECKING:
    from fleethub.engines.interface import SpecKey
    from fleethub.engines.llamacpp.server import LlamaCppServer
    from fleethub.model.capacity import Placed
    from fleethub.model.facts import Facts
    from fleethub.model.fleet import Fleet
    from fleethub.model.readings.gpu import GpuProcess, GpuReading
    from fleethub.model.readings.server import ServerReading
    from fleethub.model.serving import Backend, EngineSettings


class LlamaCppEngine(Engine):
    """One process, one model; or a router that starts a process for each, up to a number of them."""

    settings: type[EngineSettings] = LlamaCppSettings
    keys: tuple[SpecKey, ...] = KEYS
    providers = ()
    context_parameter = ""
    quants = GGUF_QUANTS

    def written(self, name: str, value: str | int) -> Mapping[str, str | int | float]:
        """One type for both halves of its cache."""
        return {"cache_type_k": value, "cache_type_v": value} if name == KV_TYPE else {"parallel": value}

    def server(self, fleet: Fleet, backend: Backend, facts: Facts) -> LlamaCppServer:
        """The server of a backend; its rules are loaded for a fleet that has one."""
        from fleethub.engines.llamacpp.server import server_of

        return server_of(fleet, backend, facts)

    def environment(self, backend: Backend, machine: GpuReading) -> Mapping[str, str] | None:
        """That of the process that listens at its port."""
        from fleethub.engines.llamacpp.server import environment_of
        from fleethub.engines.llamacpp.settings import declared

        return environment_of(declared(backend.engine), machine)

    def live_findings(
        self, backend: Backend, reading: ServerReading, placed: Sequence[Placed], reckoned: Sequence[Placed]
    ) -> Iterator[Finding]:
        """A slot that is not what was reckoned, and a served model that nobody planned."""
        from fleethub.engines.llamacpp.settings import BETWEEN, LOADED, declared

        address = Address("backend", backend.name)
        planned = {p.tag for p in placed}
        told = reading.told.get("n_ctx", "")
        one = placed[0] if len(placed) == 1 and placed[0].tag in reading.installed else None
        if one is not None and told.isdigit() and int(told) not in (0, one.context):
            table = f"[backends.{backend.name}.{declared(backend.engine).engine}]"
            yield Finding(
                "backend.settings-differ",
                f"a request to {one.tag} on {backend.name} is given {int(told):,} tokens (/props), and by its settings "
                f"it would be {one.context:,} ({one.context_from})",
                address,
                backend.place,
                f"make ctx_size, parallel and kv_unified in {table} those of its command line; with ssh = … it is read",
            )
        loaded = [name for name in reading.told.get(LOADED, "").split(BETWEEN) if name and name not in planned]
        if loaded:
            yield Finding(
                "capacity.unplanned",
                f"on {backend.name} is loaded what no node or key of the spec names: {', '.join(loaded)}",
                address,
                backend.place,
                "name it in a chain or in a key's also, so that it is reckoned with, or end it",
            )

    def owns(self, process: GpuProcess, reading: ServerReading | None) -> bool:
        """By its program's name."""
        return "llama" in process.name.lower() or (not process.name and reading is not None)
