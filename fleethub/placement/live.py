"""What runs on a backend now, against what is declared and planned: warnings, never a refusal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from fleethub.engines.cards import TOLERANCE, Card, Cards, cards_of
from fleethub.engines.registry import ENGINES, engine_of, titles
from fleethub.model.address import Address
from fleethub.model.capacity import Placed
from fleethub.model.facts import Facts
from fleethub.model.finding import Finding
from fleethub.model.fleet import Fleet
from fleethub.model.observation import Source, Unknown
from fleethub.model.readings.gpu import GpuReading
from fleethub.model.readings.server import ServerReading
from fleethub.model.serving import Backend
from fleethub.model.text import gib, plural
from fleethub.placement.machines import neighbours

MIB = 1 << 20
#: What a desktop or a monitor takes is not worth a warning.
NOTICEABLE = 64 * MIB


def live_findings(
    fleet: Fleet, backend: Backend, facts: Facts, placed: Sequence[Placed], reckoned: Sequence[Placed] | None = None
) -> tuple[Finding, ...]:
    """Warnings about the machine and the residents of one backend.

    ``placed`` is its planned set. ``reckoned`` are the same loads estimated without measured sizes, to be compared
    with what is loaded; by default those of ``placed`` that have none.
    """
    machine = facts.of(Source("gpu", backend.ssh)) if backend.ssh else None
    reading = facts.of(backend.engine.source) if backend.engine else None
    server = reading if isinstance(reading, ServerReading) else None
    found: list[Finding] = []
    if isinstance(machine, GpuReading):
        found += _machine(backend, machine)
        if backend.engine is not None:
            found += engine_of(backend.engine).machine_findings(backend, machine)
    elif isinstance(machine, Unknown):
        found.append(_unread(backend, machine.reason))
    if backend.engine is not None and server is not None:
        engine = engine_of(backend.engine)
        found += engine.live_findings(backend, server, placed, placed if reckoned is None else reckoned)
    if isinstance(machine, GpuReading):
        found += _foreign(fleet, backend, machine, server)
    return tuple(found)


def _finding(backend: Backend, code: str, message: str, hint: str, detail: tuple[str, ...] = ()) -> Finding:
    return Finding(code, message, Address("backend", backend.name), backend.place, hint, detail)


def _unread(backend: Backend, reason: str) -> Finding:
    where = "this machine" if backend.ssh == "local" else f"the machine of {backend.name}"
    hint = f"ssh = {backend.ssh!r} of [backends.{backend.name}] says where they are read"
    return _finding(
        backend,
        "backend.machine-unread",
        f"{where} does not tell its GPUs and {_title(backend)}'s settings, so the declared ones are taken: {reason}",
        hint.replace("'", '"'),
    )


def _environment(backend: Backend, machine: GpuReading) -> Mapping[str, str] | None:
    return engine_of(backend.engine).environment(backend, machine) if backend.engine else machine.settings


def _machine(backend: Backend, machine: GpuReading) -> Iterator[Finding]:
    cards = cards_of(backend, machine, _environment(backend, machine))
    if not machine.gpus and not machine.lost and not machine.failed and backend.memory is not None:
        return  # that it has no GPU with memory of its own is what the spec says
    if not machine.gpus and not machine.lost:
        what = "so it is not known what can be used" if machine.failed else "so the declared ones are taken"
        yield _finding(
            backend,
            "backend.machine-unread",
            f"the GPUs of {backend.name} cannot be read, {what}: {machine.problem}",
            "mend the driver there (nvidia-smi says the same)"
            if machine.failed
            else f"check nvidia-smi there, or keep gpus in [backends.{backend.name}] true by hand",
        )
        return
    if cards.says or machine.says or machine.lost:
        lost = f"{plural(machine.lost, 'card')} cannot be reached"
        told = "; ".join(dict.fromkeys((*cards.says, *machine.says))) or lost
        there = " + ".join(gib(card.total) for card in cards.cards) or "nothing"
        yield _finding(
            backend,
            "backend.machine-odd",
            f"{machine.by} on {backend.name}: {told}; {there} ({cards.by or 'no card'}) is what is reckoned with",
            f"look at {_tool(machine)} there; what it does not tell is taken from gpus in "
            f"[backends.{backend.name}], where that is less",
        )
    if backend.gpus:
        yield from _gpus(backend, machine, cards)


def _tool(machine: GpuReading) -> str:
    """What a person can look at where a machine's cards were told by ``by``."""
    return {"sysfs": "/sys/class/drm/card*/device", "sysctl": "sysctl -a"}.get(machine.by, "nvidia-smi")


def _gpus(backend: Backend, machine: GpuReading, cards: Cards) -> Iterator[Finding]:
    """Declared cards that are not those that the server may use."""
    declared = sorted((gpu.vram for gpu in backend.gpus), reverse=True)
    if cards.declared:
        seen = sorted((gpu.total for gpu in machine.gpus if gpu.total), reverse=True)
        if sum(seen) and not cards.says:
            every = cards_of(replace(backend, gpus=(), memory=None), machine, {})
            tells = _environment(backend, replace(machine, settings={})) is not None
            read = "could not be read (CUDA_VISIBLE_DEVICES of its environment)" if tells else "is not read"
            let = f"let {backend.ssh} read that environment (root, or the user it runs as); or, " if tells else ""
            yield _finding(
                backend,
                "backend.gpus-differ",
                f"{machine.by} sees {plural(len(seen), 'GPU')} ({' + '.join(gib(s) for s in seen)}) on {backend.name}, "
                f"and {plural(len(declared), 'GPU')} ({' + '.join(gib(d) for d in declared)}) are declared: those are "
                f"reckoned with, because which ones {_title(backend)} may use {read}",
                f"{let}if it may use all of them, write gpus = [{_lines(every.cards)}] in [backends.{backend.name}]",
            )
        return
    seen = sorted((card.total for card in cards.cards), reverse=True)
    if len(declared) == len(seen) and all(
        abs(d - s) <= TOLERANCE * max(d, s) for d, s in zip(declared, seen, strict=True)
    ):
        return
    there = " + ".join(gib(s) for s in seen) or "nothing"
    which = f"{cards.mask} leaves it" if cards.mask else f"{machine.by} sees"
    yield _finding(
        backend,
        "backend.gpus-differ",
        f"{backend.name} declares {plural(len(declared), 'GPU')} ({' + '.join(gib(d) for d in declared)}), and "
        f"{which} {plural(len(seen), 'GPU')} ({there}), which is what is reckoned with",
        f"write gpus = [{_lines(cards.cards)}] in [backends.{backend.name}]",
    )


def _lines(cards: Iterable[Card]) -> str:
    return ", ".join(f'{{ name = "{card.name}", vram = "{round(card.total / MIB)} MiB" }}' for card in cards)


def _foreign(fleet: Fleet, backend: Backend, machine: GpuReading, server: ServerReading | None) -> Iterator[Finding]:
    """Processes of no model server of the machine."""
    there = (backend, *neighbours(fleet, backend))
    engines = [engine_of(b.engine) for b in there if b.engine is not None] or list(ENGINES.values())
    usable = {card.uuid for card in cards_of(backend, machine, _environment(backend, machine)).cards}
    elsewhere = {gpu.uuid for gpu in machine.gpus} - usable if usable else set()
    foreign = [
        p
        for p in machine.processes
        if p.gpu not in elsewhere
        and (p.used is None or p.used >= NOTICEABLE)
        and not any(e.owns(p, server) for e in engines)
    ]
    if foreign:
        known = sum(p.used or 0 for p in foreign)
        named = ", ".join(
            f"{p.name.rpartition('/')[2] or 'a process without a name'} (pid {p.pid or 'not told'}"
            + (f", {gib(p.used)})" if p.used is not None else ")")
            for p in foreign
        )
        total = sum(gpu.total for gpu in machine.gpus)
        yield _finding(
            backend,
            "capacity.foreign",
            f"on {backend.name} {plural(len(foreign), 'process', 'processes')} beside {_title(backend)} "
            f"{'holds' if len(foreign) == 1 else 'hold'} {gib(known) if known else 'an untold part'} of "
            f"{gib(total)} VRAM: {named}",
            "what is planned is judged as if they were not there: end them, or raise reserve in [policy] by as much",
        )


def _title(backend: Backend) -> str:
    return backend.engine.title if backend.engine else titles()
