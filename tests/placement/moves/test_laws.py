"""The laws of a proposal for the whole fleet, on fleets of a few backends; the judge is the engines' own admission."""

from __future__ import annotations

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from fleethub.model.block import is_named
from fleethub.model.capacity import Fit
from fleethub.model.facts import Facts
from fleethub.model.fleet import Fleet
from fleethub.model.placing import Placing
from fleethub.placement.moves.judged import Judge, grade_of
from fleethub.placement.moves.problem import Problem
from fleethub.placement.moves.propose import propose
from fleethub.placement.moves.state import Candidate
from fleethub.placement.planned import planned_sets
from fleethub.placement.report import report
from tests.placement import asking
from tests.placement.moves.engines import mixed
from tests.placement.moves.fleets import carried_out, fleets

ANY = st.one_of(fleets(), mixed())
DRAINED = st.sampled_from(((), (), ("b0",), ("b0", "b1")))


def drained_of(fleet: Fleet, asked: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in asked if name in fleet.backends)


def standing(fleet: Fleet, facts: Facts, drained: tuple[str, ...]) -> tuple[int, ...]:
    problem = Problem(fleet, facts, drained)
    return Candidate(problem, Judge(problem)).standing


@given(ANY, DRAINED, st.booleans())
def test_a_proposal_is_never_worse_and_is_what_it_says(
    made: tuple[Fleet, Facts], asked: tuple[str, ...], exact: bool
) -> None:
    fleet, facts = made
    drained = drained_of(fleet, asked)
    found = propose(fleet, facts, drained, exact)
    after = carried_out(fleet, dict(found.backends))
    event(f"{min(len(found.moves), 4)} moves, {'proved' if found.proved else 'not proved'}")
    assert found.after <= found.before
    assert bool(found.moves) == (found.after < found.before)
    dropped = sum(move.target is None for move in found.moves)
    assert found.after._replace(dropped=0) == standing(after, facts, drained)
    assert found.after.dropped == dropped
    _judged(fleet, after, facts, found)
    _held(fleet, after, facts, found, drained)
    if found.least is not None:
        assert found.least <= len(found.moves)
        assert not found.proved or found.least == len(found.moves)


def _judged(fleet: Fleet, after: Fleet, facts: Facts, found: Placing) -> None:
    """By the same way as a plan judges it: no backend is worse, and what takes something in holds all of it."""
    was, now = planned_sets(fleet), planned_sets(after)
    taken = {move.target for move in found.moves if move.target is not None}
    for name, backend in fleet.backends.items():
        before = report(fleet, backend, facts, was.get(name, ())).verdict
        later = report(after, after.backends[name], facts, now.get(name, ())).verdict
        assert grade_of(later).no_worse(grade_of(before)), name
        if name in taken and later.placed:
            apart = {alias for alias, fit in before.fallbacks if fit is not Fit.FITS}
            assert {alias for alias, fit in later.fallbacks if fit is not Fit.FITS} <= apart
            too_large = any(fit is Fit.EXCEEDS for _, fit in later.fallbacks)  # which was so before
            assert later.fit is Fit.FITS or (too_large and not grade_of(later).broken)


def _held(fleet: Fleet, after: Fleet, facts: Facts, found: Placing, drained: tuple[str, ...]) -> None:
    """No pin is broken, nothing comes to where nothing may come, and what cannot leave is said."""
    for move in found.moves:
        model = fleet.models[move.model]
        assert not model.pinned
        assert not model.protected
        assert not any(
            hop.model == move.model and hop.backend == move.source for n in fleet.nodes.values() for hop in n.chain
        )
        if move.target is not None:
            target = fleet.backends[move.target]
            assert not target.cordoned
            assert move.target not in drained
            assert not model.place_on or is_named(target.name, target.labels, model.place_on)
    for alias, names in found.backends.items():
        assert len(set(names)) == len(names) >= 1, alias
    said = {(one.backend, one.model) for one in found.left if one.lacks}
    for model in after.models.values():
        for name in set(model.backends) & set(drained):
            assert (name, model.name) in said


@given(ANY, DRAINED, st.booleans())
def test_its_own_result_leaves_nothing_to_propose_and_two_runs_say_the_same(
    made: tuple[Fleet, Facts], asked: tuple[str, ...], exact: bool
) -> None:
    fleet, facts = made
    drained = drained_of(fleet, asked)
    found = propose(fleet, facts, drained, exact)
    assert propose(fleet, facts, drained, exact) == found
    again = propose(carried_out(fleet, dict(found.backends)), facts, drained, exact)
    assert again.moves == ()


@given(st.one_of(fleets(3, 4), mixed(3, 4)), DRAINED)
def test_the_solver_is_never_worse_than_moves_one_by_one_and_what_it_proves_nobody_beats(
    made: tuple[Fleet, Facts], asked: tuple[str, ...]
) -> None:
    fleet, facts = made
    drained = drained_of(fleet, asked)
    plain, best = propose(fleet, facts, drained, False), propose(fleet, facts, drained, True)
    assert (best.after, len(best.moves)) <= (plain.after, len(plain.moves))
    if plain.proved:
        assert (best.after, len(best.moves)) == (plain.after, len(plain.moves))


@pytest.mark.parametrize("fewer", [("m1",), ("m2",), ("m1", "m2")])
def test_what_does_not_stay_is_said_of_each_name_of_its_process(fewer: tuple[str, ...]) -> None:
    """Of two names of one model the first alone was said not to stay, so that another was with fewer beside it."""
    same = (asking.model(name, "qwen3:32b", "b0") for name in ("m1", "m2"))
    models = [asking.model("m0", "own0", "b0", vram=4 * asking.GIB), *same]
    made = asking.fleet([asking.backend("b0", 24)], models, {"n0": ("m0", "m1", "m2")})
    judge = Judge(problem := Problem(made, asking.facts(b0=("qwen3:32b",))))
    assert judge.grade({**problem.layout, "b0": frozenset({"m0", *fewer})}, "b0").pushed == {*fewer}


@given(ANY, st.data())
def test_what_admission_refuses_it_refuses_with_more_beside_it(made: tuple[Fleet, Facts], data: st.DataObject) -> None:
    """So a cut that forbids a few models together forbids no layout that admission takes, whatever the engine."""
    fleet, facts = made
    problem = Problem(fleet, facts)
    judge = Judge(problem)
    name = data.draw(st.sampled_from(sorted(fleet.backends)))
    group = (name, *problem.beside[name])
    every = st.frozensets(st.sampled_from(sorted(fleet.models)))
    more = {one: data.draw(every) for one in group}
    fewer = {one: frozenset(a for a in sorted(more[one]) if data.draw(st.booleans())) for one in group}
    small, large = (judge.grade({**problem.layout, **layout}, name) for layout in (fewer, more))
    if large.known and not large.broken:
        assert small.known
        assert not small.broken
        assert small.pushed <= large.pushed
