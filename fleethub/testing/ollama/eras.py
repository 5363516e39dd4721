"""What a server of each era decides before a load: does it fit beside the others, on which GPUs, how it is split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from fleethub.testing.ollama.placing import Split, split
from fleethub.testing.ollama.settings import GIB, MIB, Settings
from fleethub.testing.ollama.shape import Shape
from fleethub.testing.ollama.size import ELEMENT, TrueSize, Truth, batch_for, pad, true_size

SURCHARGE = {512: 0, 1024: 768 * MIB, 2048: 2 * GIB}
RESERVED = 457 * MIB  # of each GPU, before 0.30


@dataclass(frozen=True, slots=True)
class Load:
    """One try: what is to be loaded, ``context`` tokens per slot. ``layers``: the request's num_gpu."""

    shape: Shape
    context: int
    parallel: int
    kv_type: str
    flash: bool
    truth: Truth
    layers: int | None = None
    batch: int | None = None

    def size(self, batch: int | None, gpus: int, new: bool) -> TrueSize:
        """Its true size."""
        return true_size(
            *(self.shape, self.context, self.parallel, self.kv_type),
            **{"batch": self.batch or batch, "flash": self.flash, "gpus": gpus, "new": new, "truth": self.truth},  # type: ignore[arg-type]
        )


@dataclass(frozen=True, slots=True)
class Decision:
    """``fits``: beside other models, none needs to go. ``shown`` is what the server itself takes the size for."""

    fits: bool
    gpus: tuple[int, ...]
    split: Split
    true: TrueSize
    shown: TrueSize


def preflight(shape: Shape, total: int, batch: int | None = None) -> int:
    """Bytes that a current server takes a model for, with a context of ``total`` tokens over all slots."""
    cache = 2 * len(shape.layers) * shape.min_kv * shape.width * total * 2 // shape.max_heads
    return shape.file + cache + SURCHARGE[batch or batch_for(total)]


def lowered(shape: Shape, total: int, available: int) -> int:
    """The micro-batch after a look at the room: file and cache within 60 % of it for 2048, within 75 % for 1024, and
    with the batch's own addition within 80 %."""
    bare = preflight(shape, total, 512)
    for batch, share in ((2048, 60), (1024, 75)):
        if batch > batch_for(total):
            continue
        if bare * 100 <= share * available and preflight(shape, total, batch) * 10 <= 8 * available:
            return batch
    return 512


def by_llama_server(
    load: Load, free: Sequence[int], real: Sequence[int], totals: Sequence[int], s: Settings
) -> Decision:
    """0.30 and later. ``free`` as the scheduler counts it, ``real`` as llama-server's own -fit reads it."""
    total = load.context * load.parallel
    bare = preflight(load.shape, total, 512)  # a GPU is chosen before the batch is
    best = max(range(len(free)), key=lambda g: free[g])
    alone = not s.sched_spread and bare * 10 <= 8 * free[best]
    chosen = (best,) if alone else tuple(range(len(free)))
    available = sum(free[g] for g in chosen)
    if load.shape.embedding:
        batch = min(2048, total)
    elif load.flash:
        batch = lowered(load.shape, total, available)
    else:
        batch = 256 if total > 4096 and min(totals[g] for g in chosen) <= 8 * GIB else 512
    need = preflight(load.shape, total, 512 if load.shape.embedding else max(batch, 512))
    true = load.size(batch, len(chosen), True)
    left = [real[g] for g in chosen]
    how = split(true, left, s.fit_target, most=load.layers)
    if not s.fit:
        endless = [f + (1 << 50) for f in left]
        how = split(true, endless, 0, most=load.layers)
    return Decision(need * 10 <= 8 * available, chosen, how, true, true)


def by_engine(load: Load, free: Sequence[int], s: Settings, backoff: float, *, estimated: bool) -> Decision:
    """Before 0.30: the fewest GPUs on which every layer has a place, filled one after the other.

    ``backoff``: the part of free memory left alone after a load ran out of it. ``estimated``: the sizes are
    those of formulas written by hand, as up to 0.12.
    """
    order = sorted(range(len(free)), key=lambda g: -free[g])
    counts = [len(order)] if s.sched_spread else range(1, len(order) + 1)
    for count in counts:
        chosen = tuple(sorted(order[:count]))
        true = load.size(load.batch, count, False)
        shown = guessed(load, true) if estimated else true
        usable = [int(free[g] * (1 - backoff)) for g in chosen]
        believed = replace(shown, overhead=0)  # its reserve stands for the runtime
        how = split(believed, usable, RESERVED + s.gpu_overhead, most=load.layers, greedy=True)
        wanted = len(shown.items) if load.layers is None else min(load.layers, len(shown.items))
        if sum(how.layers) == wanted and (how.projector or not shown.projector):
            return Decision(True, chosen, how, true, shown)
    return Decision(False, chosen, how, true, shown)


def guessed(load: Load, true: TrueSize) -> TrueSize:
    """The estimate of a server up to 0.12: a cache by the architecture's rule, one formula for the graph."""
    shape, b = load.shape, true.batch
    total = load.context * load.parallel
    caches = []
    for layer in shape.layers:
        held = pad(total)
        if layer.window and shape.arch.startswith("gpt"):
            held = min(held, 4096 + b)
        elif layer.window:
            held = min(held, load.parallel * layer.window + b)
        caches.append(round(held * (layer.k + layer.v) * ELEMENT[load.kv_type]))
    graph = 4 * b * (1 + 4 * shape.width + total * (1 + shape.heads))
    graph = max(graph, 4 * b * (shape.width + shape.vocabulary))
    items = [layer.weights + c for layer, c in zip(shape.layers, caches, strict=True)]
    return replace(
        true, kv=sum(caches), state=0, compute=graph, tail=0, items=(*items, shape.output), projector=shape.projector
    )
