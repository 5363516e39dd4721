"""A model as a server would load it: context, slots, cache type, and what that takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from fleethub.capacity.context import effective_context, installed_of, trained
from fleethub.capacity.era import Era
from fleethub.capacity.estimate import Run, estimate
from fleethub.capacity.preflight import preflight
from fleethub.capacity.server import Server
from fleethub.capacity.shape import Shape, shape_of, shape_of_params
from fleethub.model.capacity import Estimate, Placed, Row, Sure
from fleethub.model.facts import Facts, MeasuredLoad
from fleethub.model.fleet import Model

#: What llama-server keeps free on each GPU, beside the projector.
SPILL_ROOM = 1 << 30


def placed(
    server: Server,
    model: Model,
    facts: Facts,
    *,
    context: int | None = None,
    parallel: int | None = None,
    kv_type: str | None = None,
    primary: bool = True,
    shape: Shape | None = None,
) -> Placed:
    """What a load of ``model`` is on ``server``; what is given by name is taken instead of what would be so."""
    tokens, source = (context, "asked") if context is not None else effective_context(server, model, facts)
    installed = installed_of(server, model.ollama)
    shown = installed.shown if installed else None
    if shape is None and installed is not None and shown is not None:
        shape = shape_of(shown, installed.size)
    if shape is None and model.vram is None and model.params is not None and installed is None:
        shape = shape_of_params(model.params, model.quant or "Q4_K_M")
    slots = parallel or server.parallel
    embedding = "embedding" in {*model.capabilities, *(shown.capabilities if shown else ())}
    if embedding or (shape is not None and shape.single):
        slots = 1
    cache = kv_type or server.kv_type
    flash = server.flash is not False
    if not flash:
        cache = "f16"  # a quantised cache needs flash attention; without it the server falls back
    out = Placed(model.name, model.ollama or model.name, tokens, source, slots, cache, Estimate(), primary=primary)
    if shape is None:
        return replace(out, estimate=_declared(server, model, installed is not None))
    limit = trained(shown)
    if context is not None and limit:
        out = replace(out, context=min(context, limit))
    run = Run(
        out.context,
        slots,
        cache,
        new_compute=server.era is Era.CURRENT,
        flash=flash,
        runtime=server.runtime,
        vision=bool(shape.projector),
    )
    seen = _measured(facts.loads, installed.digest, out, server.version) if installed else None
    several = len(server.gpus) > 1
    return replace(
        out,
        estimate=estimate(shape, run, seen),
        split=estimate(shape, replace(run, gpus=len(server.gpus)), seen) if several else None,
        preflight=preflight(shape, out.context * slots, flash=flash),
        room=SPILL_ROOM + shape.projector,
    )


def _declared(server: Server, model: Model, installed: bool) -> Estimate:
    """The spec's own size, where nothing better is known."""
    if model.vram is not None:
        return Estimate((Row("declared", model.vram, Sure.ESTIMATED, "spec: vram"),), model.vram, model.vram)
    tag = model.ollama or model.name
    if installed:
        return Estimate(reason=f"what {server.name} tells of {tag} does not say its shape, and the spec gives no vram")
    where = f"is not installed on {server.name}" if server.observed else "could not be looked up: no answer from there"
    return Estimate(reason=f"{tag} {where}, and the spec gives neither vram nor params")


def _measured(loads: Sequence[MeasuredLoad], digest: str, load: Placed, version: str | None) -> MeasuredLoad | None:
    key = (digest, load.context, load.parallel, load.kv_type, version)
    found = [m for m in loads if (m.digest, m.context, m.parallel, m.kv_type, m.version) == key]
    return max(found, key=lambda m: m.bytes, default=None)
