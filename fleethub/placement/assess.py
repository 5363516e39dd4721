"""A backend in a plan: its planned set before and after, what the server does with it, and who may not come."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field, replace

from fleethub.engines.interface import Engine, Server
from fleethub.engines.registry import engine_of
from fleethub.model.address import Address
from fleethub.model.capacity import (
    AdmissionVerdict,
    Estimate,
    Placed,
    PlannedModel,
    Row,
    Sure,
    by_runner,
)
from fleethub.model.dataclass import dataclass
from fleethub.model.facts import Facts
from fleethub.model.finding import Finding
from fleethub.model.fleet import Fleet
from fleethub.model.plan import Blocker, PlannedVram
from fleethub.model.serving import Backend
from fleethub.model.text import plural
from fleethub.placement.judge import SetJudge, most_bytes
from fleethub.placement.live import live_findings
from fleethub.placement.machines import OnMachine, doubted, on_machine
from fleethub.placement.planned import PlannedSet
from fleethub.placement.routed import expected, unmanaged


@dataclass(frozen=True, slots=True)
class Assessment:
    """A backend's verdict: its sum before and after, findings, and which newcomers may not be wired (alias -> why).

    ``planned`` is the set after, each entry with the bytes it was reckoned with; ``verdict`` None: nothing to judge.
    ``here``: the server that was judged.
    """

    load: PlannedVram
    findings: tuple[Finding, ...] = ()
    refused: Mapping[str, Blocker] = field(default_factory=dict)
    verdict: AdmissionVerdict | None = None
    planned: PlannedSet = ()
    here: OnMachine | None = None


def assess(fleet: Fleet, backend: Backend, facts: Facts, before: PlannedSet, after: PlannedSet) -> Assessment:
    """Judge the planned set of a backend, ``after``, against the set of the lockfile, ``before``."""
    if backend.engine is None or not (after or before):
        findings = live_findings(fleet, backend, facts, ())
        return Assessment(PlannedVram(backend.name, None, None, None), findings, planned=after)
    engine = engine_of(backend.engine)
    here = on_machine(fleet, backend, facts)
    server = here.server
    loads = expected(fleet, backend, server, facts, after)
    loads |= asked_directly(fleet, backend, server, facts, loads)
    verdict = doubted(server.admit(list(loads.values())), here.doubt)
    if others := unmanaged(fleet, backend, facts, after):
        verdict = replace(verdict, notes=(*verdict.notes, others))
    earlier = doubted(server.admit([_earlier(server, fleet, facts, p, after, loads) for p in before]), here.doubt)
    load = PlannedVram(backend.name, earlier.need, verdict.need, verdict.total, verdict)
    planned = tuple(replace(p, bytes=most_bytes(loads[p.model])) for p in after)
    newcomers = [p.model for p in after if not any(p.same(b) for b in before)]
    promoted = [p.model for p in after if p.primary and any(p.same(b) and not b.primary for b in before)]
    judge = SetJudge(fleet, backend, server, verdict, earlier, (*newcomers, *promoted))
    judge.run()
    live = live_findings(fleet, backend, facts, tuple(loads.values()), _reckoned(fleet, server, facts, loads))
    findings = (*judge.findings, *_mismatches(fleet, backend, engine, server, facts, after, loads), *live)
    findings = (*findings, *_remote(fleet, backend, loads))
    return Assessment(load, findings, judge.refused, verdict, planned, here)


def _reckoned(fleet: Fleet, server: Server, facts: Facts, loads: Mapping[str, Placed]) -> tuple[Placed, ...]:
    """The same loads as they would be estimated if none had ever been measured."""
    plain = replace(facts, loads=())
    return tuple(
        server.load(fleet.models[p.model], plain, context=p.context, primary=p.primary)
        if p.model in fleet.models and any(row.sure is Sure.MEASURED for row in p.estimate.rows)
        else p
        for p in loads.values()
    )


def asked_directly(
    fleet: Fleet,
    backend: Backend,
    server: Server,
    facts: Facts,
    loads: Mapping[str, Placed],
    aliases: Iterable[str] | None = None,
) -> dict[str, Placed]:
    """Models that a consumer also asks the server for, with more context than the route has: the larger counts.

    ``aliases``: those that are asked for so, for whoever knows them already.
    """
    found = {}
    for alias in _direct(fleet, backend) if aliases is None else aliases:
        load, model = loads.get(alias), fleet.models[alias]
        if load is not None and model.context > load.context:
            more = server.load(model, facts, context=model.context, primary=load.primary)
            if more.context > load.context:
                found[alias] = replace(more, context_from="asked for directly")
    return found


def _direct(fleet: Fleet, backend: Backend) -> dict[str, list[str]]:
    """Alias -> nodes that ask this backend's own server for it round the proxy."""
    found: dict[str, list[str]] = {}
    for node in fleet.nodes.values():
        for hop in node.chain:
            if backend.engine and hop.endpoint == backend.engine.engine and hop.backend == backend.name:
                found.setdefault(hop.model, []).append(node.name)
    return found


def _earlier(
    server: Server, fleet: Fleet, facts: Facts, entry: PlannedModel, after: PlannedSet, loads: Mapping[str, Placed]
) -> Placed:
    """An entry of the earlier set as a load: as it is now where it stays, else as it was last reckoned with."""
    if any(entry.same(p) for p in after):
        return replace(loads[entry.model], primary=entry.primary)
    tag = entry.tag or entry.model
    model = fleet.models.get(entry.model)
    if entry.bytes is None and model is not None and entry.tag in ("", model.tag):
        return replace(server.load(model, facts, context=entry.context), primary=entry.primary)
    estimate = Estimate(reason=f"the size of {entry.model}, which was there before, is not known")
    if entry.bytes is not None:
        row = Row("as last reckoned", entry.bytes, Sure.ESTIMATED, "lockfile")
        estimate = Estimate((row,), entry.bytes, entry.bytes)
    return Placed(
        entry.model,
        tag,
        entry.context,
        "lockfile",
        server.parallel,
        server.kv_type,
        estimate,
        primary=entry.primary,
    )


def _mismatches(
    fleet: Fleet,
    backend: Backend,
    engine: Engine,
    server: Server,
    facts: Facts,
    after: PlannedSet,
    loads: Mapping[str, Placed],
) -> Iterable[Finding]:
    """Consumers that ask for one model with several contexts: it is loaded anew whenever they take turns."""
    if not engine.context_parameter:
        return  # a request has as much as it needs: nothing is loaded anew
    address = Address("backend", backend.name)
    effective = {p.model: server.effective_context(fleet.models[p.model], facts) for p in after}
    for alias, nodes in sorted(_direct(fleet, backend).items()):
        if alias not in effective:
            continue
        model, (tokens, source) = fleet.models[alias], effective[alias]
        through = any(
            hop.model == alias and not hop.direct for node in fleet.nodes.values() for hop in node.chain
        ) or any(alias in (*key.also, *key.models) for key in fleet.keys.values())
        if through and tokens != model.context:
            who = ", ".join(nodes[:3]) if len(nodes) <= 3 else plural(len(nodes), "node")
            yield Finding(
                "capacity.context-mismatch",
                f"{who} asks {backend.name} for {alias} with a context of {model.context}, and its route loads "
                f"{tokens} ({source}): the model is loaded anew at every turn",
                address,
                model.place or backend.place,
                f"make both {model.context}: num_ctx in LiteLLM's config, or context in the spec",
            )
    yield from _one_runner(fleet, backend, engine, after, loads, {a: tokens for a, (tokens, _) in effective.items()})


def _one_runner(
    fleet: Fleet,
    backend: Backend,
    engine: Engine,
    after: PlannedSet,
    loads: Mapping[str, Placed],
    contexts: Mapping[str, int],
) -> Iterable[Finding]:
    """Names of one process that ask it for different things."""
    for group in by_runner(loads[p.model] for p in after):
        aliases = [p.model for p in group]
        tags = sorted({engine.canonical(p.tag) for p in group})
        asked = {alias: contexts[alias] for alias in aliases}
        whose = tags[0] if len(tags) == 1 else f"one file of weights ({', '.join(tags)})"
        hint = "give these aliases one context"
        if len(set(asked.values())) > 1:
            shown = ", ".join(f"{alias} {tokens}" for alias, tokens in sorted(asked.items()))
            says = f"{whose} on {backend.name} is asked for with several contexts ({shown})"
        elif len({p.options for p in group}) > 1:
            shown = "; ".join(f"{p.model}: {', '.join(p.options) or 'none'}" for p in group)
            says = f"{whose} on {backend.name} is asked for with several options ({shown})"
            hint = "give their Modelfiles the same ones, or wire one of them alone"
        else:
            continue
        if len(tags) > 1:
            hint += "; the server keeps one process for a file of weights, so they are never loaded side by side"
        address, place = Address("backend", backend.name), fleet.models[aliases[0]].place
        yield Finding("capacity.context-mismatch", f"{says}: each change loads it anew", address, place, hint)


def _remote(fleet: Fleet, backend: Backend, loads: Mapping[str, Placed]) -> Iterable[Finding]:
    """Models that are not on the backend at all, though it is asked for them."""
    for alias, load in sorted(loads.items()):
        if load.remote:
            yield Finding(
                "model.remote",
                f"{alias} is {load.tag} on {backend.name}, and {load.remote} answers it: it takes no VRAM there, and "
                "what is asked of it leaves the house",
                Address("model", f"{backend.name}.{alias}"),
                fleet.models[alias].place if alias in fleet.models else backend.place,
                "if that is not meant, route it to a model that is installed there",
            )
