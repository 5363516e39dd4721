"""A backend's server among the others on its machine: what they take of its cards is not there for it. Pure.

Backends are on one machine when their ``host`` or ``ssh`` is the same. Cards are told apart by the driver's own names
where a server's environment is read. Else they are the same when their names are (two of one name: in their order), so
those that are to be told apart have names of their own in the spec; or the machine is read and has one for each that
its servers declare. A maker's words in a name tell no card from another, for a driver
writes "NVIDIA GeForce RTX 4090" where a spec has "RTX 4090".
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from fleethub.engines.cards import TOLERANCE, cards_of
from fleethub.engines.interface import Server
from fleethub.engines.registry import engine_of, lacks
from fleethub.model.capacity import AdmissionVerdict, Fit
from fleethub.model.dataclass import dataclass
from fleethub.model.facts import Facts
from fleethub.model.fleet import Fleet
from fleethub.model.observation import Source
from fleethub.model.readings.gpu import GpuReading
from fleethub.model.serving import Backend
from fleethub.placement.planned import PlannedSet, planned_sets
from fleethub.placement.routed import expected

#: A card as two servers of one machine know it: what its name tells, and which of that name.
CardKey = tuple[str, int]
#: Words of a name that a driver writes and people leave out: makers, sockets, sizes.
MAKERS = re.compile(r"nvidia|geforce|quadro|tesla|amd|radeon|graphics|pcie|sxm\d?|\d+gi?b?", re.ASCII)


@dataclass(frozen=True, slots=True)
class OnMachine:
    """A backend's server; what the others on its machine take is off its cards. ``doubt``: why nobody can say what is
    left of them for it, for it is not known what others there take; empty: it is.
    """

    server: Server
    doubt: str = ""


def on_machine(
    fleet: Fleet, backend: Backend, facts: Facts, planned: Mapping[str, PlannedSet] | None = None
) -> OnMachine:
    """The backend's server among the others of its machine, each of which is judged once. ValueError without one.

    ``planned``: what is planned for the others; None: as the fleet has it.
    """
    server, others = _server(fleet, backend, facts), neighbours(fleet, backend)
    if not others or _apart(fleet, (backend, *others), facts):
        return OnMachine(server)
    servers = {b.name: server if b is backend else _server(fleet, b, facts) for b in (backend, *others)}
    keys = _keys(fleet, servers, facts)
    sets = planned_sets(fleet) if planned is None else planned
    mine, held, whom, untold = keys[backend.name], Counter[CardKey](), list[str](), list[str]()
    for other in others:
        taken, its = _taken(fleet, other, servers[other.name], facts, sets), keys[other.name]
        if taken is None if its else taken is None or bool(sets.get(other.name)):
            if not its or not set(mine).isdisjoint(its):
                untold.append(other.name)
            continue
        if shared := {card: size for card, size in zip(its, taken or (), strict=False) if card in mine and size}:
            held.update(shared)
            whom.append(other.name)
    if server.gpus and whom:
        server = server.beside(tuple(held[card] for card in mine), ", ".join(whom))
    says = f"what {', '.join(untold)} {'take' if untold[1:] else 'takes'} of the same cards is not known"
    return OnMachine(server, says if untold else "")


def _keys(fleet: Fleet, servers: Mapping[str, Server], facts: Facts) -> dict[str, tuple[CardKey, ...]]:
    """Each server's cards by what tells them apart: the driver's own names where they are known, else what they are
    called. A card that is only declared is one of the machine's that no other server is known, or declared, to have.
    """
    backends = [fleet.backends[name] for name in fleet.backends if name in servers]
    readings = [r for b in backends if isinstance(r := facts.of(Source("gpu", b.ssh or "")), GpuReading) and r.gpus]
    found, claimed = dict[str, tuple[CardKey, ...]](), set[str]()
    for backend in backends:
        if told := _told(backend, servers[backend.name], facts):
            found[backend.name] = tuple((uuid, 0) for uuid in told)
            claimed |= {*told}
    there = [(gpu.name, gpu.uuid) for gpu in readings[0].gpus if gpu.uuid] if readings else []
    alike = [plain for plain, _ in keys_of([(name, 0) for name, _ in there])]
    for backend in backends:
        if backend.name in found:
            continue
        keys = list[CardKey]()
        for plain, at in keys_of(servers[backend.name].gpus):
            same = [uuid for (_, uuid), name in zip(there, alike, strict=True) if name == plain]
            left = [uuid for uuid in same if uuid not in claimed]
            mine = left[0] if left else same[at % len(same)] if same else ""
            claimed.add(mine)
            keys.append((mine, 0) if mine else (plain, at))
        found[backend.name] = tuple(keys)
    return found


def _told(backend: Backend, server: Server, facts: Facts) -> tuple[str, ...]:
    """The driver's own names of the cards that a server is seen to have; none where they are not known."""
    machine = facts.of(Source("gpu", backend.ssh)) if backend.ssh else None
    if backend.engine is None or not isinstance(machine, GpuReading):
        return ()
    cards = cards_of(backend, machine, engine_of(backend.engine).environment(backend, machine))
    told = tuple(card.uuid for card in cards.cards)
    return told if all(told) and not cards.declared and cards.gpus == server.gpus else ()


def doubted(verdict: AdmissionVerdict, why: str) -> AdmissionVerdict:
    """A verdict while it is not known what others on the machine take (``why``; empty: it is)."""
    if not why or not verdict.placed:
        return verdict
    fit = Fit.EXCEEDS if verdict.fit is Fit.EXCEEDS else Fit.UNKNOWN
    return replace(verdict, fit=fit, reason="; ".join(filter(None, (verdict.reason, why))))


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


def _taken(
    fleet: Fleet, backend: Backend, server: Server, facts: Facts, sets: Mapping[str, PlannedSet]
) -> Sequence[int] | None:
    """What a server takes of each card with all that is planned there: the most of it, the fallbacks' largest too.

    None: it is not known.
    """
    planned = sets.get(backend.name, ())
    verdict = server.admit(list(expected(fleet, backend, server, facts, planned).values()))
    return None if verdict.need is None else tuple(_parts(server, verdict, verdict.need))


def _parts(server: Server, verdict: AdmissionVerdict, need: int) -> Iterable[int]:
    if not server.total:
        return [0 for _ in server.gpus]
    process = next((p.parts for p in verdict.placed if p.needs is not None and p.parts), ())
    if process:  # one process with a share of each of its cards
        return process
    return [need * size // server.total for _, size in server.gpus]
