"""Can this backend hold that model beside what is planned for it, and what would make it fit? Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from fleethub.engines.interface import KV_TYPE, PARALLEL, Engine
from fleethub.engines.registry import engine_of, lacks, nowhere
from fleethub.model.capacity import (
    AdmissionVerdict,
    Answer,
    Fit,
    Held,
    Rank,
    Suggestion,
    by_runner,
    largest,
)
from fleethub.model.dataclass import dataclass
from fleethub.model.errors import InputError
from fleethub.model.facts import Facts
from fleethub.model.fleet import Fleet
from fleethub.model.observation import Unknown
from fleethub.model.readings.server import Resident, ServerReading
from fleethub.model.serving import Backend, Model
from fleethub.model.text import gib
from fleethub.placement.machines import doubted, on_machine
from fleethub.placement.planned import planned_sets
from fleethub.placement.query import CapacityQuery, limit_of, most
from fleethub.placement.routed import architecture_anywhere, routed
from fleethub.placement.suggestions import suggestions
from fleethub.sizing.architecture import ModelArchitecture, architecture_of_params

#: A place that does not hold a model is named after those that might: best first, certain refusals last.
ORDER = (Fit.FITS, Fit.UNKNOWN, Fit.SPILLS, Fit.EVICTS, Fit.EXCEEDS)

UNKNOWN_BACKEND = "unknown-backend"


class AskError(InputError):
    """The question has no answer as it is put; the message says how to put it. ``code``: ``absent`` where nothing has
    the model's name, UNKNOWN_BACKEND where nothing has the backend's.
    """

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message, code=code)


@dataclass(frozen=True, slots=True)
class Question:
    """``model``: an alias of the spec, an installed tag, or any name with an ``architecture``.

    None means: as it is, for the context the effective one; ``parallel`` and ``kv_type`` are settings of the whole
    server, so another value re-judges every model on it.
    """

    backend: str
    model: str
    context: int | None = None
    parallel: int | None = None
    kv_type: str | None = None
    architecture: ModelArchitecture | None = None


def ask(fleet: Fleet, facts: Facts, question: Question, *, others: bool = True) -> Answer:
    """The whole answer; ``others`` False: no suggestions and no search for a largest context. Raises AskError."""
    query = query_of(fleet, facts, question)
    mine, verdict = query.judge()
    loaded = held(fleet, query.backend, facts)
    loose = tuple(h for h in loaded if h.alias is None and not _same(query.engine, h.tag, query.model))
    beside = None
    if loose:
        more = [query.server.resident(h, facts) for h in loose]
        beside = doubted(query.server.admit((*verdict.placed, *more)), query.doubt)
    answer = Answer(
        question.backend,
        mine,
        verdict,
        doubted(query.server.admit(query.neighbours()), query.doubt),
        beside,
        loaded,
        loose,
        limit=limit_of(query.architecture),
        notes=_notes(question, query),
        unobserved=unobserved(query.backend, facts),
        wired=query.model.name in fleet.models and question.backend in query.model.backends,
    )
    if not others:
        return answer
    largest, rounded, reason = most(query)
    answer = replace(answer, largest=largest, rounded=rounded, largest_reason=reason)
    if verdict.fit is Fit.FITS:
        return answer
    found = () if query.doubt else suggestions(query)
    elsewhere = () if verdict.fit is Fit.UNKNOWN else _elsewhere(fleet, facts, question, mine.context)
    return replace(answer, suggestions=(*found, *elsewhere))


def rank(fleet: Fleet, facts: Facts, question: Question) -> tuple[Rank, ...]:
    """Every backend with a model server as a place for the model, best first. Raises AskError."""
    found = []
    for name, backend in fleet.backends.items():
        if backend.engine is None:
            continue
        answer = ask(fleet, facts, replace(question, backend=name), others=False)
        found.append(Rank(answer, _headroom(answer.verdict), why_not(answer.verdict)))
    if not found:
        raise AskError(nowhere())
    return tuple(sorted(found, key=lambda r: (ORDER.index(r.answer.verdict.fit), -(r.headroom or 0), r.answer.backend)))


def backend_of(fleet: Fleet, name: str) -> Backend:
    """The backend that is named; raises AskError that says which there are."""
    if (found := fleet.backends.get(name)) is None:
        known = ", ".join(sorted(fleet.backends)) or "none"
        raise AskError(f"no backend is called {name!r}; there are: {known}", UNKNOWN_BACKEND)
    return found


def query_of(fleet: Fleet, facts: Facts, question: Question) -> CapacityQuery:
    """Server, model and neighbours of a question; raises AskError for names that lead nowhere."""
    backend = backend_of(fleet, question.backend)
    if backend.engine is None:
        raise AskError(lacks(backend))
    engine = engine_of(backend.engine)
    here = on_machine(fleet, backend, facts)
    server = unasked = here.server
    for name, value in ((PARALLEL, question.parallel), (KV_TYPE, question.kv_type)):
        server = server.with_setting(name, value) if value else server
    planned = planned_sets(fleet).get(backend.name, ())
    model = _model(fleet, facts, engine, question, tuple(p.model for p in planned))
    rest = tuple(
        (fleet.models[p.model], p.primary)
        for p in planned
        if p.model != model.name and not _same(engine, fleet.models[p.model].tag or p.model, model)
    )
    rest += tuple(
        (one.model, False)
        for one in routed(fleet, backend, facts, planned)
        if one.model.name != model.name and not _same(engine, one.model.tag or one.model.name, model)
    )
    architecture = question.architecture or architecture_anywhere(facts, model, backend, engine)
    if architecture is None and engine.quants and model.vram is None and model.params is not None:
        architecture = architecture_of_params(model.params, model.quant or "Q4_K_M")
    asked = question.context
    return CapacityQuery(fleet, facts, backend, engine, server, unasked, model, asked, architecture, rest, here.doubt)


def held(fleet: Fleet, backend: Backend, facts: Facts) -> tuple[Held, ...]:
    """What is loaded there now, each with the planned model that it is."""
    reading = facts.of(backend.engine.source) if backend.engine else None
    if backend.engine is None or not isinstance(reading, ServerReading):
        return ()
    planned, canonical = planned_sets(fleet).get(backend.name, ()), engine_of(backend.engine).canonical
    aliases = {canonical(fleet.models[p.model].tag or p.model): p.model for p in planned}
    return tuple(_held(r, aliases.get(canonical(r.tag))) for r in reading.residents)


def unobserved(backend: Backend, facts: Facts) -> str:
    """Why the server was not read; empty when it was."""
    reading = facts.of(backend.engine.source) if backend.engine else Unknown(lacks(backend), "")
    return reading.reason if isinstance(reading, Unknown) else ""


def why_not(verdict: AdmissionVerdict) -> str:
    """In a few words, why it does not fit; empty when it does."""
    if verdict.fit is Fit.FITS:
        return ""
    broken = next((c for c in verdict.checks if not c.holds), None)
    if verdict.fit is not Fit.UNKNOWN and broken:
        return broken.says
    return verdict.reason or (broken.says if broken else verdict.fit.value)


def _held(resident: Resident, alias: str | None) -> Held:
    return Held(resident.tag, resident.size, resident.size_vram, resident.context, alias, resident.until)


def _same(engine: Engine, tag: str, model: Model) -> bool:
    return engine.canonical(tag) == engine.canonical(model.tag or model.name)


def _model(fleet: Fleet, facts: Facts, engine: Engine, question: Question, planned: Iterable[str]) -> Model:
    name = question.model
    model = fleet.models.get(name)
    if model is None and question.architecture is None:
        # a tag that the plan knows by an alias is that model, with the alias' context
        model = next((fleet.models[a] for a in planned if _same(engine, name, fleet.models[a])), None)
    if model is not None:
        if question.architecture is not None:
            raise AskError(
                f"{name} is in the spec already: leave out --params, --quant and --gguf, or give another name"
            )
        if model.tag is None:
            raise AskError(f"{name} is a cloud model (no backend serves it), so it takes no VRAM here")
        return model
    stranger = Model(name=name, backends=(question.backend,), route="", tag=name, context=0)
    if question.architecture is not None:
        return stranger
    for reading in facts.readings.values():
        for tag in reading.installed if isinstance(reading, ServerReading) else ():
            if _same(engine, tag, stranger):
                return stranger
    raise AskError(
        f"{name} is neither in the spec nor installed on a backend that answers: "
        "say how large it is (--params 32B --quant Q4_K_M), or give its file (--gguf FILE)",
        "absent",
    )


def _elsewhere(fleet: Fleet, facts: Facts, question: Question, asked: int) -> tuple[Suggestion, ...]:
    """The other backends that hold it as it was asked, roomiest first."""
    places = rank(fleet, facts, replace(question, context=question.context or asked, parallel=None, kv_type=None))
    return tuple(
        Suggestion(
            (("backend", place.answer.backend),),
            f"on {place.answer.backend}" + (f", {gib(place.headroom)} stay free" if place.headroom is not None else ""),
            place.answer.verdict,
            "" if not place.answer.unobserved else "not observed",
        )
        for place in places
        if place.answer.verdict.fit is Fit.FITS and place.answer.backend != question.backend
    )


def _headroom(verdict: AdmissionVerdict) -> int | None:
    """What stays free beside the primaries and the reserve; fallbacks come and go."""
    first = [p for p in map(largest, by_runner(verdict.placed)) if p.primary]
    if verdict.total is None or any(p.estimate.total is None for p in first):
        return None
    if any(p.needs is not None for p in first):  # one process takes what it takes, whatever of it is planned
        return None if verdict.need is None else verdict.total - verdict.reserve - verdict.need
    return verdict.total - verdict.reserve - sum(p.upper for p in first)


def _notes(question: Question, query: CapacityQuery) -> tuple[str, ...]:
    found = []
    if query.server != query.unasked:
        found.append("parallel slots and KV type are settings of the whole server: every model was judged with them")
    if question.context is not None and query.mine().context < question.context:
        found.append(f"the model's own limit is below the context that was asked for ({question.context:,})")
    return tuple(found)
