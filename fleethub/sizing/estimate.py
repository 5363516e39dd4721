"""Bytes of one load, row by row, each with its source and its arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import accumulate

from fleethub.model.capacity import Estimate, Row, Sure
from fleethub.model.readings.server import MeasuredLoad
from fleethub.sizing.architecture import ModelArchitecture
from fleethub.sizing.compute import FITTED, Fitted, compute, draft_compute, overhead
from fleethub.sizing.compute import overhead_most as most_overhead
from fleethub.sizing.kinds import LayerKind, Layers
from fleethub.sizing.kv import kv_bytes, layer_bytes, layer_detail
from fleethub.sizing.run import Run, ubatch

__all__ = ["OUTSIDE", "Run", "estimate", "kv_bytes", "largest_layer", "per_gpu"]

MIB = 1 << 20
#: What an estimated row may be of what it says. Its number is already the careful end.
LOW, HIGH = 0.7, 1.1
#: A measured load is seen again within this.
AGAIN = 1.02
#: A layer's weights against the mean of all, and bytes per weight of an output layer, at the most.
LAYER, OUTPUT = 1.5, 1.0625
#: Rows that a server's own sum of its buffers does not hold.
OUTSIDE = ("projector", "overhead")
#: Rows that grow with the batch.
WORKING = ("compute", "attention mask")


@lru_cache(maxsize=4096)  # backends that are alike ask the same
def estimate(
    model: ModelArchitecture,
    run: Run,
    measured: MeasuredLoad | None = None,
    fitted: Fitted = FITTED,
    told_by: str = "the server",
) -> Estimate:
    """What this model takes on its GPUs when it is run so; every model has an answer.

    ``measured``, when it is of the same context, slots and KV type, stands for the server's buffers, as
    ``told_by`` says; a projector and the overhead stay.
    """
    rows = [*(_rows(model, run, fitted)), _overhead(model, run, fitted)]
    if measured is not None and measured.bytes > 0 and _same(run, measured):
        seen = Row(
            "buffers", measured.bytes, Sure.MEASURED, f"{told_by} of {measured.at}", f"server {measured.version}"
        )
        most = round(measured.bytes * AGAIN) + _more_batch(model, run, fitted, rows, measured.bytes)
        # what the server adds up leaves out the part that sees, and the runtime
        rows = [replace(seen, most=most)] + [r for r in rows if r.what.startswith(OUTSIDE)]
    low = sum(row.bytes if row.least is None else row.least for row in rows)
    high = sum(row.bytes if row.most is None else row.most for row in rows)
    return Estimate(tuple(rows), low, high)


def _more_batch(model: ModelArchitecture, run: Run, fitted: Fitted, rows: Sequence[Row], seen: int) -> int:
    """What a load of ``seen`` bytes may take more another time: where room is little, the server lowers the batch.

    That shows: half the batch computes in less than the least of what the whole one is reckoned with.
    """
    inside = [row for row in rows if not row.what.startswith(OUTSIDE)]
    working = sum(row.bytes - (row.least or 0) for row in inside if row.what in WORKING)
    if not run.new_compute or seen >= sum(row.bytes for row in inside) - working:
        return 0
    small = _rows(model, replace(run, batch=min(ubatch(run), 512)), fitted)
    more = sum(row.bytes for row in inside) - sum(row.bytes for row in small if not row.what.startswith(OUTSIDE))
    most = sum(row.bytes if row.most is None else row.most for row in inside)
    return max(min(more, most - seen), 0)


def _overhead(model: ModelArchitecture, run: Run, fitted: Fitted) -> Row:
    base, said = overhead(model, run, fitted)
    what = f"overhead of {run.gpus} GPU{'s' if run.gpus > 1 else ''}"
    most = max(round(base * HIGH), most_overhead(run)) * run.gpus
    return Row(what, base * run.gpus, Sure.ESTIMATED, "model of the runtime", f"{said}, on each", 0, most)


def _same(run: Run, measured: MeasuredLoad) -> bool:
    key = (measured.context, measured.parallel, measured.kv_type.lower())
    return key == (run.context, run.parallel, run.kv_type.lower())


def _rows(model: ModelArchitecture, run: Run, fitted: Fitted) -> list[Row]:
    weights = Row("weights", model.weights, model.sure, model.source, model.detail)
    rows = [weights if model.sure is not Sure.ESTIMATED else _within(weights, model.low, model.high)]
    if run.one_memory and model.weights_cpu:
        said = "they lie in the same memory"
        rows.append(Row("weights of the CPU's side", model.weights_cpu, model.sure, model.source, said))
    rows += [_kept(model, one, run) for one in model.layers]
    if not model.layers:
        rows.append(Row("KV cache", 0, Sure.EXACT, "the model's facts", "; ".join(model.notes)))
    rows += _compute(model, run, fitted)
    if run.vision and model.projector:
        rows.append(Row("projector", model.projector, Sure.EXACT, model.source, "the vision part's own weights"))
    if run.vision and model.projector_graph:
        detail = "4 x (image pixels x 3 + width x patches + patches squared x heads)"
        graph = Row("projector's graph", model.projector_graph, Sure.ESTIMATED, "model of the server", detail)
        rows.append(_within(graph, 0.0, HIGH))
    if model.draft_weights or (run.draft and model.draft_layers):
        rows.append(_draft(model, run))
    if run.draft and (model.draft_weights or model.draft_layers):
        said = "a second context for the draft: a layer's width and a mask"
        u = ubatch(run)
        likely, most = (draft_compute(model, run, batch, fitted) for batch in (min(u, 512), u))
        graph = Row("draft's compute", likely, Sure.ESTIMATED, "model of the server", said)
        rows.append(replace(graph, least=0, most=round(most * HIGH)))
    return rows


def _within(row: Row, least: float, most: float) -> Row:
    return replace(row, least=int(row.bytes * least), most=max(round(row.bytes * most), row.bytes))


def _compute(model: ModelArchitecture, run: Run, fitted: Fitted) -> tuple[Row, Row]:
    """Graph and masks. Loads of several slots were measured with one slot's cells; published rules count all slots."""
    work = compute(model, run, fitted)
    graph = work.graph * (run.gpus - 1) + work.graph_last
    rows = (
        Row("compute", graph, Sure.ESTIMATED, "model of the server", work.detail),
        Row("attention mask", work.mask * run.gpus, Sure.ESTIMATED, "model of the server", work.mask_detail),
    )
    if run.parallel == 1 or run.unified:
        return _within(rows[0], LOW, HIGH), _within(rows[1], LOW, HIGH)
    every = compute(model, replace(run, unified=True), fitted)
    upper = every.graph * (run.gpus - 1) + every.graph_last, every.mask * run.gpus
    first, second = (
        replace(row, least=int(row.bytes * LOW), most=round(max(size, row.bytes) * HIGH))
        for row, size in zip(rows, upper, strict=True)
    )
    return first, second


def _kept(model: ModelArchitecture, one: Layers, run: Run) -> Row:
    detail = "; ".join((layer_detail(one, run), *model.notes))
    what = "recurrent state" if one.kind is LayerKind.RECURRENT else f"KV cache, {one.kind.value}"
    row = Row(what, layer_bytes(one, run), model.kv_sure, "the model's facts", detail)
    if model.kv_sure is not Sure.ESTIMATED:
        return row
    return _within(row, model.kv_least, model.kv_most)


def _draft(model: ModelArchitecture, run: Run) -> Row:
    size, said = model.draft_weights, "weights of the layers that predict further tokens"
    if run.draft:
        own = replace(run, kv_type="f16", kv_type_v=None)  # the draft's cache has a type of its own
        size += sum(layer_bytes(one, own) for one in model.draft_layers)
        said += f", and their KV cache in f16; {run.draft} tokens are predicted at once"
    row = Row("draft", size, Sure.EXACT if run.draft else Sure.ESTIMATED, model.source, said)
    return row if run.draft else _within(row, 0.0, HIGH)


@lru_cache(maxsize=4096)
def largest_layer(model: ModelArchitecture, run: Run) -> int:
    """Bytes that the largest layer, or the output's, takes with its cache, at the most: it lies whole on one GPU."""
    kept: dict[LayerKind, int] = {}
    for one in model.layers:
        kept[one.kind] = max(kept.get(one.kind, 0), layer_bytes(one, run) // max(one.count, 1))
    together = sum(one.count for one in model.layers) > model.block_count  # a layer has one of several kinds
    cache = sum(kept.values()) if together else max(kept.values(), default=0)
    each = round(model.weights * LAYER / max(model.block_count, 1))
    weight = max(OUTPUT, LAYER * model.weights / model.params) if model.params else 2
    return max(each + cache, round(model.n_vocab * model.n_embd * weight))


def per_gpu(model: ModelArchitecture, run: Run, rooms: Sequence[int] = ()) -> tuple[int, ...]:
    """The estimate as it lies on each GPU, in bytes; the sum is the estimate's total.

    Weights, caches and states follow the layers, shared out by the GPUs' ``rooms`` (bytes; none: evenly) as far as
    whole layers go; compute and overhead are on each, the projector on the first, the output's compute on the last.
    """
    work, (base, _) = compute(model, run), overhead(model, run)
    total = estimate(model, run).total or 0
    seeing = (model.projector + model.projector_graph) if run.vision else 0
    shared = total - work.total(run.gpus) - base * run.gpus - seeing
    ends = list(accumulate(rooms or [1] * run.gpus))
    found, units, given = [], model.block_count + 1, 0
    for i, end in enumerate(ends):
        upto = -(-units * end // max(ends[-1], 1))
        part = shared * min(upto, units) // units - given
        given += part
        own = (work.graph_last if i == run.gpus - 1 else work.graph) + work.mask + base
        found.append(part + own + (seeing if i == 0 else 0))
    return tuple(found)
