"""Ollama's settings that decide about memory: how each is spelled in the spec and in the server's environment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

MIB = 1 << 20
TRUE = ("1", "t", "true")


@dataclass(frozen=True, slots=True)
class Setting:
    """A field of ``Ollama`` and how its variable's text is read; ``write`` gives it as the spec writes it."""

    field: str
    parse: Callable[[str], Any]
    write: Callable[[Any], str] = str
    plain: Callable[[Any], str] = str  # the variable's text for a declared value

    @property
    def variable(self) -> str:
        return f"OLLAMA_{self.field.upper()}"


def _whole(text: str) -> int:
    """A plain whole number; Ollama takes anything else (``8G``) for its default."""
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else 0


def _yes(text: str) -> bool:
    return text.strip().lower() in TRUE


def _toml(value: Any) -> str:
    return {True: "true", False: "false"}.get(value, str(value))


def _flag(value: Any) -> str:
    return "1" if value else "0"


SETTINGS = (
    Setting("num_parallel", lambda text: _whole(text) or 1),
    Setting("max_loaded_models", _whole),
    Setting("kv_cache_type", lambda text: text.strip().lower() or "f16", lambda value: f'"{value}"'),
    Setting("context_length", _whole),
    Setting("flash_attention", lambda text: _yes(text) if text.strip() else None, _toml, _flag),
    Setting("gpu_overhead", _whole, lambda value: f'"{value / MIB:g} MiB"'),
    Setting("sched_spread", _yes, _toml, _flag),
)


def read(seen: Mapping[str, str]) -> dict[str, Any]:
    """Field -> value of an environment that was read; it counts whole: what is not in it is at its default."""
    return {setting.field: setting.parse(seen.get(setting.variable, "")) for setting in SETTINGS}
