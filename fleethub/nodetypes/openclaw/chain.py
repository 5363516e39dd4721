"""What a config uses, read from its bytes: one reading of the rendered file and of the observed one."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from fleethub.engines.registry import ENGINES
from fleethub.model.trust import PORTS
from fleethub.nodetypes.openclaw import json5


def read_chain(config: bytes, wired: Collection[str] = ()) -> tuple[str, ...] | None:
    """The models of a config, primary first: ``qwen3-32b`` through FleetHub's wiring (``wired``: also by these),
    ``ENGINE:TAG@HOST:PORT`` straight to a model server, ``provider/id`` through anything else. None: unreadable.
    """
    root = json5.read(config)
    if root is None:
        return None
    providers = json5.table(root, "models", "providers")
    return tuple(_name(providers, ref, wired) for ref in references(json5.at(root, "agents", "defaults", "model")))


def references(model: Any) -> list[str]:
    """The references in a model setting of an agent: a text, or primary and fallbacks."""
    if isinstance(model, str):
        return [model] if model else []
    if not isinstance(model, dict):
        return []
    fallbacks = model.get("fallbacks")
    listed = [model.get("primary"), *(fallbacks if isinstance(fallbacks, list) else [])]
    return [ref for ref in listed if isinstance(ref, str) and ref]


def _name(providers: Mapping[str, Any], ref: str, wired: Collection[str]) -> str:
    provider, _, model = ref.partition("/")
    settings = json5.table(providers, provider)
    if isinstance(api := settings.get("api"), str) and api in ENGINES:
        return f"{api}:{model}@{address(settings.get('baseUrl'))}"
    return model if (provider.startswith("fleethub") or provider in wired) and model else ref


def address(url: Any) -> str:
    """Host and port of a URL; the text itself when it is none, "None" or "?" for what is no text."""
    if not isinstance(url, str):
        return "None" if url is None else "?"
    try:
        parts = urlsplit(url)
        if not parts.hostname:
            return url
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        return f"{host}:{parts.port or PORTS.get(parts.scheme, 0)}"
    except ValueError:
        return url


def strings(value: Any) -> Iterator[str]:
    """Every text in a config, keys of tables too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)
