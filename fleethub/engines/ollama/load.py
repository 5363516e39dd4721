"""A model as a server would load it: context, slots, cache type, and what that takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from fleethub.engines.ollama.context import effective_context, installed_of, trained
from fleethub.engines.ollama.flash import flash as flash_of
from fleethub.engines.ollama.preflight import batch_of, guessed, preflight
from fleethub.engines.ollama.rules import Rules, weigh
from fleethub.engines.ollama.runner import options_of, remote_of, runner_of
from fleethub.engines.ollama.scheduler import SchedulerVersion, number_of
from fleethub.model.capacity import Estimate, Held, Placed, Row, Sure
from fleethub.model.facts import Facts
from fleethub.model.readings.server import Installed, MeasuredLoad, Shown
from fleethub.model.serving import Model
from fleethub.model.text import gib, plural
from fleethub.sizing.architecture import ModelArchitecture, architecture_of, architecture_of_params, why_unknown
from fleethub.sizing.devices import in_one_memory
from fleethub.sizing.estimate import Run, estimate, largest_layer, per_gpu
from fleethub.sizing.quant import kv_element

if TYPE_CHECKING:
    from fleethub.engines.ollama.server import OllamaServer

#: Where it tells what is loaded.
TOLD_BY = "/api/ps"
#: Architectures that are loaded with one slot, whatever OLLAMA_NUM_PARALLEL says, beside those that only embed.
SINGLE_SLOT = (
    *("mllama", "qwen3vl", "qwen3vlmoe", "qwen35", "qwen35moe", "qwen3next", "lfm2", "lfm2moe"),
    *("nemotron_h", "nemotron_h_moe", "nemotron_h_omni"),
)
#: How many tokens are predicted at once where a Modelfile does not say it.
DRAFTS = 4
#: What Ollama's own engine keeps of a window of gpt-oss at least, in tokens.
WINDOW = 4096


def load(
    server: OllamaServer,
    model: Model,
    facts: Facts,
    *,
    context: int | None = None,
    primary: bool = True,
    architecture: ModelArchitecture | None = None,
) -> Placed:
    """What a load of ``model`` is on ``server``; what is given by name is taken instead of what would be so."""
    tokens, source = (context, "asked") if context is not None else effective_context(server, model, facts)
    installed = installed_of(server, model.tag)
    shown = installed.shown if installed else None
    tag = model.tag or model.name
    if remote := remote_of(installed, tag):
        away = Estimate((Row("nothing", 0, Sure.EXACT, f"answered by {remote}"),))
        return Placed(model.name, tag, tokens, source, 1, "f16", away, 0, primary=primary, remote=remote)
    if architecture is None and installed is not None and shown is not None:
        architecture = architecture_of(shown, installed.size)
    if architecture is None and model.vram is None and model.params is not None and installed is None:
        architecture = architecture_of_params(model.params, model.quant or "Q4_K_M")
    embedding = "embedding" in {*model.capabilities, *(shown.capabilities if shown else ())}
    embedding = embedding or (architecture is not None and architecture.embedding)
    slots = 1 if embedding or (architecture is not None and architecture.arch in SINGLE_SLOT) else server.parallel
    flash = flash_of(server)
    # a quantised cache needs flash attention; without it the server falls back
    cache = server.kv_type if flash else "f16"
    out = Placed(
        *(model.name, tag, tokens, source, slots, cache, Estimate()),
        primary=primary,
        runner=runner_of(shown, tag),
        options=options_of(shown),
    )
    if architecture is None:
        return replace(out, estimate=_declared(server, model, installed, out, flash=flash))
    limit = trained(shown)
    if context is not None and limit:
        out = replace(out, context=min(context, limit))
    architecture = as_kept(server, architecture)
    cells = out.context * slots
    current, old = (server.scheduler is one for one in (SchedulerVersion.CURRENT, SchedulerVersion.OLD))
    batch = batch_of(cells, flash=flash) if not old and not embedding else 512
    run = Run(
        *(out.context, slots, cache),
        new_compute=current,
        flash=flash,
        batch=min(2048, cells) if embedding and current else None,
        runtime=server.runtime,
        device=server.device,
        one_memory=in_one_memory(name for name, _ in server.gpus),
        draft=drafts_of(server, shown, architecture),
    )
    mine = installed is not None and not architecture.quant  # else what was measured is another file
    seen = _measured(facts.loads, installed.digest, out, server.version) if installed and mine else None
    several, every = len(server.gpus) > 1, replace(run, gpus=max(len(server.gpus), 1))
    out = replace(
        out,
        estimate=_estimate(server, architecture, run, seen),
        split=_estimate(server, architecture, every, seen) if several else None,
        layer=largest_layer(architecture, run) if several else 0,
        preflight=guessed(architecture, every, number_of(server.version))
        if server.scheduler is SchedulerVersion.OLD
        else preflight(architecture, cells, batch),
        batch=batch,
        room=server.fit_target,
    )
    return _spread(server, out, architecture, every)


def drafts_of(server: OllamaServer, shown: Shown | None, architecture: ModelArchitecture) -> int:
    """Tokens that are predicted at once: since 0.30 every model that has layers or a file for it does so."""
    if server.scheduler not in (SchedulerVersion.CURRENT, SchedulerVersion.UNKNOWN):
        return 0
    if not architecture.draft_layers and not (shown is not None and shown.draft):
        return 0
    text = shown.parameters.get("draft_num_predict", "") if shown is not None else ""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 4 else 0 if text.startswith("-") else DRAFTS


def as_kept(server: OllamaServer, architecture: ModelArchitecture) -> ModelArchitecture:
    """The model as its scheduler's engine keeps it: up to 0.24 the windows of gpt-oss hold more than they see."""
    engine = server.scheduler in (SchedulerVersion.ENGINE, SchedulerVersion.UNKNOWN)
    if not engine or not architecture.arch.startswith("gpt"):
        return architecture
    kept = (replace(one, window=max(one.window, WINDOW)) if one.window else one for one in architecture.layers)
    return replace(architecture, layers=tuple(kept))


def resident(server: OllamaServer, held: Held, facts: Facts) -> Placed:
    """What is loaded now, as large as the server says, as if it were to stay."""
    model = Model(name=held.tag, backends=(server.name,), route="", tag=held.tag, context=held.context or 0)
    found = load(server, model, facts, context=held.context)
    row = Row("resident", held.size_vram, Sure.MEASURED, TOLD_BY)
    size = Estimate((row,), held.size_vram, held.size_vram)
    return replace(found, estimate=size, preflight=found.preflight if found.preflight is not None else held.size)


def _spread(server: OllamaServer, load: Placed, architecture: ModelArchitecture, run: Run) -> Placed:
    """A load that no GPU takes alone, even when nothing else is there: its estimate is the one over all GPUs."""
    if load.split is None:
        return load
    rules, largest = Rules.of(server), max(total for _, total in server.gpus)
    if not server.spread and rules.accepts(weigh(load, server.scheduler), largest):
        return load
    parts = per_gpu(architecture, run, [total for _, total in server.gpus])
    high, whole = load.split.high, sum(parts)
    most = [part * high // whole for part in parts]
    return replace(load, estimate=load.split, parts=(high - sum(most[1:]), *most[1:]))


def _estimate(server: OllamaServer, architecture: ModelArchitecture, run: Run, seen: MeasuredLoad | None) -> Estimate:
    """Of an unknown scheduler the larger one."""
    found = estimate(architecture, run, seen, told_by=TOLD_BY)
    if server.scheduler is SchedulerVersion.UNKNOWN:
        found = max(
            found, estimate(architecture, replace(run, new_compute=True), seen, told_by=TOLD_BY), key=lambda e: e.high
        )
    return found


def _declared(
    server: OllamaServer, model: Model, installed: Installed | None, load: Placed, *, flash: bool
) -> Estimate:
    """The spec's own size, where nothing better is known: it holds for the spec's context and settings, or less."""
    tag = model.tag or model.name
    if model.vram is not None:
        slots, cache = server.sized_for
        cache = cache if flash else "f16"
        more = load.context > model.context or load.parallel > slots or kv_element(load.kv_type) > kv_element(cache)
        if more and model.vram <= (server.total or model.vram):
            asked = f"a context of {load.context:,}, {plural(load.parallel, 'slot')} and KV {load.kv_type}"
            return Estimate(
                reason=f"the spec gives vram = {gib(model.vram)} for {tag} with a context of {model.context:,}, "
                f"{plural(slots, 'slot')} and KV {cache}; what {asked} take is not known "
                "(params = … in its place tells it roughly)"
            )
        return Estimate((Row("declared", model.vram, Sure.ESTIMATED, "spec: vram"),), model.vram, model.vram)
    if installed is not None:
        why = why_unknown(installed.shown, installed.size) if installed.shown else "it was not told"
        return Estimate(reason=f"the shape of {tag} on {server.name} is not known ({why}), and the spec gives no vram")
    where = f"is not installed on {server.name}" if server.observed else "could not be looked up: no answer from there"
    return Estimate(reason=f"{tag} {where}, and the spec gives neither vram nor params")


def _measured(loads: Sequence[MeasuredLoad], digest: str, load: Placed, version: str | None) -> MeasuredLoad | None:
    key = (digest, load.context, load.parallel, load.kv_type, version)
    found = [m for m in loads if (m.digest, m.context, m.parallel, m.kv_type, m.version) == key]
    return max(found, key=lambda m: m.bytes, default=None)
