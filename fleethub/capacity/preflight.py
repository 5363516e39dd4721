"""What the server's own scheduler reckons with before it loads a model. Sizes in bytes.

It is not what the load takes: a cache's quantisation, a key length of its own, sliding windows and projectors
are left out, so that it lies above the truth for some models and GiBs below it for others.
"""

from __future__ import annotations

from fleethub.capacity.era import Era
from fleethub.capacity.shape import Shape

MIB = 1 << 20
#: batch -> what the current era adds to file and cache, and the share of the free memory it may then fill.
SURCHARGE = {512: 0, 1024: 768 * MIB, 2048: 2048 * MIB}
SHARE = {1024: (75, 100), 2048: (60, 100)}
#: What the older eras leave free on each GPU.
MARGIN = 457 * MIB
MARGIN_METAL = 512 * MIB


def batch_of(cells: int, *, flash: bool = True) -> int:
    """The batch for a context of ``cells`` tokens over all slots, where there is room enough."""
    if not flash or cells <= 4096:
        return 512
    return 1024 if cells <= 32768 else 2048


def base(shape: Shape, cells: int) -> int:
    """File and cache by the scheduler's own rule: f16, the smallest number of KV heads, the embedding's width."""
    head = shape.n_embd / max(shape.head_count, 1)
    return shape.file_bytes + round(2 * shape.block_count * shape.head_count_kv_min * head * cells * 2)


def preflight(shape: Shape, cells: int, *, flash: bool = True) -> int:
    """P of the current era with the batch that this context asks for."""
    return base(shape, cells) + SURCHARGE[batch_of(cells, flash=flash)]


def lowered(size: int, cells: int, free: int, *, flash: bool = True) -> tuple[int, int]:
    """(P, batch) in ``free`` bytes: the batch is lowered while P would fill too much. ``size`` is ``base``."""
    batch = batch_of(cells, flash=flash)
    while batch in SHARE:
        part, whole = SHARE[batch]
        if (size + SURCHARGE[batch]) * whole <= free * part:
            break
        batch //= 2
    return size + SURCHARGE[batch], batch


def margin(era: Era, runtime: str) -> int:
    """What the rules before the current era keep free on each GPU; 0 where they do not hold."""
    if era is Era.CURRENT:
        return 0
    return MARGIN_METAL if runtime == "metal" else MARGIN
