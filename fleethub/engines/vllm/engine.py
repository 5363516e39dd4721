"""vLLM as an engine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from fleethub.engines.interface import KV_TYPE, Engine
from fleethub.engines.vllm.settings import KEYS, VllmSettings
from fleethub.model.address import Address
from fleethub.model.finding import Finding

if TYPE_CHECKING:
    from fleethub.engines.vllm.server import VllmServer
    from fleethub.model.capacity import Placed
    from fleethub.model.facts import Facts
    from fleethub.model.fleet import Fleet
    from fleethub.model.readings.gpu import GpuProcess, GpuReading
    from fleethub.model.readings.server import ServerReading
    from fleethub.model.serving import Backend


class VllmEngine(Engine):
    """One process, one model, a share of its cards that is taken at its start."""

    settings = VllmSettings
    keys = KEYS
    providers = ("hosted_vllm",)
    context_parameter = ""
    quants = ()

    def written(self, name: str, value: str | int) -> Mapping[str, str | int | float]:
        """Cache type, share and cards."""
        if name == KV_TYPE:
            return {"kv_cache_dtype": value}
        return {name: float(value) if name == "gpu_memory_utilization" else value}

    def server(self, fleet: Fleet, backend: Backend, facts: Facts) -> VllmServer:
        """The server of a backend; its rules are loaded for a fleet that has one."""
        from fleethub.engines.vllm.server import server_of

        return server_of(fleet, backend, facts)

    def environment(self, backend: Backend, machine: GpuReading) -> Mapping[str, str] | None:
        """That of the process that listens at its port."""
        from fleethub.engines.vllm.server import environment_of
        from fleethub.engines.vllm.settings import declared

        return environment_of(declared(backend.engine), machine)

    def live_findings(
        self, backend: Backend, reading: ServerReading, placed: Sequence[Placed], reckoned: Sequence[Placed]
    ) -> Iterator[Finding]:
        """What it serves and nobody planned, and a share that is not as declared."""
        from fleethub.engines.vllm.settings import declared

        planned = {p.tag for p in placed}
        address = Address("backend", backend.name)
        extra = [name for name in reading.installed if name not in planned]
        if extra and len(extra) == len(reading.installed):
            yield Finding(
                "capacity.unplanned",
                f"{backend.name} serves {', '.join(extra)}, which no node or key of the spec names; its process holds "
                "its share of the cards all the same",
                address,
                backend.place,
                "name it in a chain or in a key's also, or end that vLLM",
            )
        said = declared(backend.engine)
        told = reading.told.get("gpu_memory_utilization", "")
        wanted = said.gpu_memory_utilization
        if wanted is not None and _number(told) not in (None, wanted) and not said.kv_cache_memory:
            yield Finding(
                "backend.settings-differ",
                f"{backend.name} declares gpu_memory_utilization = {wanted:g}, and its vLLM runs with {told}, which is "
                "what is reckoned with",
                address,
                backend.place,
                f"write gpu_memory_utilization = {told} in [backends.{backend.name}.vllm]",
            )

    def owns(self, process: GpuProcess, reading: ServerReading | None) -> bool:
        """By the title that it gives its processes; one without a name may well be, in a container."""
        return "vllm" in process.name.lower() or (not process.name and reading is not None)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
