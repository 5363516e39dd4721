"""A model in llama-server: what its command line allocates, whatever a request asks for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from fleethub.engines.known import architecture_told, why_untold
from fleethub.model.capacity import Estimate, Placed, Row, Sure
from fleethub.model.facts import Facts
from fleethub.model.serving import Model
from fleethub.sizing.architecture import ModelArchitecture, architecture_of
from fleethub.sizing.devices import in_one_memory
from fleethub.sizing.estimate import Run, estimate, per_gpu
from fleethub.sizing.kinds import LayerKind

if TYPE_CHECKING:
    from fleethub.engines.llamacpp.server import LlamaCppServer


def load(
    server: LlamaCppServer,
    model: Model,
    facts: Facts,
    *,
    context: int | None = None,
    primary: bool = True,
    architecture: ModelArchitecture | None = None,
) -> Placed:
    """What a load of ``model`` is; ``context``: as if each slot were given so many tokens."""
    said = server.of(model.tag or model.name)
    architecture = architecture or architecture_told(model, facts) or _told(server, model)
    trained = architecture.context_length if architecture is not None else 0
    if context is not None:
        whole, source = context * (1 if said.unified else said.slots), "asked"
    else:
        whole, source = said.ctx_size or trained, "ctx_size" if said.ctx_size else "the model's own"
    if not whole:
        whole, source = model.context * (1 if said.unified else said.slots), "spec"
    each = max(whole if said.unified else whole // said.slots, 1)
    given = min(each, trained) if trained else each
    flash = said.flash_attn is not False
    placed = Placed(
        *(model.name, model.tag or model.name, given, source, said.slots, said.cache_type_k, Estimate()),
        primary=primary,
        room=said.fit_target,
        planned=context if context is not None else model.context,
    )
    if architecture is None:
        if model.vram is not None and context in (None, model.context):
            row = Row("declared", model.vram, Sure.ESTIMATED, "spec: vram")
            return replace(placed, estimate=Estimate((row,), model.vram, model.vram))
        return replace(placed, estimate=Estimate(reason=why_untold(model, facts)))
    if said.swa_full:
        layers = tuple(
            replace(one, kind=LayerKind.GLOBAL, window=0) if one.window else one for one in architecture.layers
        )
        architecture = replace(architecture, layers=layers)
    gpus = max(len(server.gpus), 1)
    run = Run(
        *(max(whole // said.slots, 1), said.slots, said.cache_type_k),
        kv_type_v=said.cache_type_v,
        flash=flash,
        batch=said.ubatch_size,
        unified=said.unified,
        runtime=server.runtime,
        gpus=gpus,
        device=server.device,
        one_memory=in_one_memory(name for name, _ in server.gpus),
    )
    size = estimate(architecture, run)
    if 0 <= said.gpu_layers < architecture.block_count:
        size = _some_layers(size, said.gpu_layers, architecture.block_count)
    placed = replace(placed, estimate=size)
    if gpus < 2:
        return placed
    parts = per_gpu(architecture, run, [total for _, total in server.gpus])
    most = [part * size.high // max(sum(parts), 1) for part in parts]
    return replace(placed, parts=(size.high - sum(most[1:]), *most[1:]))


def _told(server: LlamaCppServer, model: Model) -> ModelArchitecture | None:
    """What its server tells of it; a llama-server tells a size and a width, which is no shape."""
    installed = server.reading.installed.get(model.tag or model.name) if server.reading else None
    return architecture_of(installed.shown, installed.size) if installed and installed.shown else None


def _some_layers(size: Estimate, layers: int, all_layers: int) -> Estimate:
    """With so many layers on the GPUs: their part of weights and caches; the graph is on the GPUs all the same."""

    def part(bytes_: int | None) -> int | None:
        return None if bytes_ is None else bytes_ * layers // all_layers

    rows = tuple(
        replace(
            row,
            bytes=row.bytes * layers // all_layers,
            least=part(row.least),
            most=part(row.most),
            detail=f"{layers} of {all_layers} layers; {row.detail}",
        )
        if row.what.startswith(("weights", "KV", "recurrent"))
        else row
        for row in size.rows
    )
    low = sum(row.bytes if row.least is None else row.least for row in rows)
    return Estimate(rows, low, sum(row.bytes if row.most is None else row.most for row in rows))
