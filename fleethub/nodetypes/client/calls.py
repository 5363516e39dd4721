"""Which models the settings of people's programs name, for people: read as their programs do, and never compared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def of_aider(files: Mapping[str, bytes], own: str) -> Iterable[Any]:
    """Its main model and the one for small work, by LiteLLM's names."""
    found = _yaml(files)
    named = [found.get("model"), found.get("weak-model")]
    return [one.removeprefix("openai/") for one in named if isinstance(one, str)]


def of_continue(files: Mapping[str, bytes], own: str) -> Iterable[Any]:
    """The models of the entries that are FleetHub's."""
    from fleethub.formats.named import name_of

    listed = _yaml(files).get("models")
    entries = [one for one in (listed if isinstance(listed, list) else ()) if isinstance(one, dict)]
    return [one.get("model") for one in entries if (name_of(one) or "").startswith(own)]


def of_codex(files: Mapping[str, bytes], own: str) -> Iterable[Any]:
    """The one of its profile."""
    import tomllib

    try:
        return [tomllib.loads(files["settings"].decode()).get("model")]
    except (KeyError, ValueError, RecursionError):
        return []


def of_claude_code(files: Mapping[str, bytes], own: str) -> Iterable[Any]:
    """The one for its work and the one for small work."""
    from fleethub.formats import json5

    env = (json5.read(files.get("settings", b"")) or {}).get("env")
    return [env.get("ANTHROPIC_MODEL"), env.get("ANTHROPIC_DEFAULT_HAIKU_MODEL")] if isinstance(env, dict) else []


def of_open_webui(files: Mapping[str, bytes], own: str) -> Iterable[Any]:
    """The one that a new chat begins with; all that its key may call are to be chosen there."""
    from fleethub.dotenv import assignments

    return [assignments(files.get("env", b"").decode(errors="replace")).get("DEFAULT_MODELS")]


def _yaml(files: Mapping[str, bytes]) -> dict[str, Any]:
    from fleethub.formats import yaml

    return yaml.read(files.get("settings", b"")) or {}
