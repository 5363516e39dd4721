"""What a load really takes, by the published arithmetic and within the spread that measured loads show."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from fleethub.testing.ollama.settings import MIB
from fleethub.testing.ollama.shape import Layer, Shape, shape_of

ELEMENT = {
    **{"f32": 4.0, "f16": 2.0, "bf16": 2.0, "q8_0": 1.0625, "q5_1": 0.75},
    **{"q5_0": 0.6875, "q4_1": 0.625, "q4_0": 0.5625, "iq4_nl": 0.5625},
}
#: How much of the computed working memory was measured on one GPU, and what a CUDA runtime took beyond all buffers.
COMPUTE = (0.80, 1.12)
OVERHEAD = (145 * MIB, 561 * MIB)
OVERHEAD_VISION = (145 * MIB, 751 * MIB)
COPIES = (1, 5)  # of the mask, over several GPUs: four of the pipeline, and the one in use


@dataclass(frozen=True, slots=True)
class Truth:
    """Where in the measured ranges a load lies: a factor, bytes per GPU, copies of the mask over several GPUs."""

    compute: float = 1.0
    overhead: int = 456 * MIB
    overhead_vision: int = 751 * MIB
    copies: int = 2


@dataclass(frozen=True, slots=True)
class TrueSize:
    """Bytes. ``compute``, ``tail`` (more of it on the last GPU) and ``overhead`` count for each GPU; ``items`` are the
    layers in order and then the output: weights with their cache."""

    weights: int
    kv: int
    state: int
    compute: int
    tail: int
    projector: int
    overhead: int
    items: tuple[int, ...]
    host: int
    gpus: int = 1
    batch: int = field(default=512)

    @property
    def buffers(self) -> int:
        """What the server's own log adds up to: no projector, no CUDA runtime."""
        return self.weights + self.kv + self.state + self.compute * self.gpus + self.tail

    @property
    def taken(self) -> int:
        """What the GPUs have less, in all."""
        return self.buffers + self.projector + self.overhead * self.gpus


def batch_for(total: int) -> int:
    """The micro-batch of a context of all slots, where there is room enough."""
    return 512 if total <= 4096 else 1024 if total <= 32768 else 2048


def pad(cells: int) -> int:
    """Caches are allocated in steps of 256 cells."""
    return -(-cells // 256) * 256


def cells(layer: Layer, context: int, parallel: int, batch: int, least: int = 0) -> int:
    """Cells of one layer's cache for all slots, each slot with a cache of its own. ``least``: of its window."""
    if layer.window:
        return parallel * min(context, pad(max(layer.window, least) + batch))
    return pad(context * parallel)


def true_size(
    model: Shape | dict[str, Any],
    context: int,
    parallel: int = 1,
    kv_type: str = "f16",
    *,
    batch: int | None = None,
    flash: bool = True,
    gpus: int = 1,
    new: bool = True,
    truth: Truth | None = None,
) -> TrueSize:
    """Size of a model with ``context`` tokens in each of ``parallel`` slots; ``new`` from Ollama 0.30 on."""
    shape = model if isinstance(model, Shape) else shape_of(model)
    truth = truth or Truth()
    u = batch or (batch_for(context * parallel) if new else 512)
    key = (context, parallel, kv_type, u, flash, gpus, new, truth)
    if key not in shape.sizes:
        shape.sizes[key] = _computed(shape, context, parallel, kv_type, u, flash, gpus, new, truth)
    found: TrueSize = shape.sizes[key]
    return found


def _computed(
    shape: Shape, context: int, parallel: int, kv_type: str, u: int, flash: bool, gpus: int, new: bool, truth: Truth
) -> TrueSize:
    total = pad(context * parallel)
    least = 0 if new or not shape.arch.startswith("gpt") else 4096  # Ollama's own engine remembers more of gpt-oss
    caches = [round(cells(la, context, parallel, u, least) * (la.k + la.v) * ELEMENT[kv_type]) for la in shape.layers]
    states = [layer.state * parallel for layer in shape.layers]
    body = 12 * u * (shape.inner + shape.width)
    if shape.used:
        body = 4 * u * (2 * shape.used * (shape.width + shape.expert) + shape.width)
    if not flash:
        body = max(body, 4 * u * total * shape.heads)
    last = body if new else max(body, 4 * u * (shape.vocabulary + shape.width))
    mask = 2 * u * total * (truth.copies if gpus > 1 else 1)
    compute = round((body + mask) * truth.compute)
    items = [layer.weights + c + s for layer, c, s in zip(shape.layers, caches, states, strict=True)]
    return TrueSize(
        weights=shape.needs(),
        kv=sum(caches),
        state=sum(states),
        compute=compute,
        tail=round((last + mask) * truth.compute) - compute,
        projector=shape.projector + shape.graph,
        overhead=truth.overhead_vision if shape.vision else truth.overhead,
        items=(*items, shape.output),
        host=shape.host,
        gpus=gpus,
        batch=u,
    )
