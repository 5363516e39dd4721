"""The engines that there are, by name, and what is said where none is."""

from __future__ import annotations

from fleethub.engines.interface import Engine
from fleethub.engines.llamacpp.engine import LlamaCppEngine
from fleethub.engines.llamaswap.engine import LlamaSwapEngine
from fleethub.engines.ollama.engine import OllamaEngine
from fleethub.engines.vllm.engine import VllmEngine
from fleethub.model.serving import Backend, EngineSettings

ENGINES: dict[str, Engine] = {
    engine.settings.engine: engine for engine in (OllamaEngine(), VllmEngine(), LlamaCppEngine(), LlamaSwapEngine())
}


#: LiteLLM's providers that speak OpenAI's protocol to whatever ``api_base`` names.
OPENAI = ("openai", "hosted_vllm", "custom_openai", "openai_like")


def engine_of(settings: EngineSettings) -> Engine:
    """The engine of a backend's settings."""
    return ENGINES[settings.engine]


def engine_of_route(route: str) -> Engine | None:
    """The engine that a LiteLLM route (``provider/model``) leads to natively; None: it is not told by the route."""
    provider, slash, _ = route.partition("/")
    return next((engine for engine in ENGINES.values() if slash and provider in engine.providers), None)


def engine_behind(route: str, settings: EngineSettings | None) -> Engine | None:
    """The engine that a route leads to on a backend: natively, or by OpenAI's protocol where its own is that one."""
    provider, slash, _ = route.partition("/")
    if settings is not None and settings.path and slash and provider in OPENAI:
        return engine_of(settings)
    return engine_of_route(route)


def settings_at(backend: Backend | None) -> type[EngineSettings]:
    """What speaks at a backend's endpoints: its own engine, else, at those of one that declares none, the first."""
    first = next(iter(ENGINES.values())).settings
    return type(backend.engine) if backend and backend.engine else first


def titles() -> str:
    """The engines for people, with "or" before the last."""
    *rest, last = (engine.settings.title for engine in ENGINES.values())
    return f"{', '.join(rest)} or {last}" if rest else last


def how_to_declare(backend: str) -> str:
    """What to write in the spec so that a backend has a model server."""
    first, *rest = ENGINES
    others = f" (or {', '.join(f'.{name}' for name in rest)})" if rest else ""
    return f"write [backends.{backend}.{first}]{others} with its url"


def lacks(backend: Backend) -> str:
    """That a backend has no model server, and what to write."""
    return f"{backend.name} has no {titles()} in the spec: {how_to_declare(backend.name)}"


def nowhere() -> str:
    """That no backend has one, and what to write."""
    return f"no backend of the spec has an {titles()}: {how_to_declare('NAME')}"
