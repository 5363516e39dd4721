"""A backend's server among the others on its machine: what they take of its cards is not there for it. Pure.

Backends are on one machine when their ``host`` or ``ssh`` is the same. Cards are the same when their names are (two of
one name: in their order), so cards that are to be told apart have names of their own in the spec; or the machine is
read and has one for each that its servers declare. A maker's words in a name tell no card from another, for a driver
writes "NVIDIA GeForce RTX 4090" where a spec has "RTX 4090".
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import replace

from fleethub.engines.cards import TOLERANCE
from fleethub.engines.interface import Server
from fleethub.engines.registry import engine_of, lacks
from fleethub.model.capacity import AdmissionVerdict, Fit
from fleethub.model.facts import Facts, GpuReading
from fleethub.model.fleet import Backend, Fleet
from fleethub.model.observation import Source
from fleethub.placement.planned import planned_sets
from fleethub.placement.routed import expected

#: A card as two servers of one machine know it: what its name tells, and which of that name.
CardKey = tuple[str, int]
#: Words of a name that a driver writes and people leave out: makers, sockets, sizes.
MAKERS = re.compile(r"nvidia|geforce|quadro|tesla|amd|radeon|graphics|pcie|sxm\d?|\d+gi?b?", re.ASCII)


def server_on(fleet: Fleet, backend: Backend, facts: Facts) -> Server:
    """The backend's server; what the others on its machine take is off its cards. Raises ValueError without one."""
    server = _server(fleet, backend, facts)
    others = neighbours(fleet, backend)
    if not others or not server.gpus or _apart(fleet, (backend, *others), facts):
        return server
    mine, held, whom = keys_of(server.gpus), Counter[CardKey](), list[str]()
    for other in others:
        taken = _taken(fleet, other, facts) or {}
        if shared := {card: size for card, size in taken.items() if card in mine and size}:
            held.update(shared)
            whom.append(other.name)
    return server.beside(tuple(held[card] for card in mine), ", ".join(whom)) if whom else server


def doubt(fleet: Fleet, backend: Backend, facts: Facts) -> str:
    """Why nobody can say what of its cards is left for its server: what others there take is not known. Else empty."""
    others = neighbours(fleet, backend)
    if not others or _apart(fleet, (backend, *others), facts):
        return ""
    mine = set(keys_of(_server(fleet, backend, facts).gpus))
    untold = [other.name for other in others if _untold(fleet, other, facts, mine)]
    whom = ", ".join(untold)
    return f"what {whom} {'take' if untold[1:] else 'takes'} of the same cards is not known" if untold else ""


def _untold(fleet: Fleet, other: Backend, facts: Facts, mine: Set[CardKey]) -> bool:
    """Whether it is not known what another server takes of these cards; nothing is known where its own are not."""
    taken, its = _taken(fleet, other, facts), keys_of(_server(fleet, other, facts).gpus)
    if not its:
        return taken is None or bool(planned_sets(fleet).get(other.name))
    return taken is None and not mine.isdisjoint(its)


def doubted(verdict: AdmissionVerdict, why: str) -> AdmissionVerdict:
    """A verdict while it is not known what others on the machine take (``why``; empty: it is)."""
    if not why or verdict.fit is Fit.EXCEEDS or not verdict.placed:
        return verdict
    return replace(verdict, fit=Fit.UNKNOWN, reason="; ".join(filter(None, (verdict.reason, why))))


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
        words = re.findall(r"[^\W_]+", name.casefold())
        plain = " ".join(word for word in words if not MAKERS.fullmatch(word)) or name
        found.append((plain, seen[plain]))
        seen[plain] += 1
    return tuple(found)


def _server(fleet: Fleet, backend: Backend, facts: Facts) -> Server:
    if backend.engine is None:
        raise ValueError(lacks(backend))
    return engine_of(backend.engine).server(fleet, backend, facts)


def _taken(fleet: Fleet, backend: Backend, facts: Facts) -> Mapping[CardKey, int] | None:
    """What a server takes of each card with all that is planned there: the most of it, the fallbacks' largest too.

    None: it is not known.
    """
    server = _server(fleet, backend, facts)
    planned = planned_sets(fleet).get(backend.name, ())
    verdict = server.admit(list(expected(fleet, backend, server, facts, planned).values()))
    if verdict.need is None:
        return None
    return dict(zip(keys_of(server.gpus), _parts(server, verdict, verdict.need), strict=False))


def _parts(server: Server, verdict: AdmissionVerdict, need: int) -> Iterable[int]:
    if not server.total:
        return [0 for _ in server.gpus]
    process = next((p.parts for p in verdict.placed if p.needs is not None and p.parts), ())
    if process:  # one process with a share of each of its cards
        return process
    return [need * size // server.total for _, size in server.gpus]
