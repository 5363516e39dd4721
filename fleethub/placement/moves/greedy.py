"""Moves found one after the other: what is to leave, then what does not stay, then chains that lie together. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice

from fleethub.model.capacity import by_runner
from fleethub.model.placing import Copy, Standing
from fleethub.placement.moves.state import Candidate

#: How many backends are asked about for one move; of a fleet with more the most promising.
TRIES = 24
#: How many of them for a model that makes room for another.
ROOM_TRIES = 8
#: And how often in all that is tried in one search: of a large fleet in which much is wrong only the first.
ROOMS = 200


class Greedy:
    """Makes a state better, and never worse. ``tightest``: of the backends with room the fullest first, which leaves
    large gaps for large models; else the roomiest.
    """

    def __init__(self, state: Candidate, tightest: bool) -> None:
        self.state, self.tightest, self.rooms = state, tightest, ROOMS

    def run(self) -> None:
        """Until nothing is found any more; then what was not needed for it goes back."""
        state = self.state
        while True:
            before = state.standing
            self._leave()
            self._mend()
            self._unpush()
            self._spread()
            if not state.standing < before:
                break
        self._undo()

    def _better(self, step: Callable[..., bool], what: Copy | str, **how: bool) -> bool:
        """Keep what a step does if less is wrong after it."""
        before, mark = self.state.standing, self.state.mark()
        if step(what, **how) and self.state.standing < before:
            return True
        self.state.back(mark)
        return False

    def _leave(self) -> None:
        state = self.state
        waiting = [c for c in state.problem.must if state.at[c] == c.backend and state.movable(c)]
        for copy in sorted(waiting, key=lambda c: (-state.size(c), c)):
            if not self._better(self._relocate, copy) and state.where[copy.model] != {copy.backend}:
                self._better(self._off, copy)

    def _off(self, copy: Copy) -> bool:
        self.state.put(copy, None)
        return True

    def _mend(self) -> None:
        for name in sorted(n for n, grade in self.state.grades.items() if grade.broken and grade.known):
            self._better(self._mended, name)

    def _mended(self, backend: str) -> bool:
        """Move primaries away until the others stay: the smallest that is enough, or the largest there is."""
        state = self.state
        while state.grades[backend].broken:
            sits = [c for c in state.sits(backend) if state.problem.roles.of(c.backend, c.model)]
            sits.sort(key=lambda c: (state.size(c), c))
            enough = [c for c in sits if self._would_mend(c, backend)]
            rest = [c for c in reversed(sits) if c not in enough]
            enough.sort(key=self._after)
            if not any(self._relocate(c, room=True) for c in (*enough, *rest)):
                return False
        return True

    def _after(self, copy: Copy) -> Standing:
        """What would be wrong with it elsewhere."""
        mark = self.state.mark()
        self._relocate(copy)
        found = self.state.standing
        self.state.back(mark)
        return found

    def _would_mend(self, copy: Copy, backend: str) -> bool:
        if self._too_much(copy, backend):
            return False
        layout = self.state.layout_of(backend, self.state.layout[backend] - {copy.model})
        return not self.state.judge.grade(layout, backend).broken

    def _too_much(self, copy: Copy, backend: str) -> bool:
        """Whether the others are too much by their bytes alone; what shares a process takes its bytes once."""
        judge, room = self.state.judge, self.state.judge.room(backend)
        placed = judge.verdict(self.state.layout, backend).placed
        others = by_runner(p for p in placed if p.primary and p.model != copy.model and p.needs is None)
        return room is not None and sum(min(p.upper for p in group) for group in others) > room

    def _unpush(self) -> None:
        state = self.state
        for name in sorted(n for n, grade in state.grades.items() if grade.pushed and grade.known):
            for alias in sorted(state.grades[name].pushed):
                fallback = state.copy_at.get(Copy(alias, name))
                if fallback is not None and state.movable(fallback):
                    self._better(self._relocate, fallback)
            if state.grades[name].pushed:
                for copy in sorted(state.sits(name), key=lambda c: (state.size(c), c)):
                    self._better(self._relocate, copy, better=True)

    def _spread(self) -> None:
        state = self.state
        for chain in sorted(c for c, level in state.levels.items() if level):
            copies = self._of(chain[0])
            primary = {c: bool(state.problem.roles.of(c.backend, c.model)) for c in copies}
            for copy in sorted(copies, key=lambda c: (primary[c], state.size(c), c)):
                if state.levels[chain] and state.movable(copy):
                    self._better(self._relocate, copy, better=True)

    def _of(self, aliases: Iterable[str]) -> list[Copy]:
        return [self.state.copy_at[Copy(alias, name)] for alias in aliases for name in self.state.where[alias]]

    def _relocate(self, copy: Copy, *, better: bool = False, room: bool = False, tries: int = TRIES) -> bool:
        """Put a model where it may stay. ``better``: only where less is wrong then. ``room``: also where another model
        makes room for it.
        """
        state, source = self.state, self.state.at[copy]
        before, found = state.standing, self._ranked(copy)
        primary = bool(state.problem.roles.of(copy.backend, copy.model))
        for target in found[:tries]:
            if (better and not state.spreads(copy, target)) or (primary and not state.may_hold(copy, target)):
                continue
            near = {name: state.grades[name] for name in state.near(source, target)}
            mark = state.mark()
            state.put(copy, target)
            if state.takes(target, near) and (not better or state.standing < before):
                return True
            state.back(mark)
        return room and any(self._made_room(copy, target) for target in found[:ROOM_TRIES])

    def _made_room(self, copy: Copy, target: str) -> bool:
        """Whether one model of a backend can go elsewhere so that this one may stay there; then it is done."""
        state, source = self.state, self.state.at[copy]
        primary = bool(state.problem.roles.of(copy.backend, copy.model))
        for other in sorted(state.sits(target), key=lambda c: (state.size(c), c)):
            if not self.rooms:
                return False
            self.rooms -= 1
            if primary and not state.may_hold(copy, target, other):
                continue
            mark = state.mark()
            near = {name: state.grades[name] for name in state.near(source, target)}
            state.put(copy, target)
            if self._relocate(other, tries=ROOM_TRIES) and state.takes(target, near):
                return True
            state.back(mark)
        return False

    def _ranked(self, copy: Copy) -> list[str]:
        """Where it may go, the most promising first; of a large fleet those alone."""
        state = self.state
        size = state.size(copy)
        need = size + size // 4  # a server may want more than the bytes to be free
        names = list(islice(state.roomy(copy, need, self.tightest), 3 * TRIES))
        others = self._others(copy)
        machines = {state.problem.machine[name] for name in others}

        def together(name: str) -> tuple[bool, bool]:
            return name in others, state.problem.machine[name] in machines

        model = state.problem.fleet.models[copy.model]
        absent = {n: state.problem.installed(model, state.problem.fleet.backends[n]) is False for n in names}
        order = {name: at for at, name in enumerate(names)}
        return sorted(absent, key=lambda n: (state.slack[n] < need, *together(n), absent[n], order[n]))

    def _others(self, copy: Copy) -> set[str]:
        """Where the other models of its chains lie, of those chains that lie on one backend without it."""
        state, found = self.state, set[str]()
        for aliases, asked in state.problem.chains_with.get(copy.model, ()):
            places = {*asked, *(n for alias in aliases if alias != copy.model for n in state.where[alias])}
            places |= state.where[copy.model] - {state.at[copy]}
            if len({state.problem.machine[name] for name in places}) == 1:
                found |= places
        return found

    def _undo(self) -> None:
        """Take back each move without which nothing more is wrong."""
        state = self.state
        for copy in sorted(state.moved):
            before, mark, now = state.standing, state.mark(), state.at[copy]
            if copy.backend in state.where[copy.model]:
                continue
            near = {name: state.grades[name] for name in state.near(copy.backend, now)}
            state.put(copy, copy.backend)
            worse = state.standing > before
            if worse or not all(state.grades[name].no_worse(was) for name, was in near.items()):
                state.back(mark)
