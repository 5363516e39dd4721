"""Bytes of one load, row by row, each with its source. The seam of the full model: same answer type, finer rows.

Sources in order of trust: a resident of the same tag and context (measured), the file plus a KV cache from
the model's facts, the spec's ``vram``, the spec's ``params`` and ``quant``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fleethub.capacity.quant import BITS, KV_BYTES
from fleethub.model.facts import OllamaReading, tagged
from fleethub.model.fleet import Model, Ollama


@dataclass(frozen=True, slots=True)
class Row:
    """One summand in bytes; ``source`` says where it is from and how sure that is."""

    what: str
    bytes: int
    source: str


@dataclass(frozen=True, slots=True)
class Estimate:
    """``rows`` empty: not known, and ``reason`` says why."""

    model: str
    rows: tuple[Row, ...] = ()
    reason: str = ""

    @property
    def total(self) -> int | None:
        """Sum of the rows in bytes; None when unknown."""
        return sum(row.bytes for row in self.rows) if self.rows else None


def estimate(model: Model, server: Ollama, reading: OllamaReading | None) -> Estimate:
    """What a load of ``model`` takes on this server; ``reading`` None when the server could not be read."""
    tag = model.ollama or ""
    if reading is not None:
        for resident in reading.residents:
            if tagged(resident.tag) == tagged(tag) and resident.context == model.context and resident.size:
                return Estimate(model.name, (Row("resident", resident.size, "measured: /api/ps"),))
        installed = next((v for k, v in reading.installed.items() if tagged(k) == tagged(tag)), None)
        if installed is not None:
            rows = [Row("weights", installed.size, "file size: /api/tags")]
            cache = kv_bytes(
                installed.shown.info if installed.shown else {},
                model.context * server.num_parallel,
                server.kv_cache_type,
            )
            if cache is not None:
                rows.append(Row(f"KV cache {server.kv_cache_type}", cache, "estimated: /api/show"))
            return Estimate(model.name, tuple(rows))
    if model.vram is not None:
        return Estimate(model.name, (Row("declared", model.vram, "spec: vram"),))
    if model.params is not None:
        bits = BITS.get((model.quant or "Q4_K_M").upper(), BITS["Q8_0"])
        size = round(model.params * bits / 8)
        return Estimate(model.name, (Row("weights", size, "estimated: params x quant, without a KV cache"),))
    where = "is not installed there" if reading is not None else "could not be looked up (the backend does not answer)"
    return Estimate(model.name, reason=f"{tag or model.name} {where}, and the spec gives neither vram nor params")


def kv_bytes(info: Mapping[str, Any], cells: int, kv_type: str) -> int | None:
    """KV cache of ``cells`` tokens over all slots; None when the model's facts do not tell its shape."""
    arch = info.get("general.architecture")

    def fact(name: str) -> int | None:
        value = info.get(f"{arch}.{name}")
        return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None

    layers, heads, width = fact("block_count"), fact("attention.head_count"), fact("embedding_length")
    kv_heads = fact("attention.head_count_kv") or heads
    head = width // heads if heads and width else None
    key, value = fact("attention.key_length") or head, fact("attention.value_length") or head
    if not (layers and kv_heads and key and value):
        return None
    padded = -(-cells // 256) * 256
    window = fact("attention.sliding_window")
    sliding = {"gemma3": layers * 5 // 6, "gptoss": layers // 2, "gpt-oss": layers // 2}.get(str(arch), 0)
    windowed = min(padded, -(-(window + 2048) // 256) * 256) if window else padded
    tokens = (layers - sliding) * padded + sliding * windowed
    return round(tokens * kv_heads * (key + value) * KV_BYTES.get(kv_type, KV_BYTES["f16"]))
