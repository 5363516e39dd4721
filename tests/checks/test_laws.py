"""Whatever checks refuse, the laws of planning hold: nobody is denied, a plan after an apply is empty or blocked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from fleethub.checks.answers import Answer, Evaluate
from fleethub.checks.fields import FIELDS
from fleethub.model.fleet import Check
from fleethub.model.plan import Action, Plan
from tests.fleets import Spec
from tests.world import World, apply, denied, plan
from tests.world.strategies import any_order, specs

ABOUT = sorted(FIELDS)
REFUSED = st.sets(
    st.sampled_from(["node.a", "node.b", "key.main.a", "key.main.b", "key.main.shared", "route.main.one", "fleet"])
)


def refusing(refused: set[str]) -> Evaluate:
    """Every check finds these wrong."""

    def evaluate(checks: Sequence[Check], document: Mapping[str, Any]) -> list[Answer]:
        return [
            Answer(number, at, "wrong")
            for number, check in enumerate(checks)
            for at, entry in enumerate(document[check.about])
            if entry.get("address", "fleet") in refused
        ]

    return evaluate


def checked(spec: Spec) -> Spec:
    for about in ABOUT:
        spec = spec.check(f"c-{about}", about, "true")
    return spec


@given(specs(), specs(), REFUSED, st.data())
def test_the_laws(first: Spec, second: Spec, refused: set[str], data: st.DataObject) -> None:
    world = apply(World.of(first), plan(World.of(first), first)).world
    spec, evaluate = checked(second), refusing(refused)
    made = plan(world, spec, evaluate=evaluate)
    held_back(made, refused)
    done = apply(world, made, pick=any_order(data.draw), crash=data.draw(st.sampled_from((None, 1, 3))))
    for moment in (*done.worlds, done.world):
        assert denied(moment) == []
    rest = apply(done.world, plan(done.world, spec, evaluate=evaluate)).world
    again = plan(rest, spec, evaluate=evaluate)
    assert [c for c in again.changes if c.action is not Action.BLOCKED] == []
    assert all(change.blockers for change in again.changes)
    free = apply(rest, plan(rest, second)).world
    assert denied(free) == []


def held_back(made: Plan, refused: set[str]) -> None:
    """No step is of what is refused; where the fleet is, there is none."""
    touched = {str(step.address) for step in made.steps}
    assert not touched & refused
    if "fleet" in refused:
        assert not made.steps
