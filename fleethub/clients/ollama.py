"""Ollama's API: version, installed models, residents, and the facts of the models that were asked for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from fleethub.clients.answered import Api, Lenient
from fleethub.clients.http import Http
from fleethub.clients.modelfile import blobs
from fleethub.clients.servers import ServerError
from fleethub.clients.shown import LONGEST, ShownCache, facts, tensors
from fleethub.engines.ollama.names import CLOUD, canonical, is_cloud
from fleethub.model.observation import EVERY
from fleethub.model.readings.server import Installed, Resident, ServerReading, Shown
from fleethub.model.text import bare


class OllamaError(ServerError):
    """The server gave no usable answer; the message is fit to be shown."""


def _zero(value: Any) -> Any:
    return 0 if value is None else value


def _empty(value: Any) -> Any:
    return "" if value is None else value


Bytes = Annotated[int, BeforeValidator(_zero), Field(ge=0, lt=1 << 53)]
Line = Annotated[str, BeforeValidator(_empty), Field(max_length=512, pattern=r"^[^\x00-\x1f\x7f]*$")]


class _Version(Lenient):
    version: Line


class _Details(Lenient):
    quantization_level: Line | None = None


class _Tag(Lenient):
    name: Line
    size: Bytes = 0
    digest: Line = ""
    details: _Details | None = None
    remote_model: Line = ""
    remote_host: Line = ""
    modified_at: Line = ""


class _Tags(Lenient):
    models: list[_Tag] | None = None


class _Running(Lenient):
    name: Line
    size: Bytes = 0
    size_vram: Bytes = 0
    digest: Line = ""
    context_length: Annotated[int, Field(ge=0, lt=1 << 40)] | None = None
    expires_at: Line = ""


class _Ps(Lenient):
    models: list[_Running] | None = None


class _Show(Lenient):
    model_info: Any = None
    tensors: Any = None
    parameters: Any = None
    capabilities: Any = None
    projector_info: Any = None
    modelfile: Any = None


class Ollama:
    """One Ollama server; with a cache, what it has already told of a model is not asked again."""

    def __init__(self, http: Http, url: str, cache: ShownCache | None = None) -> None:
        self._api, self._cache = Api(http, url, OllamaError), cache

    def read(self, ask: tuple[str, ...]) -> ServerReading:
        """All of it, with ``/api/show`` for each asked tag that is installed (``EVERY``: all); raises OllamaError."""
        version = self._api.get(_Version, "/api/version").version
        tags = self._api.get(_Tags, "/api/tags").models or []
        running = self._api.get(_Ps, "/api/ps").models or []
        wanted = {canonical(tag) for tag in ask}
        installed = {}
        for tag in tags:
            remote = _remote(tag)
            shown = self._shown(tag) if not remote and (EVERY in ask or canonical(tag.name) in wanted) else None
            quant = tag.details.quantization_level if tag.details else None
            installed[tag.name] = Installed(tag.size, tag.digest, quant, shown, remote, _moment(tag.modified_at))
        residents = tuple(
            Resident(r.name, r.size, r.size_vram, r.digest, r.context_length or None, r.expires_at) for r in running
        )
        return ServerReading(version, installed, residents)

    def _shown(self, tag: _Tag) -> Shown | None:
        """A model's facts; None when the server lists it and yet cannot show it (removed meanwhile, damaged)."""
        if self._cache is not None and tag.digest and (known := self._cache.get(tag.digest)) is not None:
            return known
        body = {"model": tag.name, "verbose": True}  # without it every array is null
        answer = self._api.ask("POST", "/api/show", body)
        if answer.status != 200:
            return None
        shown = shown_of(self._api.read(_Show, "/api/show", answer.body))
        if self._cache is not None and tag.digest and shown.info:
            self._cache.put(tag.digest, shown)
        return shown


def shown_of(answer: _Show) -> Shown:
    """The parts of ``/api/show`` that decide a size. What is not of its right type is left out, not guessed at."""
    files = blobs(answer.modelfile)
    return Shown(
        facts(answer.model_info),
        tensors(answer.tensors),
        parameters(answer.parameters),
        tuple(c for c in answer.capabilities if isinstance(c, str)) if isinstance(answer.capabilities, list) else (),
        facts(answer.projector_info),
        files.weights,
        files.beside,
        files.draft,
    )


def _moment(text: str) -> str:
    """In UTC, whichever zone the server is in; empty for what is no moment, as Go's zero of time."""
    try:
        found = datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return ""
    return found.isoformat(timespec="microseconds") if found.year > 1 else ""


def _remote(tag: _Tag) -> str:
    """The host that answers a cloud model, as ``/api/tags`` says it; without the scheme, and never with a login."""
    if not tag.remote_host and not tag.remote_model:
        return CLOUD if is_cloud(tag.name) else ""
    host = bare(tag.remote_host)
    return host.partition("://")[2].rstrip("/").removesuffix(":443") or host or CLOUD


def parameters(text: Any) -> Mapping[str, str]:
    """A Modelfile's parameters from their text, ``key value`` a line; what repeats (``stop``) has a line each."""
    found: dict[str, str] = {}
    for line in text.splitlines()[:LONGEST] if isinstance(text, str) else ():
        key, _, value = line.strip().partition(" ")
        value = value.strip()
        if key and value:
            found[key] = f"{found[key]}\n{value}" if key in found else value
    return found
