"""``capacity --check``: each model that is planned on a backend is loaded once, and measured.

What is learned is kept where every command's readings keep it (``.fleethub/cache/loads.json``): from then on the
measured size is taken. What was loaded for this is unloaded again; whatever its server ended for it is not there any
more, which is why somebody is asked first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from fleethub.clients.servers import MANAGERS, ModelManager, ServerError
from fleethub.engines.registry import engine_of, lacks
from fleethub.model.capacity import Placed, by_runner
from fleethub.model.dataclass import dataclass
from fleethub.model.exit import Exit
from fleethub.model.facts import Facts
from fleethub.model.measuring import BackendCheck, Checked
from fleethub.model.observation import Source
from fleethub.model.readings.gpu import GpuReading
from fleethub.model.readings.server import MeasuredLoad, Resident, ServerReading
from fleethub.model.serving import Backend, EngineSettings
from fleethub.operations.capacity import Looking, looking
from fleethub.operations.outcome import Outcome
from fleethub.operations.trust import ALONE, Trusting
from fleethub.placement.ask import AskError, backend_of
from fleethub.placement.machines import on_machine
from fleethub.placement.planned import planned_sets
from fleethub.placement.routed import expected
from fleethub.placement.score import buffers, score


@dataclass(frozen=True, slots=True)
class Prepared:
    """``todo``: the loads as they are reckoned without what was measured before, one for each file of weights.

    ``loaded``: what is loaded there now, which may be ended. ``says``: why of others nothing is loaded.
    """

    now: Looking
    backend: Backend
    engine: EngineSettings
    facts: Facts
    todo: tuple[Placed, ...]
    loaded: tuple[Resident, ...]
    says: tuple[str, ...]


@contextmanager
def prepared(path: Path, name: str, trusting: Trusting = ALONE) -> Iterator[Prepared]:
    """What there is to load; loads nothing. Raises SpecError, AskError, and what ``settle`` raises."""
    with looking(path, None, trusting) as now:
        fleet, backend = now.fleet, backend_of(now.fleet, name)
        if backend.engine is None:
            raise AskError(lacks(backend))
        if not engine_of(backend.engine).pulls:
            raise AskError(
                f"a {backend.engine.title} loads what it was started with, and tells no sizes: nothing can be checked "
                f"on {name}; fleethub capacity {name} shows what its cards hold"
            )
        facts = now.read(now.wanted)
        reading = facts.of(backend.engine.source)
        if not isinstance(reading, ServerReading):
            raise AskError(f"{name} ({backend.engine.url}) is not checked: {reading.reason}")  # type: ignore[union-attr]
        plain = replace(facts, loads=())
        server = on_machine(fleet, backend, plain).server
        loads = expected(fleet, backend, server, plain, planned_sets(fleet).get(name, ()))
        canonical = engine_of(backend.engine).canonical
        there = {canonical(tag) for tag in reading.installed}
        todo, says = list[Placed](), list[str]()
        for group in by_runner(loads.values()):
            one = group[0]
            if canonical(one.tag) in there:
                todo.append(one)
            else:
                says.append(f"{one.tag} is not installed on {name}")
        says += [f"{one.tag} is answered by {one.remote}" for one in loads.values() if one.remote]
        yield Prepared(now, backend, backend.engine, facts, tuple(todo), reading.residents, tuple(says))


def run(made: Prepared, tell: Callable[[str], None]) -> Outcome[BackendCheck]:
    """Load and measure, one after the other; 1 where one could not be measured. ``tell`` takes what is being done."""
    loads = []
    for one in made.todo:
        tell(f"{one.tag} with {one.context:,} tokens")
        loads.append(_checked(made, one))
    bad = any(one.measured is None for one in loads)
    return Outcome(BackendCheck(made.backend.name, tuple(loads), score(loads)), Exit.ERROR if bad else Exit.FINE)


def _checked(made: Prepared, load: Placed) -> Checked:
    manager = MANAGERS[made.engine.engine](made.now.http, made.engine.url)
    reckoned, low, high = buffers(load.estimate)
    found = Checked(load.model, load.tag, load.context, reckoned, low, high, total=load.estimate.total)
    before = _read(made, load)
    resident = _resident(made, load, before)
    was = resident is not None and resident.context in (None, load.context)  # older servers tell no context
    other = resident.context if resident is not None and not was else None
    used = _used(made, before)
    try:
        with _unloaded(manager, load.tag, was):
            if resident is None or resident.context != load.context:
                manager.load(load.tag, load.context)
            after = _read(made, load)
    except ServerError as error:
        return replace(found, says=str(error))
    fresh, resident = resident is None, _resident(made, load, after)
    if resident is None:
        return replace(found, says="it was loaded, and is gone again")
    now = _used(made, after)
    grown = now - used if now is not None and used is not None and fresh and not _ended(made, before, after) else None
    found = replace(found, whole=grown, spilled=resident.size - resident.size_vram, was=was)
    if resident.context not in (None, load.context):
        found = replace(found, says=f"its server gave it {resident.context:,} tokens")
    if other is not None:
        said = f"it was loaded with {other:,} tokens, which its server ended for this"
        found = replace(found, says="; ".join(filter(None, (found.says, said))))
    seen = _measured(made, resident, after)
    if seen is not None:
        return replace(found, measured=seen.bytes)
    why = "part of it is on the CPU" if found.spilled else "this version of its server tells its own estimate"
    return replace(found, says="; ".join(filter(None, (found.says, why))))


@contextmanager
def _unloaded(manager: ModelManager, tag: str, was: bool) -> Iterator[None]:
    """However a check ends, what it loaded is unloaded; not what ``was`` loaded before."""
    try:
        yield
    except BaseException:
        if not was:
            with suppress(ServerError):
                manager.unload(tag)
        raise
    if not was:
        manager.unload(tag)


def _read(made: Prepared, load: Placed) -> Facts:
    """The server and its machine as they are now; what is measured there is kept by that."""
    sources = [replace(made.engine.source, ask=(load.tag,))]
    sources += [Source("gpu", made.backend.ssh)] if made.backend.ssh else []
    return made.now.read(sources)


def _server(made: Prepared, facts: Facts) -> ServerReading:
    reading = facts.of(made.engine.source)
    return reading if isinstance(reading, ServerReading) else ServerReading("", {}, ())


def _resident(made: Prepared, load: Placed, facts: Facts) -> Resident | None:
    canonical = engine_of(made.engine).canonical
    return next((r for r in _server(made, facts).residents if canonical(r.tag) == canonical(load.tag)), None)


def _ended(made: Prepared, before: Facts, after: Facts) -> bool:
    """Whether something that was loaded before is gone, so that the cards' growth is not the load's alone."""
    return bool({r.tag for r in _server(made, before).residents} - {r.tag for r in _server(made, after).residents})


def _used(made: Prepared, facts: Facts) -> int | None:
    """Bytes in use on all cards, as the driver counts them; None: not told."""
    machine = facts.of(Source("gpu", made.backend.ssh)) if made.backend.ssh else None
    if not isinstance(machine, GpuReading) or not machine.gpus or any(gpu.used is None for gpu in machine.gpus):
        return None
    return sum(gpu.used or 0 for gpu in machine.gpus)


def _measured(made: Prepared, resident: Resident, facts: Facts) -> MeasuredLoad | None:
    machine = facts.of(Source("gpu", made.backend.ssh)) if made.backend.ssh else None
    every = engine_of(made.engine).measured(made.backend, _server(made, facts), machine, facts.at)
    return next((m for m in every if (m.digest, m.context) == (resident.digest, resident.context)), None)
