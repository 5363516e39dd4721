"""A backend as it is planned and as it is: verdict, a bar per GPU, residents. Pure."""

from __future__ import annotations

from dataclasses import replace

from fleethub.engines.interface import Server
from fleethub.engines.registry import lacks
from fleethub.model.capacity import AdmissionVerdict, Bar, CapacityReport, Held, by_runner, largest
from fleethub.model.facts import Facts
from fleethub.model.fleet import Fleet
from fleethub.model.observation import Source
from fleethub.model.readings.gpu import GpuReading
from fleethub.model.serving import Backend
from fleethub.placement.ask import held, unobserved
from fleethub.placement.assess import assess
from fleethub.placement.machines import on_machine
from fleethub.placement.planned import PlannedSet
from fleethub.placement.routed import expected


def report(fleet: Fleet, backend: Backend, facts: Facts, planned: PlannedSet) -> CapacityReport:
    """Judge the backend's planned set as if all of it were new, so that the lockfile does not soften the answer."""
    if backend.engine is None:
        raise ValueError(lacks(backend))
    found = assess(fleet, backend, facts, (), planned)
    if found.verdict is not None and found.here is not None:
        verdict, server = found.verdict, found.here.server
    else:  # nothing is planned
        server = on_machine(fleet, backend, facts).server
        verdict = server.admit(list(expected(fleet, backend, server, facts, ()).values()))
    seen = held(fleet, backend, facts)
    reading = facts.of(Source("gpu", backend.ssh)) if backend.ssh else None
    gpus = bars(server, verdict, seen, reading if isinstance(reading, GpuReading) else None)
    return CapacityReport(backend.name, verdict, gpus, seen, found.findings, unobserved(backend, facts))


def bars(
    server: Server, verdict: AdmissionVerdict, seen: tuple[Held, ...], reading: GpuReading | None
) -> tuple[Bar, ...]:
    """What lies on each GPU when all that is planned is loaded, the largest first.

    What no GPU takes alone lies as it is shared out over all of them. Another load goes to the roomiest GPU when it
    fits there whole, else over all by their room: the likely split. The sums are those of admission: the upper ends,
    and of fallbacks that are not loaded only the largest. Loads of unknown size are in no bar.
    """
    same = reading is not None and [gpu.name for gpu in reading.gpus] == [name for name, _ in server.gpus]
    used = [gpu.used for gpu in reading.gpus] if reading is not None and same else []
    found = [
        Bar(name, total, 0, 0, 0, server.reserve, used[i] if used else None)
        for i, (name, total) in enumerate(server.gpus)
    ]
    loaded = {h.alias for h in seen}
    placed = [p for p in verdict.placed if not verdict.together or p.model in verdict.together]
    there = [(largest(g), any(p.model in loaded for p in g)) for g in by_runner(placed)]
    spare = max((p for p, _ in there if not p.primary), key=lambda p: p.upper, default=None)
    loads = [
        (p.upper, "resident" if here else "planned", p.parts) for p, here in there if p.primary or p is spare or here
    ]
    loads += [(h.size_vram, "unplanned", ()) for h in seen if h.alias is None]
    for size, kind, parts in sorted(loads, reverse=True):
        for i, share in enumerate(parts) if parts else _shares([bar.headroom for bar in found], size, server.spread):
            found[i] = replace(found[i], **{kind: getattr(found[i], kind) + share})
    return tuple(found)


def _shares(rooms: list[int], size: int, spread: bool) -> list[tuple[int, int]]:
    if not rooms:
        return []
    best = max(range(len(rooms)), key=lambda i: rooms[i])
    free = [max(room, 0) for room in rooms]
    if len(rooms) == 1 or (rooms[best] >= size and not spread) or not sum(free):
        return [(best, size)]
    shares = [size * room // sum(free) for room in free]
    shares[best] += size - sum(shares)
    return list(enumerate(shares))
