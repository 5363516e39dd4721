"""The clients of model servers, by their engine's name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from fleethub.clients.http import Http
from fleethub.clients.llamacpp import LlamaCpp, LlamaCppError
from fleethub.clients.llamaswap import LlamaSwap, LlamaSwapError, read_file
from fleethub.clients.ollama import Ollama, OllamaError
from fleethub.clients.shown import ShownCache
from fleethub.clients.vllm import Vllm, VllmError
from fleethub.model.facts import Reading, ServerReading


class ServerClient(Protocol):
    """Reads one model server."""

    def read(self, ask: tuple[str, ...]) -> ServerReading:
        """All of it, with the facts of the models that are asked for; raises one of ``ERRORS``."""


CLIENTS: dict[str, Callable[[Http, str, ShownCache | None], ServerClient]] = {
    "ollama": Ollama,
    "vllm": Vllm,
    "llamacpp": LlamaCpp,
    "llamaswap": LlamaSwap,
}
ERRORS: tuple[type[Exception], ...] = (OllamaError, VllmError, LlamaCppError, LlamaSwapError)
#: Files of the fleet that tell of a server, by their source's system.
FILES: dict[str, Callable[[Path, str], Reading]] = {"swap-file": read_file}
