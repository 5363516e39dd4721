"""Ollama's settings that decide about memory: how each is spelled in the spec and in the server's environment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from fleethub.engines.interface import SpecKey
from fleethub.model.dataclass import dataclass
from fleethub.model.serving import EngineSettings

MIB = 1 << 20
TRUE = ("1", "t", "true")


@dataclass(frozen=True, slots=True, kw_only=True)
class OllamaSettings(EngineSettings):
    """An Ollama server and the settings that its API does not tell.

    ``max_loaded_models`` and ``context_length`` 0: its own default. ``flash_attention`` None: by itself.
    Bytes that it leaves free on each GPU: ``gpu_overhead`` up to 0.24, ``fit_target`` since 0.30.
    """

    engine: ClassVar[str] = "ollama"
    title: ClassVar[str] = "Ollama"
    api: ClassVar[str] = "ollama"
    num_parallel: int = 1
    max_loaded_models: int = 0
    kv_cache_type: str = "f16"
    context_length: int = 0
    flash_attention: bool | None = None
    gpu_overhead: int = 0
    fit_target: int = 1024 * MIB
    sched_spread: bool = False


KEYS = (
    SpecKey("num_parallel", "whole", "OLLAMA_NUM_PARALLEL, 1 to 1024", 1, least=1, most=1024),
    SpecKey("max_loaded_models", "whole", "OLLAMA_MAX_LOADED_MODELS; 0: Ollama's own default", 0, most=1024),
    SpecKey(
        *("kv_cache_type", "choice", "OLLAMA_KV_CACHE_TYPE: f16, q8_0 or q4_0", "f16"), choices=("f16", "q8_0", "q4_0")
    ),
    SpecKey(
        *("context_length", "whole", "OLLAMA_CONTEXT_LENGTH in tokens; 0: automatic, by the VRAM", 0), most=100_000_000
    ),
    SpecKey("flash_attention", "flag", "OLLAMA_FLASH_ATTENTION; not written: automatic"),
    SpecKey(
        "gpu_overhead",
        "size",
        'OLLAMA_GPU_OVERHEAD on each GPU, like "0.5 GiB" (default 0); since 0.30 it does nothing',
    ),
    SpecKey(
        "fit_target", "size", 'LLAMA_ARG_FIT_TARGET: kept free on each GPU since 0.30 (default "1 GiB")', 1024 * MIB
    ),
    SpecKey("sched_spread", "flag", "OLLAMA_SCHED_SPREAD: every model over all GPUs", False),
)


def declared(settings: EngineSettings | None) -> OllamaSettings:
    """A backend's settings as Ollama's; the defaults where it has none."""
    return settings if isinstance(settings, OllamaSettings) else OllamaSettings(url="")


@dataclass(frozen=True, slots=True)
class Setting:
    """A field of ``OllamaSettings`` and how its variable's text is read; ``write`` gives it as the spec writes it."""

    field: str
    parse: Callable[[str], Any]
    write: Callable[[Any], str] = str
    plain: Callable[[Any], str] = str  # the variable's text for a declared value
    named: str = ""

    @property
    def variable(self) -> str:
        return self.named or f"OLLAMA_{self.field.upper()}"


def _whole(text: str) -> int:
    """A plain whole number; Ollama takes anything else (``8G``) for its default."""
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else 0


def _yes(text: str) -> bool:
    return text.strip().lower() in TRUE


def _mebibytes(text: str) -> int:
    """MiB, one for all GPUs or one for each, of which the most counts; what is none is the default."""
    parts = [part.strip() for part in text.split(",")]
    return max(map(_whole, parts)) * MIB if all(p.isascii() and p.isdigit() for p in parts) else 1024 * MIB


def _size(value: int) -> str:
    return f'"{value / MIB:g} MiB"'


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
    Setting("gpu_overhead", _whole, _size),
    Setting("sched_spread", _yes, _toml, _flag),
    Setting("fit_target", _mebibytes, _size, lambda value: str(value // MIB), "LLAMA_ARG_FIT_TARGET"),
)


def read(seen: Mapping[str, str]) -> dict[str, Any]:
    """Field -> value of an environment that was read; it counts whole: what is not in it is at its default."""
    return {setting.field: setting.parse(seen.get(setting.variable, "")) for setting in SETTINGS}
