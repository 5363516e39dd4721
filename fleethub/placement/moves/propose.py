"""A proposal for the whole fleet. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from fleethub.model.dataclass import dataclass
from fleethub.model.facts import Facts
from fleethub.model.fleet import Fleet
from fleethub.model.placing import BackendSum, Placing
from fleethub.placement.ask import unobserved
from fleethub.placement.moves.bound import least_moves
from fleethub.placement.moves.exact import TooLarge, solved
from fleethub.placement.moves.formulation import LARGEST
from fleethub.placement.moves.greedy import Greedy
from fleethub.placement.moves.judged import Judge
from fleethub.placement.moves.problem import Problem
from fleethub.placement.moves.program import NoSolver
from fleethub.placement.moves.state import Candidate
from fleethub.placement.moves.why import left_alone, moves_of


def propose(fleet: Fleet, facts: Facts, drained: Collection[str] = (), exact: bool = True) -> Placing:
    """Where the models of a fleet should lie so that nothing is wrong that can be helped, with the fewest moves found.

    ``drained``: backends that are to be emptied. Every backend of the proposal is as its engine's admission judges it.
    ``exact`` False: no solver is asked.
    """
    problem = Problem(fleet, facts, drained)
    unread = {b.name: why for b in fleet.backends.values() if b.engine and (why := unobserved(b, facts))}
    first = Candidate(problem, Judge(problem))
    found = Found(first)
    while True:  # what is found is where the next search begins, until none finds more: so a second run finds nothing
        better = _better(first, found.state, exact)
        if not any(better.state.standing) or not better.state.standing < found.state.standing:
            return replace(_placing(first, better), unobserved=unread)
        found = better


@dataclass(frozen=True, slots=True)
class Found:
    """A state, and what is known of others: see ``Placing``."""

    state: Candidate
    least: int | None = None
    proved: bool = False
    exact: bool = False
    solver: str = ""


def _better(first: Candidate, known: Candidate, exact: bool) -> Found:
    """The best that is found from a state, by moves one by one, and by the solver where those may be beaten."""
    best = min(known, _searched(known, tightest=False), key=lambda s: s.cost)
    if any(best.standing):
        best = min(best, _searched(known, tightest=True), key=lambda s: s.cost)
    least = 0 if not any(first.standing) else least_moves(best)
    if not any(best.standing) and least == len(best.moved):
        return Found(best, least, True)
    if not exact:
        return Found(best, least, False, False, "no solver was asked")
    try:
        done = solved(first, best)
    except NoSolver as error:
        return Found(best, least, False, False, f"{error.message}; {error.hint}")
    except TooLarge:
        return Found(best, least, False, False, f"more than {LARGEST:,} places are too many for the solver")
    return Found(done.state, done.least, done.proved, True, done.why)


def _searched(state: Candidate, tightest: bool) -> Candidate:
    made = state.copy()
    Greedy(made, tightest).run()
    return made


def _placing(first: Candidate, best: Found) -> Placing:
    found, problem = best.state, best.state.problem
    touched = sorted({name for copy in found.moved for name in (copy.backend, found.at[copy]) if name in found.grades})
    changed = sorted({copy.model for copy in found.moved})
    backends = {}
    for alias in changed:
        places = (found.at[copy] for copy in problem.copies if copy.model == alias)
        backends[alias] = tuple(place for place in places if place is not None)
    sums = tuple(
        BackendSum(n, found.judge.verdict(problem.layout, n), found.judge.verdict(found.layout, n)) for n in touched
    )
    planned = [n for n, grade in found.first.items() if found.judge.verdict(problem.layout, n).placed]
    return Placing(
        moves=moves_of(found),
        backends=backends,
        sums=sums,
        before=first.standing,
        after=found.standing,
        least=best.least,
        proved=best.proved,
        exact=best.exact,
        solver=best.solver,
        left=left_alone(found),
        known=not planned or any(found.first[n].known for n in planned),
    )
