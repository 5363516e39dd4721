"""A backend's server among the others on its machine: what they take of its cards is not there for it. Pure.

Backends are on one machine when their ``host`` or ``ssh`` is the same. Cards are the same when their names are (two of
one name: in their order), so cards that are to be told apart have names of their own in the spec; or the machine is
read and has one for each that its servers declare.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from fleethub.engines.cards import TOLERANCE
from fleethub.engines.interface import Server
from fleethub.engines.registry import engine_of, lacks
from fleethub.model.capacity import AdmissionVerdict
from fleethub.model.facts import Facts, GpuReading
from fleethub.model.fleet import Backend, Fleet
from fleethub.model.observation import Source
from fleethub.placement.planned import planned_sets
from fleethub.placement.routed import expected

#: A card as two servers of one machine know it: its name, and which of that name.
CardKey = tuple[str, int]


def server_on(fleet: Fleet, backend: Backend, facts: Facts) -> Server:
    """The backend's server; what the others on its machine take is off its cards. Raises ValueError without one."""
    if backend.engine is None:
        raise ValueError(lacks(backend))
    server = engine_of(backend.engine).server(fleet, backend, facts)
    others = neighbours(fleet, backend)
    if not others or not server.gpus or _apart(fleet, (backend, *others), facts):
        return server
    mine, held, whom = keys_of(server.gpus), Counter[CardKey](), list[str]()
    for other in others:
        taken = _taken(fleet, other, facts)
        if shared := {card: size for card, size in taken.items() if card in mine and size}:
            held.update(shared)
            whom.append(other.name)
    return server.beside(tuple(held[card] for card in mine), ", ".join(whom)) if whom else server


def neighbours(fleet: Fleet, backend: Backend) -> tuple[Backend, ...]:
    """The other backends with a model server on its machine."""
    return tuple(b for b in fleet.backends.values() if b is not backend and b.engine is not None and _one(b, backend))


def _one(a: Backend, b: Backend) -> bool:
    return a.host.casefold() == b.host.casefold() or (a.ssh is not None and a.ssh == b.ssh)


def _apart(fleet: Fleet, backends: Sequence[Backend], facts: Facts) -> bool:
    """Whether the machine was seen to have a card for each that its servers declare: then nobody shares one.

    Only where the declared cards are what counts, because the servers' own environments are not known.
    """
    readings = [facts.of(Source("gpu", b.ssh)) for b in backends if b.ssh]
    machine = next((r for r in readings if isinstance(r, GpuReading) and r.gpus), None)
    if machine is None or machine.settings is not None or not all(b.gpus and b.engine for b in backends):
        return False
    declared = sorted((gpu.vram for b in backends for gpu in b.gpus), reverse=True)
    there = sorted((gpu.total for gpu in machine.gpus), reverse=True)
    return len(declared) <= len(there) and all(d * (1 - TOLERANCE) <= t for d, t in zip(declared, there, strict=False))


def keys_of(gpus: Sequence[tuple[str, int]]) -> tuple[CardKey, ...]:
    """Each card's key, in order."""
    seen, found = Counter[str](), []
    for name, _ in gpus:
        found.append((name, seen[name]))
        seen[name] += 1
    return tuple(found)


def _taken(fleet: Fleet, backend: Backend, facts: Facts) -> Mapping[CardKey, int]:
    """What a server takes of each card with all that is planned there: the most of it, the fallbacks' largest too."""
    if backend.engine is None:
        return {}
    server = engine_of(backend.engine).server(fleet, backend, facts)
    planned = planned_sets(fleet).get(backend.name, ())
    verdict = server.admit(list(expected(fleet, backend, server, facts, planned).values()))
    return dict(zip(keys_of(server.gpus), _parts(server, verdict), strict=False))


def _parts(server: Server, verdict: AdmissionVerdict) -> Iterable[int]:
    if verdict.need is None or not server.total:
        return [0 for _ in server.gpus]
    process = next((p.parts for p in verdict.placed if p.needs is not None and p.parts), ())
    if process:  # one process with a share of each of its cards
        return process
    return [verdict.need * size // server.total for _, size in server.gpus]
