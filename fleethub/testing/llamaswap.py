"""A stand-in for llama-swap: ``/v1/models`` and ``/running`` in the shapes of its ``internal/server/api.go``.

Read at August 2026 (commit 0bdb372); a running one was not at hand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fleethub.testing.server import Answer, Request, Server


class LlamaSwap(Server):
    """``models`` by name; ``running``: name -> state (starting, ready, stopping), each with its ``command``."""

    def __init__(
        self,
        models: Sequence[str],
        *,
        running: Mapping[str, str] | None = None,
        command: str = "llama-server --port 5800",
        port: int = 0,
    ) -> None:
        super().__init__(port)
        self.models, self.running, self.command = list(models), dict(running or {}), command
        self.routes = {("GET", "/v1/models"): self._models, ("GET", "/running"): self._running}
        self.start()

    def _models(self, request: Request) -> Answer:
        status = {name: "loaded" if name in self.running else "unloaded" for name in self.models}
        rows = [
            {"id": n, "object": "model", "owned_by": "llama-swap", "status": {"value": status[n]}} for n in self.models
        ]
        return Answer({"object": "list", "data": rows})

    def _running(self, request: Request) -> Answer:
        more = {"cmd": self.command, "proxy": "http://localhost:5800", "ttl": 0, "name": "", "description": ""}
        rows = [{"model": name, "state": state, **more} for name, state in sorted(self.running.items())]
        return Answer({"running": rows})
