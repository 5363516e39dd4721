"""Bytes of one load, row by row, each with its source and its arithmetic."""

from __future__ import annotations

from fleethub.capacity.compute import FITTED, Fitted, compute, overhead
from fleethub.capacity.kv import kv_bytes, layer_bytes, layer_detail
from fleethub.capacity.layers import Kind, Layers
from fleethub.capacity.run import Run
from fleethub.capacity.shape import Shape
from fleethub.model.capacity import Estimate, Row, Sure
from fleethub.model.facts import MeasuredLoad

__all__ = ["Run", "estimate", "kv_bytes", "per_gpu"]

MIB = 1 << 20
#: What an estimated row may be of what it says. Its number is already the careful end.
LOW, HIGH = 0.7, 1.1
#: A measured load is seen again within this.
AGAIN = 1.02


def estimate(shape: Shape, run: Run, measured: MeasuredLoad | None = None, fitted: Fitted = FITTED) -> Estimate:
    """What this model takes on its GPUs when it is run so; every shape has an answer.

    ``measured``, when it is of the same context, slots and KV type, stands for all buffers; the overhead stays.
    """
    base, said = overhead(shape, run, fitted)
    beside = Row(
        f"overhead of {run.gpus} GPU{'s' if run.gpus > 1 else ''}",
        base * run.gpus,
        Sure.ESTIMATED,
        "model of the runtime",
        f"{said}, on each",
    )
    if measured is not None and measured.bytes > 0 and _same(run, measured):
        seen = Row("buffers", measured.bytes, Sure.MEASURED, f"/api/ps of {measured.at}", f"server {measured.version}")
        return Estimate((seen, beside), measured.bytes, round(measured.bytes * AGAIN + base * run.gpus * HIGH))
    rows = (*_rows(shape, run, fitted), beside)
    low = high = 0.0
    for row in rows:
        least, most = _spread(shape, row)
        low, high = low + row.bytes * least, high + row.bytes * most
    return Estimate(rows, int(low), max(round(high), sum(row.bytes for row in rows)))


def _same(run: Run, measured: MeasuredLoad) -> bool:
    key = (measured.context, measured.parallel, measured.kv_type.lower())
    return key == (run.context, run.parallel, run.kv_type.lower())


def _spread(shape: Shape, row: Row) -> tuple[float, float]:
    if row.sure is not Sure.ESTIMATED:
        return 1.0, 1.0
    if row.what == "weights":
        return shape.low, shape.high
    if row.what.startswith(("projector", "draft", "overhead")):
        return 0.0, HIGH
    if row.what.startswith(("KV", "recurrent")):
        return 0.4, 1.0 if shape.arch != "typical" else 2.0
    return LOW, HIGH


def _rows(shape: Shape, run: Run, fitted: Fitted) -> list[Row]:
    rows = [Row("weights", shape.weights, shape.sure, shape.source, shape.detail)]
    rows += [_kept(shape, one, run) for one in shape.layers]
    if not shape.layers:
        rows.append(Row("KV cache", 0, Sure.EXACT, "the model's facts", "; ".join(shape.notes)))
    work = compute(shape, run, fitted)
    graph = work.graph * (run.gpus - 1) + work.graph_last
    rows.append(Row("compute", graph, Sure.ESTIMATED, "model of the server", work.detail))
    rows.append(Row("attention mask", work.mask * run.gpus, Sure.ESTIMATED, "model of the server", work.mask_detail))
    if run.vision and shape.projector:
        rows.append(Row("projector", shape.projector, Sure.EXACT, shape.source, "the vision part's own weights"))
    if run.vision and shape.projector_graph:
        rows.append(
            Row(
                "projector's graph",
                shape.projector_graph,
                Sure.ESTIMATED,
                "model of the server",
                "4 x (image pixels x 3 + width x patches + patches squared x heads)",
            )
        )
    if shape.draft_weights or (run.draft and shape.draft_layers):
        rows.append(_draft(shape, run))
    return rows


def _kept(shape: Shape, one: Layers, run: Run) -> Row:
    detail = "; ".join((layer_detail(one, run), *shape.notes))
    what = "recurrent state" if one.kind is Kind.RECURRENT else f"KV cache, {one.kind.value}"
    return Row(what, layer_bytes(one, run), shape.kv_sure, "the model's facts", detail)


def _draft(shape: Shape, run: Run) -> Row:
    size, said = shape.draft_weights, "weights of the layers that predict further tokens"
    if run.draft:
        size += sum(layer_bytes(one, run) for one in shape.draft_layers)
        said += ", and their KV cache"
    return Row("draft", size, Sure.EXACT if run.draft else Sure.ESTIMATED, shape.source, said)


def per_gpu(shape: Shape, run: Run) -> tuple[int, ...]:
    """The estimate as it lies on each GPU, in bytes; the sum is the estimate's total.

    Weights, caches and states follow the layers, shared out as evenly as whole layers go, the first GPU first;
    compute and overhead are on each, the projector on the first, the output layer's compute on the last.
    """
    work, (base, _) = compute(shape, run), overhead(shape, run)
    total = estimate(shape, run).total or 0
    seeing = (shape.projector + shape.projector_graph) if run.vision else 0
    shared = total - work.total(run.gpus) - base * run.gpus - seeing
    found, units, given = [], shape.block_count + 1, 0
    for i in range(run.gpus):
        upto = -(-units * (i + 1) // run.gpus)
        part = shared * min(upto, units) // units - given
        given += part
        own = (work.graph_last if i == run.gpus - 1 else work.graph) + work.mask + base
        found.append(part + own + (seeing if i == 0 else 0))
    return tuple(found)
