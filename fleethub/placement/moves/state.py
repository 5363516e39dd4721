"""A layout under search: what lies where, what is wrong with it, and the way back from each step. Pure."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Iterator

from fleethub.model.placing import Copy, Standing
from fleethub.placement.moves.judged import Grade, Judge
from fleethub.placement.moves.problem import Chain, Layout, Problem


class Candidate:
    """Begins as the spec has it. ``where``: alias -> backends; ``at``: a model by where the spec has it -> where it is
    (None: taken off); ``standing``: what is wrong.
    """

    def __init__(self, problem: Problem, judge: Judge) -> None:
        self.problem, self.judge = problem, judge
        self.layout = dict(problem.layout)
        self.at: dict[Copy, str | None] = {copy: copy.backend for copy in problem.copies}
        self.copy_at = {copy: copy for copy in problem.copies}
        self.where = {model.name: frozenset(model.backends) for model in problem.fleet.models.values()}
        self.moved: set[Copy] = set()
        served = [b.name for b in problem.fleet.backends.values() if b.engine is not None]
        self.first = {name: judge.grade(self.layout, name) for name in served}
        self.grades = dict(self.first)
        self.slack = {name: self._slack(name) for name in served}
        self._tight = sorted((room, name) for name, room in self.slack.items())
        self._roomy = sorted((-room, name) for name, room in self.slack.items())
        self.levels = {chain: self._level(chain) for chain in problem.nodes_of}
        grades, nodes = self.first.values(), problem.nodes_of
        self._counts = [
            len(problem.must),
            0,
            sum(grade.broken for grade in grades),
            sum(len(grade.pushed) for grade in grades),
            sum(len(nodes[chain]) for chain, level in self.levels.items() if level == 2),
            sum(len(nodes[chain]) for chain, level in self.levels.items() if level == 1),
        ]
        self._log: list[tuple[Copy, str | None]] = []

    @property
    def standing(self) -> Standing:
        """What is wrong now."""
        return Standing(*self._counts)

    @property
    def cost(self) -> tuple[Standing, int]:
        """What is wrong, then how many moves it takes: less is better."""
        return self.standing, len(self.moved)

    def copy(self) -> Candidate:
        """Another one as it is now."""
        made = Candidate.__new__(Candidate)
        made.problem, made.judge, made.first = self.problem, self.judge, self.first
        made.layout, made.at, made.copy_at = dict(self.layout), dict(self.at), dict(self.copy_at)
        made.where, made.moved, made.grades = dict(self.where), set(self.moved), dict(self.grades)
        made.slack, made.levels = dict(self.slack), dict(self.levels)
        made._tight, made._roomy = list(self._tight), list(self._roomy)
        made._counts, made._log = list(self._counts), []
        return made

    def put(self, copy: Copy, target: str | None) -> None:
        """Let a model lie on another backend; None: on its other backends alone."""
        self._log.append((copy, self.at[copy]))
        self._put(copy, target)

    def mark(self) -> int:
        """A point to come back to."""
        return len(self._log)

    def back(self, mark: int) -> None:
        """Undo all since then."""
        while len(self._log) > mark:
            self._put(*self._log.pop())

    def movable(self, copy: Copy) -> bool:
        """Whether it may move: not where the sizes or cards of its backend are unknown, unless it is to leave."""
        if copy in self.problem.stays:
            return False
        return copy in self.problem.must or self.first[copy.backend].known

    def targets(self, copy: Copy) -> Iterator[str]:
        """Where it may go from where it is: its own first place too, unless it is to leave that."""
        goes = self._goes(copy)
        yield from (name for name in sorted({*self.problem.reach(copy), copy.backend}) if goes(name))

    def sits(self, backend: str) -> list[Copy]:
        """What may be moved of what lies there now, by name."""
        found = (self.copy_at[Copy(alias, backend)] for alias in sorted(self.layout[backend]))
        return [copy for copy in found if self.movable(copy)]

    def size(self, copy: Copy) -> int:
        """Bytes where it is, or was; 0: not known."""
        return self.judge.load(copy.model, self.at[copy] or copy.backend).upper

    def near(self, *backends: str | None) -> set[str]:
        """Backends with the others on their machines."""
        named = [name for name in backends if name is not None and name in self.grades]
        return {other for name in named for other in (name, *self.problem.beside.get(name, ()))}

    def takes(self, target: str, before: dict[str, Grade]) -> bool:
        """Whether what came to a backend may stay there, and nobody named in ``before`` is worse."""
        grade = self.grades[target]
        if not grade.known or grade.broken:
            return False
        return all(self.grades[name].no_worse(was) for name, was in before.items())

    def _put(self, copy: Copy, target: str | None) -> None:
        source = self.at[copy]
        if source is not None:
            self.layout[source] -= {copy.model}
            self.where[copy.model] -= {source}
            del self.copy_at[Copy(copy.model, source)]
        if target is not None:
            self.layout[target] |= {copy.model}
            self.where[copy.model] |= {target}
            self.copy_at[Copy(copy.model, target)] = copy
        self.at[copy] = target
        for place, sign in ((source, -1), (target, 1)):
            self._counts[0] += sign * (place == copy.backend and copy in self.problem.must)
            self._counts[1] += sign * (place is None)
        (self.moved.discard if target == copy.backend else self.moved.add)(copy)
        for name in self.near(source, target):
            self._grade(name)
        for chain in self.problem.chains_with.get(copy.model, ()):
            was, self.levels[chain] = self.levels[chain], self._level(chain)
            for level, sign in ((was, -1), (self.levels[chain], 1)):
                if level:
                    self._counts[6 - level] += sign * len(self.problem.nodes_of[chain])

    def _grade(self, name: str) -> None:
        was, now = self.grades[name], self.judge.grade(self.layout, name)
        self.grades[name] = now
        self._room(name, self._slack(name))
        self._counts[2] += now.broken - was.broken
        self._counts[3] += len(now.pushed) - len(was.pushed)

    def _room(self, name: str, room: int) -> None:
        if (old := self.slack[name]) != room:
            self.slack[name] = room
            for order, sign in ((self._tight, 1), (self._roomy, -1)):
                del order[bisect_left(order, (sign * old, name))]
                insort(order, (sign * room, name))

    def roomy(self, copy: Copy, need: int | None, tightest: bool) -> Iterator[str]:
        """Where it may go by what is known: those with ``need`` bytes left first, of them the roomiest or the tightest
        first, then by name; None: in that order alone. It looks only at as many as are taken.
        """
        order, cut = self._tight if tightest else self._roomy, 0
        if need is not None:  # what has just enough: of the tightest where they begin, of the roomiest where they end
            cut = bisect_left(order, (need if tightest else 1 - need, ""))
        parts = (order[cut:], order[:cut]) if tightest else (order[:cut], order[cut:])
        goes = self._goes(copy)
        return (name for part in parts for _, name in part if goes(name) and self.grades[name].known)

    def _goes(self, copy: Copy) -> Callable[[str], bool]:
        """Whether a model may go to a backend."""
        problem, there = self.problem, self.where[copy.model]
        reach, first = problem.reach(copy), problem.fleet.models[copy.model].backends
        home = copy.backend if copy not in problem.must else ""
        return lambda name: name not in there and (name == home or (name in reach and name not in first))

    def may_hold(self, copy: Copy, target: str, without: Copy | None = None) -> bool:
        """Whether by its bytes alone a model may stay on a backend, when another one has left it: nobody needs to be
        asked about what may not.
        """
        load, room = self.judge.load(copy.model, target), self.judge.room(target)
        if load.needs is not None or load.remote or room is None:
            return True
        gone = self.judge.load(without.model, target) if without is not None else None
        leave = {load.runner or load.tag, *([gone.runner or gone.tag] if gone is not None else [])}
        primaries = self.judge.primaries(self.layout, target).items()
        return load.upper + sum(bytes_ for runner, bytes_ in primaries if runner not in leave) <= room

    def layout_of(self, backend: str, models: frozenset[str]) -> Layout:
        """What would lie on a backend's machine, were these on it: as much of a layout as is asked about it."""
        return {**{other: self.layout[other] for other in self.near(backend)}, backend: models}

    def spreads(self, copy: Copy, target: str) -> bool:
        """Whether it would leave fewer of its chains on one backend or machine."""
        source, less = self.at[copy], 0
        for chain in self.problem.chains_with.get(copy.model, ()):
            places = (self._places(chain) - self._only_there(chain, copy)) | {target}
            less += (self.levels[chain] - self._level_of(places)) * len(self.problem.nodes_of[chain])
        return less > 0 or (source is not None and bool(self.grades[source].pushed or self.grades[source].broken))

    def _only_there(self, chain: Chain, copy: Copy) -> set[str]:
        """The place that a chain has by this copy alone."""
        place = self.at[copy]
        others = (alias for alias in chain[0] if alias != copy.model)
        if place is None or place in chain[1] or any(place in self.where[alias] for alias in others):
            return set()
        return {place}

    def _slack(self, name: str) -> int:
        """Bytes that are left beside all that is planned; below zero: too much is. Of what is unknown: nothing."""
        verdict = self.judge.verdict(self.layout, name)
        if verdict.total is None or verdict.need is None:
            return 0
        return verdict.total - verdict.reserve - verdict.need

    def _level(self, chain: Chain) -> int:
        """2: all of it lies on one backend, 1: on one machine, 0: on several."""
        return self._level_of(self._places(chain))

    def _places(self, chain: Chain) -> set[str]:
        aliases, asked = chain
        return {*asked, *(name for alias in aliases for name in self.where[alias])}

    def _level_of(self, places: set[str]) -> int:
        if len(places) < 2:
            return 2
        return int(len({self.problem.machine[name] for name in places}) < 2)
