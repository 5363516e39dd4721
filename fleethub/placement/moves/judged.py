"""What the engines' own admission says of a layout, backend by backend; each question is put once. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from fleethub.model.capacity import AdmissionVerdict, Fit, Placed, PlannedModel, by_runner, largest, sharing
from fleethub.model.dataclass import dataclass
from fleethub.model.fleet import Fleet
from fleethub.model.serving import Model
from fleethub.placement.assess import asked_directly
from fleethub.placement.machines import OnMachine, doubted, on_machine
from fleethub.placement.moves.problem import Layout, Problem
from fleethub.placement.planned import PlannedSet, planned_on
from fleethub.placement.routed import Reached, expected, reached_by, sized


@dataclass(frozen=True, slots=True)
class Grade:
    """A verdict in what counts here. ``known``: all sizes and cards are. ``broken``: not all primaries stay.
    ``pushed``: fallbacks that do not stay beside them.
    """

    known: bool
    broken: bool
    pushed: frozenset[str]

    def no_worse(self, before: Grade) -> bool:
        """Whether a backend is no worse by it; one that is mended may have fallbacks that do not stay."""
        mended = before.broken and not self.broken
        known, held = self.known or not before.known, before.broken or not self.broken
        return known and held and (mended or self.pushed <= before.pushed)


def grade_of(verdict: AdmissionVerdict) -> Grade:
    """What counts of a verdict."""
    fallbacks = {name for name, _ in verdict.fallbacks}
    failed = [c.model for c in verdict.checks if not c.holds]
    pushed = {name for name, fit in verdict.fallbacks if fit not in (Fit.FITS, Fit.UNKNOWN)}
    unsized = any(p.estimate.total is None and p.needs is None for p in verdict.placed)
    unknown = verdict.fit is Fit.UNKNOWN or any(fit is Fit.UNKNOWN for _, fit in verdict.fallbacks)
    unknown = unknown or bool(verdict.reason)  # which a fallback that is too large does not answer
    pushed |= {model for model in failed if model in fallbacks}
    return Grade(
        known=not unknown and not unsized,
        broken=any(model not in fallbacks for model in failed),
        pushed=frozenset(name for model in pushed for name in sharing(verdict.placed, model)),
    )


@dataclass(frozen=True, slots=True)
class _Answer:
    """What was said of one backend. ``primaries``: process -> the bytes that its primaries take at most, once."""

    verdict: AdmissionVerdict
    grade: Grade
    primaries: Mapping[str, int]


class Judge:
    """Asks the engine of each backend, and remembers what it said."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self._answers: dict[tuple[frozenset[str], ...], dict[str, _Answer]] = {}
        self._servers: dict[str, OnMachine] = {}
        self._reached: dict[str, Reached] = {}
        self._asked: dict[str, list[str]] = {}
        self._loads: dict[tuple[str, str], Placed] = {}
        for backend, alias in problem.roles.direct:
            self._asked.setdefault(backend, []).append(alias)

    def verdict(self, layout: Layout, backend: str) -> AdmissionVerdict:
        """On what is planned there; ValueError for a backend without a model server."""
        return self._answer(layout, backend).verdict

    def grade(self, layout: Layout, backend: str) -> Grade:
        """The same in what counts."""
        return self._answer(layout, backend).grade

    def primaries(self, layout: Layout, backend: str) -> Mapping[str, int]:
        """Bytes that its primaries take at most, by the process that they share."""
        return self._answer(layout, backend).primaries

    def load(self, alias: str, backend: str) -> Placed:
        """A model as a primary on a backend that nothing else of its machine takes of."""
        key = (alias, backend)
        if key not in self._loads:
            problem, server = self.problem, self._alone(backend).server
            model, one = problem.fleet.models[alias], problem.fleet.backends[backend]
            self._loads[key] = sized(model, one, server, problem.facts, primary=True)
        return self._loads[key]

    def room(self, backend: str) -> int | None:
        """Bytes that its loads may take in all, without the reserve, when it has its machine alone; None: unknown."""
        server = self._alone(backend).server
        return None if server.total is None else server.total - server.reserve * len(server.gpus)

    def _answer(self, layout: Layout, backend: str) -> _Answer:
        key = (layout[backend], *(layout[other] for other in self.problem.beside.get(backend, ())))
        known = self._answers.setdefault(key, {})
        if backend not in known:
            verdict = self._verdict(layout, backend)
            groups = by_runner(p for p in verdict.placed if p.primary)
            sums = {group[0].runner or group[0].tag: largest(group).upper for group in groups}
            known[backend] = _Answer(verdict, grade_of(verdict), sums)
        return known[backend]

    def _alone(self, name: str) -> OnMachine:
        if name not in self._servers:
            fleet = self.problem.fleet
            backend = fleet.backends[name]
            self._servers[name] = on_machine(replace(fleet, backends={name: backend}), backend, self.problem.facts, {})
        return self._servers[name]

    def _verdict(self, layout: Layout, name: str) -> AdmissionVerdict:
        problem, beside = self.problem, self.problem.beside.get(name, ())
        fleet, facts, backend = problem.fleet, problem.facts, problem.fleet.backends[name]
        proxy = backend.proxy or ""
        if proxy not in self._reached:
            self._reached[proxy] = reached_by(fleet, backend, facts)
        reached = self._reached[proxy]
        if reached or beside:  # what a proxy falls back to there is told by where models lie
            fleet = self._moved(layout, (name, *beside))
        here = self._alone(name)
        if beside:
            sets = {b: self._planned(layout, b) for b in (name, *beside)}
            group = {b: fleet.backends[b] for b in (name, *beside)}
            here = on_machine(replace(fleet, backends=group), backend, facts, sets)
        known = None if beside else (lambda p: self._as(p, name))
        loads = expected(fleet, backend, here.server, facts, self._planned(layout, name), reached, known)
        loads |= asked_directly(fleet, backend, here.server, facts, loads, self._asked.get(name, ()))
        return doubted(here.server.admit(list(loads.values())), here.doubt)

    def _as(self, planned: PlannedModel, backend: str) -> Placed:
        """A load that was made before, as a primary or as a fallback."""
        found = self.load(planned.model, backend)
        return found if planned.primary else replace(found, primary=False)

    def _planned(self, layout: Layout, backend: str) -> PlannedSet:
        return planned_on(self.problem.fleet, self.problem.roles, backend, layout[backend])

    def _moved(self, layout: Layout, backends: Iterable[str]) -> Fleet:
        """The fleet with the models of these backends where the layout has them."""
        fleet, changed = self.problem.fleet, dict[str, Model]()
        for name in backends:
            for alias in layout[name] ^ self.problem.layout[name]:
                model = changed.get(alias, fleet.models[alias])
                others = tuple(b for b in model.backends if b != name)
                changed[alias] = replace(model, backends=(*others, name) if alias in layout[name] else others)
        return replace(fleet, models={**fleet.models, **changed}) if changed else fleet
