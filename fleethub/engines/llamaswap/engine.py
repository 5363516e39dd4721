"""llama-swap as an engine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from fleethub.engines.llamacpp.engine import LlamaCppEngine
from fleethub.engines.llamaswap.settings import KEYS, LlamaSwapSettings
from fleethub.model.address import Address
from fleethub.model.finding import Finding

if TYPE_CHECKING:
    from fleethub.engines.interface import Arrangement, Server
    from fleethub.engines.llamaswap.server import LlamaSwapServer
    from fleethub.model.capacity import Placed
    from fleethub.model.facts import Facts
    from fleethub.model.fleet import Fleet
    from fleethub.model.readings.gpu import GpuProcess, GpuReading
    from fleethub.model.readings.server import ServerReading
    from fleethub.model.serving import Backend


class LlamaSwapEngine(LlamaCppEngine):
    """A proxy that starts a server for each model and ends others for it, as its file says."""

    settings = LlamaSwapSettings
    keys = KEYS

    def written(self, name: str, value: str | int) -> Mapping[str, str | int | float]:
        """Nothing: its commands stand in its own file."""
        return {}

    def arrangements(self, backend: Backend, server: Server, planned: Sequence[Placed]) -> Iterable[Arrangement]:
        """Who may stay beside whom."""
        from fleethub.engines.llamaswap.arrange import arrangements

        return arrangements(backend, server, planned)

    def server(self, fleet: Fleet, backend: Backend, facts: Facts) -> LlamaSwapServer:
        """The server of a backend; its rules are loaded for a fleet that has one."""
        from fleethub.engines.llamaswap.server import server_of

        return server_of(fleet, backend, facts)

    def environment(self, backend: Backend, machine: GpuReading) -> Mapping[str, str] | None:
        """None: each of its models has one of its own."""
        return None

    def live_findings(
        self, backend: Backend, reading: ServerReading, placed: Sequence[Placed], reckoned: Sequence[Placed]
    ) -> Iterator[Finding]:
        """What runs and nobody planned."""
        planned = {p.tag for p in placed}
        extra = [name for name, state in reading.told.items() if state == "ready" and name not in planned]
        if extra:
            yield Finding(
                "capacity.unplanned",
                f"on {backend.name} runs what no node or key of the spec names: {', '.join(extra)}",
                Address("backend", backend.name),
                backend.place,
                "name it in a chain or in a key's also, so that it is reckoned with",
            )

    def owns(self, process: GpuProcess, reading: ServerReading | None) -> bool:
        """By the names of what it starts."""
        return any(word in process.name.lower() for word in ("llama", "vllm")) or (
            not process.name and reading is not None
        )
