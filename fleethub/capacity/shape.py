"""What the arithmetic needs to know of one model (first form, until the full one replaces it)."""

from __future__ import annotations

from dataclasses import dataclass

from fleethub.capacity.units import BITS
from fleethub.model.capacity import Sure
from fleethub.model.facts import Shown

#: Architectures that a server loads with one slot, whatever OLLAMA_NUM_PARALLEL says.
SINGLE = ("mllama", "qwen3vl", "qwen35", "qwen3next", "lfm2", "nemotron_h")


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes in bytes, ``context_length`` (trained) in tokens."""

    arch: str
    block_count: int
    head_count: int
    head_count_kv_min: int
    n_embd: int
    key: int
    value: int
    file_bytes: int
    weights: int
    context_length: int = 0
    projector: int = 0
    single: bool = False
    sure: Sure = Sure.EXACT
    source: str = ""
    kv_sum: int = 0


def shape_of(shown: Shown, size: int) -> Shape | None:
    """None: the facts do not tell its shape."""
    arch = shown.info.get("general.architecture")

    def fact(name: str) -> int:
        value = shown.info.get(f"{arch}.{name}")
        return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0

    heads, width, layers = fact("attention.head_count"), fact("embedding_length"), fact("block_count")
    raw = shown.info.get(f"{arch}.attention.head_count_kv", heads)
    kv = [n for n in (raw if isinstance(raw, list | tuple) else [raw] * layers) if isinstance(n, int)]
    if not (heads and width and layers and kv):
        return None
    key = fact("attention.key_length") or width // heads
    return Shape(
        str(arch),
        layers,
        heads,
        min(kv),
        width,
        key,
        fact("attention.value_length") or key,
        size,
        size,
        fact("context_length"),
        single=str(arch).startswith(SINGLE),
        source="/api/show",
        kv_sum=sum(kv),
    )


def shape_of_params(params: int, quant: str) -> Shape:
    """A typical dense shape of that size."""
    size = round(params * BITS.get(quant.upper(), BITS["Q8_0"]) / 8)
    return Shape("", 48, 40, 8, 5120, 128, 128, size, size, sure=Sure.ESTIMATED, source="params", kv_sum=48 * 8)


def requantised(shape: Shape, quant: str) -> Shape:
    """The same model in another quant."""
    from dataclasses import replace

    size = round(shape.weights * BITS[quant] / BITS["Q4_K_M"])
    return replace(shape, weights=size, file_bytes=size)
