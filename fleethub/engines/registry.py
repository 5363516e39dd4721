"""The engines that there are, by name, and what is said where none is."""

from __future__ import annotations

from fleethub.engines.interface import Engine
from fleethub.engines.ollama.engine import OllamaEngine
from fleethub.model.fleet import Backend, EngineSettings

ENGINES: dict[str, Engine] = {engine.settings.engine: engine for engine in (OllamaEngine(),)}


def engine_of(settings: EngineSettings) -> Engine:
    """The engine of a backend's settings."""
    return ENGINES[settings.engine]


def engine_of_route(route: str) -> Engine | None:
    """The engine that a LiteLLM route (``provider/model``) leads to natively; None: it is not told by the route."""
    provider, slash, _ = route.partition("/")
    return next((engine for engine in ENGINES.values() if slash and provider in engine.providers), None)


def settings_at(backend: Backend | None) -> type[EngineSettings]:
    """What speaks at a backend's endpoints: its own engine, else, at those of one that declares none, the first."""
    first = next(iter(ENGINES.values())).settings
    return type(backend.engine) if backend and backend.engine else first


def titles() -> str:
    """The engines for people, with "or" between them."""
    return " or ".join(engine.settings.title for engine in ENGINES.values())


def how_to_declare(backend: str) -> str:
    """What to write in the spec so that a backend has a model server."""
    tables = " or ".join(f"[backends.{backend}.{name}]" for name in ENGINES)
    return f"write {tables} with its url"


def lacks(backend: Backend) -> str:
    """That a backend has no model server, and what to write."""
    return f"{backend.name} has no {titles()} in the spec: {how_to_declare(backend.name)}"


def nowhere() -> str:
    """That no backend has one, and what to write."""
    return f"no backend of the spec has an {titles()}: {how_to_declare('NAME')}"
