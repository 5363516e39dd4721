"""The clients of model servers, by their engine's name: each is loaded when a server of its engine is read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from fleethub.clients.http import Http
from fleethub.clients.shown import ShownCache
from fleethub.model.facts import Reading, ServerReading


class ServerError(Exception):
    """A server, or its file, gave nothing usable; the message is fit to be shown."""


class ServerClient(Protocol):
    """Reads one model server."""

    def read(self, ask: tuple[str, ...]) -> ServerReading:
        """All of it, with the facts of the models that are asked for; raises ServerError."""


def _ollama(http: Http, at: str, cache: ShownCache | None) -> ServerClient:
    from fleethub.clients.ollama import Ollama

    return Ollama(http, at, cache)


def _vllm(http: Http, at: str, cache: ShownCache | None) -> ServerClient:
    from fleethub.clients.vllm import Vllm

    return Vllm(http, at, cache)


def _llamacpp(http: Http, at: str, cache: ShownCache | None) -> ServerClient:
    from fleethub.clients.llamacpp import LlamaCpp

    return LlamaCpp(http, at, cache)


def _llamaswap(http: Http, at: str, cache: ShownCache | None) -> ServerClient:
    from fleethub.clients.llamaswap import LlamaSwap

    return LlamaSwap(http, at, cache)


def _swap_file(root: Path, name: str) -> Reading:
    from fleethub.clients.llamaswap import read_file

    return read_file(root, name)


CLIENTS: dict[str, Callable[[Http, str, ShownCache | None], ServerClient]] = {
    "ollama": _ollama,
    "vllm": _vllm,
    "llamacpp": _llamacpp,
    "llamaswap": _llamaswap,
}
#: Files of the fleet that tell of a server, by their source's system.
FILES: dict[str, Callable[[Path, str], Reading]] = {"swap-file": _swap_file}
