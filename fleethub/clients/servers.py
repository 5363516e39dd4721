"""The clients of model servers, by their engine's name: each is loaded when a server of its engine is read."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import Protocol

from fleethub.clients.http import Http
from fleethub.clients.shown import ShownCache
from fleethub.model.dataclass import dataclass
from fleethub.model.facts import Reading
from fleethub.model.readings.server import ServerReading


class ServerError(Exception):
    """A server, or its file, gave nothing usable; the message is fit to be shown."""


class ServerClient(Protocol):
    """Reads one model server."""

    def read(self, ask: tuple[str, ...]) -> ServerReading:
        """All of it, with the facts of the models that are asked for; raises ServerError."""


@dataclass(frozen=True, slots=True)
class Pulling:
    """How far a pull is. ``layers``: digest -> (bytes that are there, bytes of it in all), of those begun so far."""

    says: str
    layers: Mapping[str, tuple[int, int]]

    @property
    def done(self) -> int:
        """Bytes that are there."""
        return sum(done for done, _ in self.layers.values())

    @property
    def total(self) -> int:
        """Bytes of all layers that were begun; the server tells a layer's size only then."""
        return sum(total for _, total in self.layers.values())


class ModelManager(Protocol):
    """Changes what a model server has installed and loaded; every failure is a ServerError."""

    def pull(self, name: str) -> Generator[Pulling]:
        """Have a model downloaded; it is there once the iterator ends by itself. To close it ends the download."""

    def load(self, name: str, context: int) -> None:
        """Have it loaded with ``context`` tokens per slot, and wait until it is."""

    def unload(self, name: str) -> None:
        """Have it unloaded; what is not loaded stays so."""

    def delete(self, name: str) -> bool:
        """Remove it from the disk; False: it was not there."""

    def read(self, ask: tuple[str, ...]) -> ServerReading:
        """What is there now."""


def _ollama(http: Http, at: str, cache: ShownCache | None) -> ServerClient:
    from fleethub.clients.ollama import Ollama

    return Ollama(http, at, cache)


def _ollama_models(http: Http, at: str) -> ModelManager:
    from fleethub.clients.ollama_models import OllamaModels

    return OllamaModels(http, at)


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
#: Of the engines whose servers install and load models when they are told to.
MANAGERS: dict[str, Callable[[Http, str], ModelManager]] = {"ollama": _ollama_models}
#: Files of the fleet that tell of a server, by their source's system.
FILES: dict[str, Callable[[Path, str], Reading]] = {"swap-file": _swap_file}
