"""Bytes of one load, row by row (first form, until the full one replaces it)."""

from __future__ import annotations

from dataclasses import dataclass

from fleethub.capacity.shape import Shape
from fleethub.capacity.units import KV_BYTES
from fleethub.model.capacity import Estimate, Row, Sure
from fleethub.model.facts import MeasuredLoad


@dataclass(frozen=True, slots=True)
class Run:
    """How a model would be loaded; ``context`` in tokens per slot."""

    context: int
    parallel: int = 1
    kv_type: str = "f16"
    new_compute: bool = True
    flash: bool = True
    batch: int | None = None
    unified: bool = False
    runtime: str = "cuda"
    gpus: int = 1
    kv_type_v: str | None = None
    vision: bool = False


def kv_bytes(shape: Shape, run: Run) -> int:
    """The KV cache of all slots."""
    cells = -(-run.context * run.parallel // 256) * 256
    return round(cells * shape.kv_sum * (shape.key + shape.value) * KV_BYTES[run.kv_type])


def estimate(shape: Shape, run: Run, measured: MeasuredLoad | None = None) -> Estimate:
    """Rows, total and range."""
    overhead = Row("overhead per GPU", run.gpus * (500 << 20), Sure.ESTIMATED, "CUDA's runtime")
    rows: tuple[Row, ...]
    if measured is not None:
        rows = (Row("buffers", measured.bytes, Sure.MEASURED, "/api/ps"), overhead)
    else:
        rows = (
            Row("weights", shape.weights, shape.sure, shape.source),
            Row(f"KV cache {run.kv_type}", kv_bytes(shape, run), Sure.EXACT, shape.source),
            Row("compute", 300 << 20, Sure.ESTIMATED, "formula"),
            overhead,
        )
    total = sum(row.bytes for row in rows)
    return Estimate(rows, total, total)
