"""The best placement, by a solver: an integer program of bytes, which an engine's admission corrects by cuts.

Its rows say no more than what a layout that admission takes must hold to (sums of bytes, one place for each model), so
what it proves of itself holds of what admission takes. Where admission refuses what it found, a row says that just
these models do not go together there, and it is asked again. One thread and a bound of nodes: two runs answer alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil

from fleethub.model.dataclass import dataclass
from fleethub.placement.moves.cuts import Cut, cuts
from fleethub.placement.moves.formulation import Formulation, TooLarge, formulated
from fleethub.placement.moves.program import Constraint
from fleethub.placement.moves.state import Candidate

__all__ = ["Solved", "TooLarge", "solved"]

#: How often admission may correct the program.
ROUNDS = 60


@dataclass(frozen=True, slots=True)
class Solved:
    """The best that is known; ``least`` moves any placement that is as good needs (None: not known); ``proved``: that
    none is better, nor as good with fewer moves; else ``why`` not.
    """

    state: Candidate
    least: int | None
    proved: bool
    why: str = ""


def solved(first: Candidate, known: Candidate) -> Solved:
    """The best placement, from the fleet as it is and the best that is known. Raises NoSolver, TooLarge."""
    return _Search(first, known).run()


class _Search:
    """One part of what is wrong after the other, worst first; then the moves."""

    def __init__(self, first: Candidate, known: Candidate) -> None:
        self.first, self.best = first, known
        self.asked: Formulation = formulated(first)
        self.rounds = 0
        self.why = ""

    def run(self) -> Solved:
        least: int | None = None
        costs = self.asked.costs()
        for at, (fixed, cost) in enumerate(costs):
            bound = self._smallest(cost, fixed) if self._value(at) > fixed else float(fixed)
            if at == len(costs) - 1:
                least = max(ceil(bound - 1e-6), 0)
            else:
                self.asked.program.add(Constraint(cost, most=self._value(at) - fixed))
        return Solved(self.best, least, not self.why, self.why)

    def _value(self, at: int) -> int:
        standing, moves = self.best.cost
        return (*standing, moves)[at]

    def _smallest(self, cost: Mapping[int, float], fixed: int) -> float:
        """The least that a part can be, with what is better taken over; where that is not found out, a bound."""
        bound = 0.0
        while True:
            answer = self.asked.program.solve(cost)
            bound = max(bound, answer.least)
            if not answer.values:
                self.why = self.why or "the solver came to no end"
                return fixed + bound
            state = self.asked.state(answer.values)
            found = list(cuts(self.asked, state, answer.values))
            for cut in found:
                self.asked.program.add(_row(cut))
            if not found:
                self.best = min(self.best, state, key=lambda s: s.cost)
                if not answer.proved:
                    self.why = self.why or "the solver came to no end within its bound of work"
                return fixed + bound
            self.rounds += 1
            if self.rounds >= ROUNDS:
                self.why = self.why or f"admission refused {ROUNDS} placements that the solver thought of"
                return fixed + bound


def _row(cut: Cut) -> Constraint:
    return Constraint(
        {**dict.fromkeys(cut.together, 1.0), **({cut.unless: -1.0} if cut.unless is not None else {})},
        most=len(cut.together) - 1,
    )
