"""What an Ollama has installed and loaded, changed: pull, load, unload, delete."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from fleethub.clients.answered import Lenient, valid
from fleethub.clients.http import Http
from fleethub.clients.http_answer import HttpAnswer, HttpError
from fleethub.clients.ollama import Bytes, Line, Ollama, OllamaError
from fleethub.clients.servers import Pulling
from fleethub.model.readings.server import ServerReading
from fleethub.model.text import heard

#: Seconds without a line after which a pull has ended: it says nothing while it checks what it downloaded.
SILENCE = 3600.0
#: Seconds for a load; Ollama itself gives up when one makes no progress for OLLAMA_LOAD_TIMEOUT (5 minutes).
LOAD = 1800.0
#: Seconds for what is quick.
SOON = 60.0
FULL = "no space left on device"


class _Progress(Lenient):
    status: Line = ""
    digest: Line = ""
    total: Bytes = 0
    completed: Bytes = 0
    error: Line = ""


class OllamaModels:
    """One server; every failure is an OllamaError, fit to be shown."""

    def __init__(self, http: Http, url: str) -> None:
        self._http, self._url = http, url

    def read(self, ask: tuple[str, ...]) -> ServerReading:
        """What is there now, nothing of it from a cache."""
        return Ollama(self._http, self._url).read(ask)

    def pull(self, name: str) -> Generator[Pulling]:
        """How far it is, at each line; the last one is its own word that it succeeded, else OllamaError."""
        layers: dict[str, tuple[int, int]] = {}
        ended = False
        try:
            lines = self._http.lines("POST", f"{self._url}/api/pull", json={"model": name}, silence=SILENCE)
            for answer in lines:
                said = _line(answer)
                ended = said.status == "success"
                if said.digest and said.total:
                    layers[said.digest] = (min(said.completed, said.total), said.total)
                yield Pulling(said.status, dict(layers))
        except HttpError as error:
            raise OllamaError(f"pulling {name}: {error}") from None
        if not ended:
            raise OllamaError(f"pulling {name}: the answer ended before the model was there")

    def load(self, name: str, context: int) -> None:
        """By a request without a prompt; a model that only embeds is loaded by one without an input."""
        body = {"model": name, "options": {"num_ctx": context}}
        answer = self._ask("POST", "/api/generate", body, LOAD)
        if answer.status == 400 and "does not support" in answer.said():
            answer = self._ask("POST", "/api/embed", body, LOAD)
        if answer.status != 200:
            raise OllamaError(f"loading {name}: {answer.reason()}")

    def unload(self, name: str) -> None:
        """By a request that lets it stay for no time at all; of a model that embeds as of another."""
        answer = self._ask("POST", "/api/generate", {"model": name, "keep_alive": 0}, SOON)
        if answer.status != 200:
            raise OllamaError(f"unloading {name}: {answer.reason()}")

    def delete(self, name: str) -> bool:
        """The name, and what of its files no other name uses."""
        answer = self._ask("DELETE", "/api/delete", {"model": name}, SOON)
        if answer.status == 404:
            return False
        if answer.status != 200:
            raise OllamaError(f"deleting {name}: {answer.reason()}")
        return True

    def _ask(self, method: str, path: str, body: Any, limit: float) -> HttpAnswer:
        try:
            return self._http.request(method, self._url + path, json=body, limit=limit)
        except HttpError as error:
            raise OllamaError(f"{path}: {error}") from None


def _line(answer: HttpAnswer) -> _Progress:
    """A line of a pull; raises OllamaError for what went wrong, in the server's words."""
    if answer.status >= 400:
        raise OllamaError(f"/api/pull: {answer.reason()}")
    said = valid(_Progress, answer.body, "unexpected answer of /api/pull", OllamaError)
    if FULL in said.error:
        raise OllamaError(f"the disk is full ({FULL}): what came so far is kept, and the next pull goes on from there")
    if said.error:
        raise OllamaError(f'/api/pull: "{heard(said.error)}"')
    return said
