"""Ollama's API: version, installed models, residents, and the facts of the models that were asked for."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from fleethub.clients.http import Http, HttpError
from fleethub.model.facts import Installed, OllamaReading, Resident, Shown, tagged

T = TypeVar("T", bound=BaseModel)


class OllamaError(Exception):
    """The server gave no usable answer; the message is fit to be shown."""


class _Lenient(BaseModel):
    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True, protected_namespaces=())


class _Version(_Lenient):
    version: str


class _Details(_Lenient):
    quantization_level: str | None = None


class _Tag(_Lenient):
    name: str
    size: int = 0
    digest: str = ""
    details: _Details = _Details()


class _Tags(_Lenient):
    models: list[_Tag] | None = None


class _Running(_Lenient):
    name: str
    size: int = 0
    size_vram: int = 0
    digest: str = ""
    context_length: int | None = None


class _Ps(_Lenient):
    models: list[_Running] | None = None


class _Show(_Lenient):
    model_info: dict[str, Any] | None = None


class Ollama:
    """One Ollama server."""

    def __init__(self, http: Http, url: str) -> None:
        self._http, self._url = http, url

    def read(self, ask: tuple[str, ...]) -> OllamaReading:
        """Everything, with ``/api/show`` for each asked tag that is installed; raises OllamaError."""
        version = self._get(_Version, "GET", "/api/version").version
        tags = self._get(_Tags, "GET", "/api/tags").models or []
        running = self._get(_Ps, "GET", "/api/ps").models or []
        wanted = {tagged(tag) for tag in ask}
        installed = {}
        for tag in tags:
            shown = None
            if tagged(tag.name) in wanted:
                shown = Shown(self._get(_Show, "POST", "/api/show", {"model": tag.name}).model_info or {})
            installed[tag.name] = Installed(tag.size, tag.digest, tag.details.quantization_level, shown)
        residents = tuple(Resident(r.name, r.size, r.size_vram, r.digest, r.context_length) for r in running)
        return OllamaReading(version, installed, residents)

    def _get(self, kind: type[T], method: str, path: str, body: Any = None) -> T:
        try:
            answer = self._http.request(method, self._url + path, json=body, again=True)
        except HttpError as error:
            raise OllamaError(str(error)) from None
        if answer.status != 200:
            raise OllamaError(f"{path}: {answer.reason()}")
        try:
            return kind.model_validate(answer.body)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "the answer"
            raise OllamaError(f"unexpected answer of {path}: {where}: {first['msg']}") from None
