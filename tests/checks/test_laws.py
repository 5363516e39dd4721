"""Whatever checks refuse, the laws of planning hold: nobody is denied, a plan after an apply is empty or blocked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from fleethub.checks.answers import CheckAnswer, Evaluate
from fleethub.checks.fields import FIELDS
from fleethub.model.facts import Facts
from fleethub.model.fleet import Check
from fleethub.model.plan import Action, Phase, Plan
from fleethub.planning.offline import offline_plan
from tests.fleets import Spec, fleet
from tests.world import SEEDLESS, World, apply, denied, plan, wanted
from tests.world.strategies import any_order, specs

ABOUT = sorted(FIELDS)
REFUSED = st.sets(
    st.sampled_from(["node.a", "node.b", "key.main.a", "key.main.b", "key.main.shared", "route.main.one", "fleet"])
)


def refusing(refused: set[str]) -> Evaluate:
    """Every check finds these wrong."""

    def evaluate(checks: Sequence[Check], document: Mapping[str, Any]) -> list[CheckAnswer]:
        return [
            CheckAnswer(number, at, "wrong")
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


def test_a_refused_key_that_is_not_changed_is_proved_for_its_node() -> None:
    first = fleet().node("a", "one", target="nodes/a").key("a")
    world = apply(World.of(first), plan(World.of(first), first)).world
    spec = checked(first.node("a", "one", target="nodes/b"))
    made = plan(world, spec, evaluate=refusing({"key.main.a"}))
    assert [step.phase for step in made.steps if str(step.address) == "key.main.a"] == [Phase.PROVE]
    held_back(made, {"key.main.a"})
    assert apply(world, made).failed == []


def said(made: Plan) -> dict[str, Action]:
    return {str(c.address): c.action for c in made.changes if c.action is not Action.RECORD}


def offline(world: World, spec: Spec, evaluate: Evaluate | None = None) -> Plan:
    spec = spec.remembered(world.lockfile)
    return offline_plan(spec.fleet, world.lockfile, wanted(spec, SEEDLESS), Facts(""), (), evaluate)


@given(specs(), specs(), REFUSED)
def test_what_a_check_holds_back_waits_in_a_plan_without_a_network_too(
    first: Spec, second: Spec, refused: set[str]
) -> None:
    """The key of a node that may not go, the old place of one that may not move, a node whose key may not come."""
    world = apply(World.of(first), plan(World.of(first), first)).world
    if plan(world, first).changes or said(plan(world, second)) != said(offline(world, second)):
        return  # a reading alone tells what differs
    spec, evaluate = checked(second), refusing(refused)
    told, read = said(offline(world, spec, evaluate)), said(plan(world, spec, evaluate=evaluate))
    # whether anything of a key can be done before a node lets go of it only steps tell
    sure = {a: does for a, does in told.items() if a.startswith("node.") or does is not Action.UPDATE}
    assert sure == {a: read[a] for a in sure}


def held_back(made: Plan, refused: set[str]) -> None:
    """No step changes what is refused; where the fleet is, there is none."""
    touched = {str(step.address) for step in made.steps if step.phase is not Phase.PROVE}
    assert not touched & refused
    if "fleet" in refused:
        assert not made.steps
