"""What an Ollama server is told by its environment, and the era that its version belongs to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

GIB = 1 << 30
MIB = 1 << 20
FOREVER = float("inf")
UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
KV_TYPES = ("f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl")

Era = Literal["estimate", "engine", "llama-server"]


def era_of(version: str) -> Era:
    """``estimate`` up to 0.12, ``engine`` up to 0.29, ``llama-server`` after it."""
    found = re.match(r"v?(\d+)\.(\d+)", version)
    if not found:
        raise ValueError(f"{version!r} is no version of Ollama")
    number = (int(found[1]), int(found[2]))
    return "llama-server" if number >= (0, 30) else "engine" if number >= (0, 13) else "estimate"


def number_of(version: str) -> tuple[int, ...]:
    """A version's numbers."""
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


def duration(value: str | int | float) -> float:
    """Seconds of a number or of ``5m``, ``1h30m``; FOREVER for all below 0; ValueError for anything else."""
    if isinstance(value, bool):
        raise ValueError(value)
    if isinstance(value, (int, float)):
        return FOREVER if value < 0 else float(value)
    match = re.fullmatch(r"(-?)((?:\d+(?:\.\d+)?(?:ms|s|m|h))+|0)", value)
    if not match:
        raise ValueError(value)
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|s|m|h)", match[2])
    return FOREVER if match[1] else sum(float(number) * UNITS[unit] for number, unit in parts)


@dataclass(frozen=True, slots=True)
class Settings:
    """The OLLAMA_* variables that decide about memory; sizes in bytes, times in seconds, 0 as Ollama reads it."""

    num_parallel: int = 1
    max_loaded_models: int = 0  # 3 for each GPU
    keep_alive: float = 300.0
    context_length: int = 0  # by all GPUs' memory
    kv_cache_type: str = "f16"
    flash_attention: bool | None = None  # as the era does by itself
    gpu_overhead: int = 0
    sched_spread: bool = False
    max_queue: int = 512
    fit: bool = True  # LLAMA_ARG_FIT
    fit_target: int = 1024 * MIB  # LLAMA_ARG_FIT_TARGET

    @classmethod
    def of(cls, env: Mapping[str, str]) -> Settings:
        """From an environment. What cannot be read counts as its default, as in Ollama: ``8G`` of overhead is none."""
        base = cls()
        stay = env.get("OLLAMA_KEEP_ALIVE", "").strip()
        try:
            kept = duration(int(stay) if re.fullmatch(r"-?\d+", stay) else stay) if stay else base.keep_alive
        except ValueError:
            kept = base.keep_alive
        kv = env.get("OLLAMA_KV_CACHE_TYPE", "").strip().lower()
        return replace(
            base,
            num_parallel=_count(env, "OLLAMA_NUM_PARALLEL", 1) or 1,
            max_loaded_models=_count(env, "OLLAMA_MAX_LOADED_MODELS", 0),
            keep_alive=kept,
            context_length=_count(env, "OLLAMA_CONTEXT_LENGTH", 0),
            kv_cache_type=kv if kv in KV_TYPES else "f16",
            flash_attention=_truth(env, "OLLAMA_FLASH_ATTENTION"),
            gpu_overhead=_count(env, "OLLAMA_GPU_OVERHEAD", 0),
            sched_spread=bool(_truth(env, "OLLAMA_SCHED_SPREAD")),
            max_queue=_count(env, "OLLAMA_MAX_QUEUE", 512),
            fit=env.get("LLAMA_ARG_FIT", "on").strip().lower() not in ("off", "0", "false"),
            fit_target=_count(env, "LLAMA_ARG_FIT_TARGET", 1024) * MIB,
        )


def _count(env: Mapping[str, str], name: str, default: int) -> int:
    text = env.get(name, "").strip()
    return int(text) if text.isascii() and text.isdigit() else default


def _truth(env: Mapping[str, str], name: str) -> bool | None:
    text = env.get(name, "").strip().lower()
    return None if not text else text not in ("0", "f", "false")
