"""The backends of a fleet for those who plan: what is read of them, what could not be read, and their status. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from fleethub.engines.registry import titles
from fleethub.model.address import Address
from fleethub.model.capacity import PlannedModel
from fleethub.model.facts import Facts
from fleethub.model.finding import Finding
from fleethub.model.fleet import Fleet
from fleethub.model.fleet_status import BackendStatus
from fleethub.model.observation import Source, Unknown
from fleethub.model.readings.gpu import GpuReading
from fleethub.model.readings.server import ServerReading
from fleethub.model.serving import Backend
from fleethub.placement.planned import planned_sets
from fleethub.placement.report import report


def sources(fleet: Fleet) -> Iterable[Source]:
    """Each backend's server with the models that are planned there, its machine, and the files that tell of models."""
    planned = planned_sets(fleet)
    for backend in fleet.backends.values():
        of = f"backend.{backend.name}"
        if backend.engine is not None:
            tags = [fleet.models[p.model].tag for p in planned.get(backend.name, ())]
            if backend.proxy:  # whose router may fall back to any of them
                tags += [model.tag for model in fleet.models.values() if backend.name in model.backends]
            yield replace(backend.engine.source, ask=tuple(sorted(tag for tag in tags if tag)), of=of)
            yield from (replace(source, of=of) for source in backend.engine.sources[1:])
        if backend.ssh:
            yield Source("gpu", backend.ssh, of=of)
    for model in fleet.models.values():
        if model.backends and model.source is not None:
            yield replace(model.source, of=f"model.{model.name}")


def unreadable(fleet: Fleet, facts: Facts) -> list[Finding]:
    """One finding per server that could not be read, and per file of a model."""
    found = []
    for model in fleet.models.values():
        reading = facts.of(model.source) if model.source and model.backends else None
        if isinstance(reading, Unknown):
            address = Address("model", model.name)
            hint = f"file of [models.{model.name}] is a path from the fleet's folder"
            found.append(Finding("capacity.file-unread", reading.reason, address, model.place, hint))
    for backend in fleet.backends.values():
        if backend.engine is None:
            continue
        reading = facts.of(backend.engine.source)
        if isinstance(reading, Unknown):
            found.append(
                Finding(
                    "backend.unreadable",
                    f"{backend.name} ({backend.engine.url}): {reading.reason}",
                    Address("backend", backend.name),
                    backend.place,
                    "it is judged from the spec alone",
                )
            )
    return found


def status(fleet: Fleet, facts: Facts) -> tuple[BackendStatus, ...]:
    """Every backend as it is planned and as it is."""
    planned = planned_sets(fleet)
    return tuple(_status(fleet, b, facts, planned.get(b.name, ())) for b in fleet.backends.values())


def _status(fleet: Fleet, backend: Backend, facts: Facts, planned: tuple[PlannedModel, ...]) -> BackendStatus:
    head = (backend.name, backend.host, backend.engine.url if backend.engine else None, backend.owner, backend.proxy)
    declared = sum(gpu.vram for gpu in backend.gpus) or None
    if backend.engine is None:
        return BackendStatus(*head, "there", f"no {titles()} in the spec", total=declared, endpoints=backend.endpoints)
    reading = facts.of(backend.engine.source)
    found = report(fleet, backend, facts, planned)
    verdict = found.verdict
    sizes = {p.model: p.estimate.total for p in verdict.placed}
    return BackendStatus(
        *head,
        state="there" if isinstance(reading, ServerReading) else "unknown",
        reason=reading.reason if isinstance(reading, Unknown) else "",
        version=reading.version if isinstance(reading, ServerReading) else "",
        fit=verdict.fit.value,
        need=verdict.need,
        total=verdict.total,
        total_from=verdict.total_from,
        machine=_machine(backend, facts),
        reserve=verdict.reserve,
        headroom=sum(bar.headroom for bar in found.bars) if found.bars and verdict.need is not None else None,
        placed=tuple(PlannedModel(p.model, p.context, p.primary, p.tag, sizes.get(p.model)) for p in planned),
        gpus=found.bars,
        residents=found.held,
        endpoints=backend.endpoints,
        engine=backend.engine.title,
    )


def _machine(backend: Backend, facts: Facts) -> str:
    """Who read the GPUs, or why nobody did; empty where nobody was asked to."""
    if not backend.ssh:
        return ""
    reading = facts.of(Source("gpu", backend.ssh))
    if isinstance(reading, GpuReading):
        return f"read by {reading.by}" if reading.gpus else reading.problem
    return reading.reason if isinstance(reading, Unknown) else ""
