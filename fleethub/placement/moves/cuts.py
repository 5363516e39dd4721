"""What admission says against a solution: the few models that do not go together where the program put them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from fleethub.model.dataclass import dataclass
from fleethub.model.placing import Copy
from fleethub.placement.moves.formulation import Formulation
from fleethub.placement.moves.judged import Grade
from fleethub.placement.moves.problem import Layout
from fleethub.placement.moves.state import Candidate

Bad = Callable[[Grade], bool]


@dataclass(frozen=True, slots=True)
class Cut:
    """Not all of these variables together; ``unless`` this one is set."""

    together: tuple[int, ...]
    unless: int | None = None


def cuts(form: Formulation, state: Candidate, values: Sequence[int]) -> Iterator[Cut]:
    """One for each thing that admission refuses; none: it takes the layout, and no more is wrong than that says."""
    touched = {place for copy in state.moved for place in (copy.backend, state.at[copy]) if place is not None}
    seen = set[Cut]()
    wrong = {*form.stuck, *(copy.backend for copy in form.pushed)}
    for name in sorted(state.near(*touched) | wrong):
        grade = state.grades[name]
        stuck = form.stuck.get(name)
        let = stuck is not None and bool(values[stuck])
        refused: list[tuple[Bad, int | None]] = []
        if not grade.known and form.first.first[name].known:
            refused.append((lambda g: not g.known, None))
        elif grade.broken and not let and form.first.first[name].known:
            refused.append((lambda g: g.broken, stuck))
        elif grade.known and not let:
            for alias in sorted(grade.pushed):
                unless = form.pushed.get(Copy(alias, name))
                if unless is None or not values[unless]:
                    refused.append((_pushes(alias), unless))
        for bad, unless in refused:
            for cut in _everywhere(form, state, name, bad, unless):
                if cut not in seen:
                    seen.add(cut)
                    yield cut


def _pushes(alias: str) -> Bad:
    return lambda grade: alias in grade.pushed


def _everywhere(form: Formulation, state: Candidate, name: str, bad: Bad, unless: int | None) -> Iterator[Cut]:
    """The cut, and the same for each other backend on which the same models do not go together either."""
    placed = _smallest(form, state, name, bad)
    yield Cut(tuple(sorted(form.x[one] for one in placed)), unless)
    copies = [copy for copy, _ in placed]
    if form.problem.beside.get(name) or not copies:
        return
    for other in sorted(form.there):
        found = [form.x.get((copy, other)) for copy in copies]
        if other == name or form.problem.beside.get(other) or other in form.stuck or None in found:
            continue
        if bad(form.first.judge.grade(_only(form, [(copy, other) for copy in copies], (other,)), other)):
            names = tuple(sorted(one for one in found if one is not None))
            pushed = [form.pushed[c] for c in form.pushed if c.backend == other]
            if not pushed:
                yield Cut(names)


def _smallest(form: Formulation, state: Candidate, name: str, bad: Bad) -> list[tuple[Copy, str]]:
    """Of what lies there, and beside it on the machine, a part that is refused by itself, and no part of which is."""
    machine = (name, *form.problem.beside.get(name, ()))
    placed = [
        (copy, where)
        for where in machine
        for alias in sorted(state.layout[where])
        if (copy := state.copy_at[Copy(alias, where)], where) in form.x
    ]
    for one in list(placed):
        fewer = [other for other in placed if other != one]
        if bad(form.first.judge.grade(_only(form, fewer, machine), name)):
            placed = fewer
    return placed


def _only(form: Formulation, placed: Iterable[tuple[Copy, str]], machine: Iterable[str]) -> Layout:
    """The layout in which on a machine only these lie, and what never moves."""
    layout: Layout = dict(form.problem.layout)
    for name in machine:
        layout[name] = frozenset(form.fixed[name])
    for copy, name in placed:
        layout[name] |= {copy.model}
    return layout
