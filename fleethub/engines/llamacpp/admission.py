"""What becomes of a planned set on a llama-server (one model), or on a router (several, the oldest leaves first)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from fleethub.model.capacity import AdmissionCheck, AdmissionVerdict, Fit, Placed, by_runner, largest, worst
from fleethub.model.text import gib, plural

if TYPE_CHECKING:
    from fleethub.engines.llamacpp.server import LlamaCppServer

#: Rule of a check that fails -> what becomes of the set; every other does not fit.
MEANS = {"count": Fit.EVICTS, "spill": Fit.SPILLS}


def admit(server: LlamaCppServer, planned: Sequence[Placed]) -> AdmissionVerdict:
    """The verdict on a planned set; the order does not matter."""
    loads = sorted((largest(group) for group in by_runner(planned)), key=lambda p: p.model)
    first, rest = [p for p in loads if p.primary], [p for p in loads if not p.primary]
    why = unreckoned(server, loads)
    unknown = [p for p in loads if p.model in why]
    checks = [*names(server, planned), *together(server, first, "")]
    fallbacks: list[tuple[str, Fit]] = []
    for load in rest:
        own = [c for c in together(server, [*first, load], load.model) if not c.holds]
        checks += own
        fit = worst(MEANS.get(c.rule, Fit.EXCEEDS) for c in own)
        fallbacks.append((load.model, Fit.UNKNOWN if load in unknown and fit is Fit.FITS else fit))
    later = {p.model for p in rest}
    broken = [c for c in checks if not c.holds and (c.model not in later or c.rule in ("model", "limit"))]
    fit = worst(MEANS.get(c.rule, Fit.EXCEEDS) for c in broken)
    reason = "; ".join(dict.fromkeys(why.values()))
    if server.total is None and loads:
        reason = "; ".join(filter(None, ("its GPUs and its memory are neither declared nor readable", reason)))
    if fit is not Fit.EXCEEDS and ((server.total is None and loads) or any(p.primary for p in unknown)):
        fit = Fit.UNKNOWN
    most = max((p.upper for p in rest), default=0)
    return AdmissionVerdict(
        backend=server.name,
        fit=fit,
        placed=tuple(planned),
        checks=tuple(checks),
        gpus=server.gpus,
        reserve=server.reserve * len(server.gpus),
        need=None if why else sum(p.upper for p in first) + most,
        total=server.total,
        total_from=server.total_from,
        scheduler=f"llama.cpp {server.version}".rstrip(),
        reason=reason,
        notes=tuple(_notes(server, loads)),
        fallbacks=tuple(sorted(fallbacks)),
    )


def unreckoned(server: LlamaCppServer, loads: Sequence[Placed]) -> dict[str, str]:
    """Alias -> why it is not known what it takes, or where it lies; without those of which it is."""
    found = {}
    for load in loads:
        said, reasons = server.of(load.tag), list[str]()
        if load.estimate.total is None:
            reasons.append(load.estimate.reason)
        elif said.adds and any(row.source != "spec: vram" for row in load.estimate.rows):
            reasons.append(
                f"{load.model} is started with {', '.join(said.adds)}, and what that takes is not reckoned (vram of "
                "the model, without its file and params, says all of it)"
            )
        if said.splits and len(server.gpus) > 1:
            reasons.append(
                f"{load.model} is started with {', '.join(said.splits)}, and on which cards that puts how much is not "
                "reckoned (gpus of the backend, with those alone that it may use, says it)"
            )
        if reasons:
            found[load.model] = "; ".join(reasons)
    return found


def names(server: LlamaCppServer, planned: Sequence[Placed]) -> Iterator[AdmissionCheck]:
    """Whether it serves what is planned, with as much context as is planned."""
    tags, router = sorted({p.tag for p in planned}), server.settings.router
    if not router and len(tags) > 1:  # it answers to any name with the one model that it has
        says = f"a llama-server serves one model, and {len(tags)} are planned on {server.name}: {', '.join(tags)}"
        yield AdmissionCheck("model", "", len(tags), 1, False, says)
    for load in planned:
        if router and server.serves and load.tag not in server.serves:
            says = f"{server.name} serves {', '.join(server.serves)} and not {load.tag}"
            yield AdmissionCheck("model", load.model, 1, 0, False, says)
        need, limit = load.planned or load.context, load.context
        own = ", the model's own limit" if server.allocates(load) > limit else ""
        by = f"{load.context_from}{own}, {plural(load.parallel, 'slot')}"
        says = f"{load.model}: {need:,} tokens are planned, and a request is given {limit:,} ({by})"
        yield AdmissionCheck("limit", load.model, need, limit, need <= limit, says)


def together(server: LlamaCppServer, loads: Sequence[Placed], name: str) -> Iterator[AdmissionCheck]:
    """Whether loads that are there at one time have room together; ``name``: the one that it is about."""
    known = [p for p in loads if p.estimate.total is not None]
    if not known or server.total is None:
        return
    order = tuple(p.model for p in known)
    limit = server.settings.models_max
    if server.settings.router and limit and len(loads) > 1:
        says = f"{plural(len(loads), 'model')} at once, and the router keeps {limit}: the one used longest ago goes"
        yield AdmissionCheck("count", name, len(loads), limit, len(loads) <= limit, says, order)
    need = sum(p.upper for p in known)
    whose = known[0].model if len(known) == 1 else plural(len(known), "model")
    fitted = all(server.of(p.tag).fit and server.of(p.tag).gpu_layers < 0 for p in known) and bool(
        server.cards_are_gpus
    )
    if fitted:
        kept = max(server.reserve, max(p.room for p in known)) * len(server.gpus)
        said = "with what must stay free" if kept else "in all"
        own = any(not server.of(p.tag).ctx_size for p in known)  # not written, so it is made to fit, first of all
        gives = "the context is made smaller, down to 4,096 tokens, and then layers" if own else "layers"
        says = f"{whose}: {said} {gib(need + kept)} of {gib(server.total)}" + (
            "" if need + kept <= server.total else f": {gives} go to the CPU, in silence (--fit)"
        )
        yield AdmissionCheck("spill", name, need + kept, server.total, need + kept <= server.total, says, order)
        return
    need += server.reserve * len(server.gpus)
    says = f"{whose} and the reserve need {gib(need)}, and there is {gib(server.total)}"
    yield AdmissionCheck("physical", name, need, server.total, need <= server.total, says, order)


def _notes(server: LlamaCppServer, loads: Sequence[Placed]) -> Iterator[str]:
    if not server.observed:
        yield "not observed: judged from the spec"
    elif not server.line_from:
        yield "its command line is not read (ssh = … of the backend): the spec's settings are taken"
    else:
        yield f"settings by {server.line_from}"
    for load in loads:
        said = server.of(load.tag)
        if said.unified and said.slots > 1:
            yield f"{load.model}: {said.slots} slots share one cache of {load.context:,} tokens"
