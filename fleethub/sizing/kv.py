"""The KV cache and the recurrent state of a load, exactly as llama.cpp lays them out."""

from __future__ import annotations

import math

from fleethub.sizing.architecture import ModelArchitecture
from fleethub.sizing.kinds import LayerKind, Layers
from fleethub.sizing.layers import CROSS_CELLS
from fleethub.sizing.quant import kv_element
from fleethub.sizing.run import Run, pad, ubatch


def cells_of(layers: Layers, run: Run) -> int:
    """Cells that one such layer keeps over all slots."""
    if layers.kind is LayerKind.CROSS:
        return CROSS_CELLS
    if layers.kind is LayerKind.SLIDING and layers.window:
        if run.unified:
            return min(run.cells, pad(layers.window * run.parallel + ubatch(run)))
        return run.parallel * min(run.slot_cells, pad(layers.window + ubatch(run)))
    if layers.ratio > 1:
        slots, cells = (1, run.cells) if run.unified else (run.parallel, run.slot_cells)
        return slots * pad(-(-cells // layers.ratio))
    return run.cells


def layer_bytes(layers: Layers, run: Run) -> int:
    """Bytes of all layers of one group: its cache, or its state for all slots."""
    if layers.kind is LayerKind.RECURRENT:
        return layers.count * layers.state * 4 * run.parallel * (1 + run.draft)
    if layers.kind is LayerKind.CROSS:  # f32, whatever the type of the cache
        return layers.count * cells_of(layers, run) * layers.kv_heads * (layers.head_k + layers.head_v) * 4
    k, v = run.types
    per_cell = layers.kv_heads * (layers.head_k * kv_element(k) + layers.head_v * kv_element(v))
    return math.ceil(layers.count * cells_of(layers, run) * per_cell)


def kv_bytes(model: ModelArchitecture, run: Run) -> int:
    """The whole KV cache in bytes, without recurrent state and draft layers."""
    return sum(layer_bytes(one, run) for one in model.layers if one.kind is not LayerKind.RECURRENT)


def state_bytes(model: ModelArchitecture, run: Run) -> int:
    """The recurrent state in bytes: the same for any context."""
    return sum(layer_bytes(one, run) for one in model.layers if one.kind is LayerKind.RECURRENT)


def layer_detail(layers: Layers, run: Run) -> str:
    """The arithmetic of ``layer_bytes`` in words."""
    if layers.kind is LayerKind.RECURRENT:
        drafts = f" x {1 + run.draft} (drafts kept)" if run.draft else ""
        return f"{layers.count} layers x {layers.state:,} elements of 4 bytes x {run.parallel} slots{drafts}"
    k, v = run.types
    if layers.kind is LayerKind.CROSS:
        k = v = "f32"
    cells = f"{cells_of(layers, run):,} cells"
    if layers.kind is LayerKind.SLIDING and layers.window:
        cells += f" (window {layers.window:,} + batch {ubatch(run):,})"
    if layers.ratio > 1:
        cells += f" (one for {layers.ratio} tokens)"
    parts = f"{layers.head_k} K {k}" + (f" + {layers.head_v} V {v}" if layers.head_v else "")
    return f"{layers.count} layers x {cells} x {layers.kv_heads} KV heads x ({parts})"
