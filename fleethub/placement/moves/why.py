"""Why each model moves, and why what is left is left: in words. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain as chained
from itertools import islice

from fleethub.engines.registry import engine_of
from fleethub.model.capacity import AdmissionVerdict
from fleethub.model.placing import Copy, Move, Unmoved
from fleethub.model.text import gib, plural
from fleethub.placement.moves.judged import grade_of
from fleethub.placement.moves.state import Candidate

#: How many backends with the most room are asked where a model lacks least.
NEAREST = 16


def moves_of(state: Candidate) -> tuple[Move, ...]:
    """The moves of a state, by where they are from."""
    return tuple(_move(state, copy) for copy in sorted(state.moved, key=lambda c: (c.backend, c.model)))


def _move(state: Candidate, copy: Copy) -> Move:
    problem, target = state.problem, state.at[copy]
    model, role = problem.fleet.models[copy.model], problem.roles.of(copy.backend, copy.model)
    engine = problem.fleet.backends[copy.backend].engine
    load = state.judge.load(copy.model, target) if target is not None else None
    absent = target is not None and problem.installed(model, problem.fleet.backends[target]) is False
    return Move(
        copy.model,
        copy.backend,
        target,
        "unused" if role is None else "primary" if role else "fallback",
        _why(state, copy),
        load.upper if load is not None and role is not None else None,
        model.owner,
        absent,
        model.pull and engine is not None and engine_of(engine).pulls,
    )


def _why(state: Candidate, copy: Copy) -> str:
    problem, name = state.problem, copy.backend
    before, after = state.first.get(name), state.grades.get(name)
    if (why := problem.must.get(copy)) is not None:
        return why
    if before is not None and after is not None and before.broken and not after.broken:
        return f"the primaries of {name} do not all stay: {_failing(state.judge.verdict(problem.layout, name))}"
    if before is not None and after is not None and (gone := before.pushed - after.pushed):
        verdict = state.judge.verdict(problem.layout, name)
        said = next((c.says for c in verdict.checks if not c.holds and c.model in gone), "")
        return f"{', '.join(sorted(gone))} as a fallback does not stay beside the others: {said}".rstrip(": ")
    for chain in problem.chains_with.get(copy.model, ()):
        places = {*chain[1], *(b for alias in chain[0] for b in problem.fleet.models[alias].backends)}
        if len({problem.machine[b] for b in places}) < 2 and state.levels[chain] < 2:
            nodes = problem.nodes_of[chain]
            whose = nodes[0] if len(nodes) == 1 else f"{nodes[0]} and {plural(len(nodes) - 1, 'more node')}"
            where = name if len(places) < 2 else f"the machine of {name}"
            return f"all models of {whose} lie on {where}"
    came = sorted(c.model for c in state.moved if state.at[c] == name)
    return f"it makes room on {name} for {', '.join(came)}"


def _failing(verdict: AdmissionVerdict) -> str:
    fallbacks = {name for name, _ in verdict.fallbacks}
    failed = [c for c in verdict.checks if not c.holds and c.model not in fallbacks]
    return failed[0].says if failed else ""


def left_alone(state: Candidate) -> tuple[Unmoved, ...]:
    """What is wrong and stays so, then what could not be judged."""
    return (*_lacking(state), *_unknown(state))


def _lacking(state: Candidate) -> Iterator[Unmoved]:
    problem = state.problem
    for copy in sorted(problem.must):
        if state.at[copy] == copy.backend:
            why = problem.stays.get(copy)
            missing, says = (None, why) if why else _nowhere(state, copy)
            yield Unmoved(copy.backend, copy.model, f"{problem.must[copy]}, and {says}", True, missing)
    for name in sorted(state.grades):
        grade = state.grades[name]
        if grade.broken:
            yield _stuck(state, name)
        for alias in sorted(grade.pushed if not grade.broken else ()):
            verdict = state.judge.verdict(state.layout, name)
            said = next(
                (c.says for c in verdict.checks if not c.holds and c.model == alias), "it does not fit beside them"
            )
            yield Unmoved(name, alias, f"as a fallback it does not stay beside the primaries: {said}")
    for chain in sorted(state.levels):
        if state.levels[chain]:
            nodes = problem.nodes_of[chain]
            where = sorted({*chain[1], *(b for alias in chain[0] for b in state.where[alias])})
            whose = nodes[0] if len(nodes) == 1 else f"{nodes[0]} and {plural(len(nodes) - 1, 'more node')}"
            place = "it" if state.levels[chain] == 2 else f"one machine ({', '.join(where)})"
            yield Unmoved(where[0], "", f"all models of {whose} lie on {place}, and none of them finds another place")


def _stuck(state: Candidate, name: str) -> Unmoved:
    """A backend whose primaries do not all stay, with what would help."""
    failing = _failing(state.judge.verdict(state.layout, name))
    grade, sits = state.grades[name], state.sits(name)
    primaries = [c for c in sits if state.problem.roles.of(c.backend, c.model)]
    if not grade.known:
        reason = state.judge.verdict(state.layout, name).reason
        return Unmoved(name, "", f"{failing}; it is left as it is, for not all of it is known: {reason}", True)
    if not primaries:
        return Unmoved(name, "", f"{failing}; and none of its primaries may move", True)
    wanting = [(missing, says, copy) for copy in primaries for missing, says in (_nowhere(state, copy),)]
    told = [one for one in wanting if one[0] is not None] or wanting
    missing, says, copy = min(told, key=lambda one: (one[0] or 0, one[2]))
    return Unmoved(name, copy.model, f"{failing}; {copy.model} would have to go, and {says}", True, missing)


def _nowhere(state: Candidate, copy: Copy) -> tuple[int | None, str]:
    """How many bytes a model lacks where it lacks least (None: not known), and that in words."""
    best, why = list[tuple[int, str]](), ""
    known = islice(state.roomy(copy, None, tightest=False), NEAREST)
    doubtful = (name for name in state.targets(copy) if not state.grades[name].known)
    for target in islice(chained(known, doubtful), NEAREST):
        layout = state.layout_of(target, state.layout[target] | {copy.model})
        verdict = state.judge.verdict(layout, target)
        if not grade_of(verdict).known:
            why = why or f"whether it fits on {target} is not known ({verdict.reason})"
        elif verdict.need is not None and verdict.total is not None:
            best.append((max(verdict.need + verdict.reserve - verdict.total, 0), target))
    kind = _kind(state, copy)
    if not best:
        return None, why or f"there is no other {kind} that may take it"
    missing, target = min(best)
    need = gib(state.judge.load(copy.model, target).upper)
    if not missing:
        verdict = state.judge.verdict(state.layout_of(target, state.layout[target] | {copy.model}), target)
        said = next((c.says for c in verdict.checks if not c.holds), "nothing is gained by it")
        return 0, f"the nearest place is {target}: {said}"
    return missing, f"{gib(missing)} are missing on {target}, where fewest are: it needs {need} free on any {kind}"


def _kind(state: Candidate, copy: Copy) -> str:
    backend = state.problem.fleet.backends[copy.backend]
    title = backend.engine.title if backend.engine else ""
    model = state.problem.fleet.models[copy.model]
    named = f" named by its place_on ({', '.join(model.place_on)})" if model.place_on else ""
    return f"backend with {title}" + (f" behind {backend.proxy}" if backend.proxy else "") + named


def _unknown(state: Candidate) -> Iterator[Unmoved]:
    for name in sorted(state.first):
        verdict = state.judge.verdict(state.layout, name)
        if not state.first[name].known and not state.grades[name].broken and verdict.placed:
            yield Unmoved(name, "", f"it is left as it is, for not all of it is known: {verdict.reason}")
