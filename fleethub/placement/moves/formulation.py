"""A fleet as an integer program: one variable for each model in each place, and rows of what must hold.

No row says more than what holds of every layout that admission takes: so what is proved of the program is proved.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from fleethub.model.placing import Copy
from fleethub.placement.moves.bound import weights
from fleethub.placement.moves.problem import Chain
from fleethub.placement.moves.program import Constraint, Program
from fleethub.placement.moves.state import Candidate

#: Variables at most; a larger fleet is not asked about as a whole.
LARGEST = 2000
MIB = 1 << 20

#: A model and where it may lie; None: it is taken off.
Place = tuple[Copy, str | None]


class TooLarge(Exception):
    """More places than are asked about."""


class Formulation:
    """``x``: variable of each place, ``of``: those of a model, ``there``: those of a backend. ``stuck``: backend whose
    primaries may stay as they are, ``pushed``: a fallback that may stay so. ``alone``, ``housed``: chains on one
    backend, on one machine. ``fixed``: models that do not move.
    """

    def __init__(self, first: Candidate) -> None:
        self.first, self.problem, self.program = first, first.problem, Program()
        self.x: dict[Place, int] = {}
        self.of: dict[Copy, list[tuple[str, int]]] = {}
        self.stuck: dict[str, int] = {}
        self.pushed: dict[Copy, int] = {}
        self.alone: dict[Chain, int] = {}
        self.housed: dict[Chain, int] = {}
        self.there: dict[str, list[tuple[Copy, int]]] = {}
        self.fixed: dict[str, set[str]] = {name: set() for name in first.layout}

    def state(self, values: Sequence[int]) -> Candidate:
        """The layout that a solution means."""
        made = self.first.copy()
        for (copy, place), name in self.x.items():
            if values[name] and place != copy.backend:
                made.put(copy, place)
        return made

    def costs(self) -> list[tuple[int, Mapping[int, float]]]:
        """Each part of what is wrong, and the moves: what of it no solution changes, and the variables' share."""
        standing, must, weight = self.first.standing, self.problem.must, self.problem.nodes_of
        leaving = {self.x[copy, copy.backend]: 1.0 for copy in must if (copy, copy.backend) in self.x}
        dropped = {name: 1.0 for (_, place), name in self.x.items() if place is None}
        stuck = dict.fromkeys(self.stuck.values(), 1.0)
        pushed = dict.fromkeys(self.pushed.values(), 1.0)
        alone = {name: float(len(weight[chain])) for chain, name in self.alone.items()}
        housed = {name: float(len(weight[chain])) for chain, name in self.housed.items()}
        housed |= {name: -float(len(weight[chain])) for chain, name in self.alone.items()}
        moves = {name: 1.0 for (copy, place), name in self.x.items() if place != copy.backend}
        grades = self.first.first
        lost = sum(len(g.pushed) for g in grades.values()) - sum(c in self.pushed for c in self._pushed())
        levels = [(c, level) for c, level in self.first.levels.items() if level and c not in self.housed]
        return [
            (len(must) - len(leaving), leaving),
            (0, dropped),
            (standing.broken - sum(grades[name].broken for name in self.stuck), stuck),
            (lost, pushed),
            (sum(len(weight[chain]) for chain, level in levels if level == 2), alone),
            (sum(len(weight[chain]) for chain, level in levels if level == 1), housed),
            (0, moves),
        ]

    def _pushed(self) -> Iterator[Copy]:
        for name, grade in self.first.first.items():
            yield from (Copy(alias, name) for alias in grade.pushed)


def formulated(first: Candidate) -> Formulation:
    """The program of a fleet as it is. Raises NoSolver, TooLarge."""
    form = Formulation(first)
    _places(form)
    for name in sorted(first.first):
        _bytes(form, name)
    for chain in sorted(first.problem.nodes_of):
        _apart(form, chain)
    return form


def _places(form: Formulation) -> None:
    first, problem = form.first, form.problem
    found: dict[Copy, list[str | None]] = {}
    count = 0
    for copy in sorted(problem.copies):
        places = found[copy] = [copy.backend]
        if first.movable(copy):
            places += (name for name in first.targets(copy) if _may_hold(first, copy, name))
            if copy in problem.must and len(problem.fleet.models[copy.model].backends) > 1:
                places.append(None)
        count += len(places) if len(places) > 1 else 0
        if count > LARGEST:
            raise TooLarge
    for copy, places in found.items():
        if len(places) == 1:
            form.fixed[copy.backend].add(copy.model)
            continue
        for place in places:
            name = form.x[copy, place] = form.program.variable()
            if place is not None:
                form.of.setdefault(copy, []).append((place, name))
                form.there.setdefault(place, []).append((copy, name))
        form.program.add(Constraint({form.x[copy, place]: 1.0 for place in places}, 1.0, 1.0))
    for model in problem.fleet.models.values():
        off = [form.x[one, None] for one in _copies(form, model.name) if (one, None) in form.x]
        if len(off) == len(model.backends) > 1:  # it stays somewhere
            form.program.add(Constraint(dict.fromkeys(off, 1.0), most=len(off) - 1.0))
    for entries in form.there.values():
        by_alias: dict[str, list[int]] = {}
        for copy, name in entries:
            by_alias.setdefault(copy.model, []).append(name)
        for names in by_alias.values():
            if len(names) > 1:
                form.program.add(Constraint(dict.fromkeys(names, 1.0), most=1.0))


def _may_hold(first: Candidate, copy: Copy, name: str) -> bool:
    """Whether a backend may be asked to take a model: its sizes and cards are known, and it holds it alone."""
    if not first.first[name].known:
        return False
    load, room = first.judge.load(copy.model, name), first.judge.room(name)
    if load.needs is not None or load.remote:
        return True
    return load.estimate.total is not None and room is not None and load.upper <= room


def _bytes(form: Formulation, backend: str) -> None:
    """Sums of bytes: the primaries, and each fallback beside them."""
    first, program = form.first, form.program
    grade, room, roles = first.first[backend], first.judge.room(backend), first.problem.roles
    entries, fixed = form.there.get(backend, []), form.fixed[backend]
    if grade.broken and grade.known:
        form.stuck[backend] = program.variable()
        for copy, name in entries:
            if copy.backend != backend:  # nothing comes to where not all stay
                program.add(Constraint({name: 1.0, form.stuck[backend]: 1.0}, most=1.0))
    sizes = {
        c.model: size / MIB for c, size in weights(first, backend, {*fixed, *(c.model for c, _ in entries)}).items()
    }
    primary = {alias: roles.of(backend, alias) for alias in sizes}
    for alias in sorted(first.problem.layout[backend]):
        if primary[alias] is False and (alias in grade.pushed or grade.broken) and grade.known:
            form.pushed[Copy(alias, backend)] = program.variable()
    if room is None or not grade.known:
        return
    left = room / MIB - sum(sizes[alias] for alias in fixed if primary[alias])
    sums = {name: sizes[copy.model] for copy, name in entries if primary[copy.model] and sizes[copy.model]}
    most = sum(sums.values())
    over = {form.stuck[backend]: -max(most - left, 0.0)} if backend in form.stuck else {}
    if most > left:
        program.add(Constraint({**sums, **over}, most=left))
    spare: list[tuple[str, Copy, int | None]] = [(c.model, c, n) for c, n in entries if primary[c.model] is False]
    spare += [(alias, Copy(alias, backend), None) for alias in sorted(fixed)]
    for alias, copy, variable in spare:
        size = sizes[alias]
        if primary[alias] is not False or not size or most + size <= left:
            continue
        row = {**sums, **({variable: size} if variable is not None else {}), **over}
        if backend in form.stuck:
            row[form.stuck[backend]] = -max(most + size - left, 0.0)
        if copy.backend == backend and (copy in form.pushed):
            row[form.pushed[copy]] = -size
        program.add(Constraint(row, most=left - (0.0 if variable is not None else size)))


def _apart(form: Formulation, chain: Chain) -> None:
    """Where all models of a chain lie on one backend, or one machine, its variables are one."""
    problem = form.problem
    places: list[tuple[str, int | None]] = [(name, None) for name in chain[1]]
    options: list[set[str]] = [{name} for name in chain[1]]
    for copy in (c for alias in chain[0] for c in _copies(form, alias)):
        mine: list[tuple[str, int | None]] = [*form.of.get(copy, ())] or [(copy.backend, None)]
        places += mine
        if (copy, None) not in form.x:
            options.append({place for place, _ in mine})
    if all(variable is None for _, variable in places):
        return
    form.alone[chain], form.housed[chain] = form.program.variable(), form.program.variable()
    form.program.add(Constraint({form.alone[chain]: 1.0, form.housed[chain]: -1.0}, most=0.0))
    for variable, group in (
        (form.alone[chain], {n: n for n in problem.layout}),
        (form.housed[chain], problem.machine),
    ):
        common = set.intersection(*({group[place] for place in one} for one in options)) if options else set()
        for one in sorted(common):
            elsewhere = [name for place, name in places if group[place] != one]
            if None in elsewhere:
                continue
            form.program.add(Constraint({variable: 1.0, **{n: 1.0 for n in elsewhere if n is not None}}, least=1.0))


def _copies(form: Formulation, alias: str) -> list[Copy]:
    return [Copy(alias, backend) for backend in form.problem.fleet.models[alias].backends]
