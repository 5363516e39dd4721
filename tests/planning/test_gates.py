"""What holds a verdict back, where an apply broke off: what it began may be there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fleethub.model.address import key, node
from fleethub.model.plan import Action
from tests.fleets import fleet
from tests.world import World, apply, plan, settled
from tests.world.lies import STRANGER


def test_the_key_of_a_refused_node_is_made_where_a_first_apply_may_have_brought_the_node() -> None:
    """Its gateway may run on files that came before, with a key that is not there; who never came needs none."""
    spec = fleet().models("one").node("a", "one")
    taken = World.of(spec).at_node("nodes/a", lambda there: replace(there, mark=STRANGER))
    fresh = {c.address: c.action for c in plan(taken, spec).changes}
    assert fresh == {node("a"): Action.BLOCKED, key("main", "a"): Action.BLOCKED}
    two = spec.node("b", "one", key="a")
    assert next(c.action for c in plan(taken, two).changes if c.address == key("main", "a")) is Action.CREATE  # b's too
    begun = apply(World.of(spec), plan(World.of(spec), spec), crash=0).world
    begun = begun.at_node("nodes/a", lambda there: replace(there, mark=STRANGER))
    again = {c.address: c.action for c in plan(begun, spec).changes}
    assert again == {node("a"): Action.BLOCKED, key("main", "a"): Action.CREATE}


@pytest.mark.parametrize("moves", [False, True], ids=["new", "moved there"])
def test_who_takes_a_target_over_gets_it_wherever_an_apply_broke_off(moves: bool) -> None:
    base = fleet().models("one")
    before = base.node("a", "one", target="nodes/x")
    before = before.node("b", "one", target="nodes/y") if moves else before
    after = base.node("b", "one", target="nodes/x")
    there = settled(before)
    whole = len(plan(there, after).steps)
    assert whole > 3
    for crash in range(whole + 1):
        broken = apply(there, plan(there, after), crash=crash).world
        again = plan(broken, after)
        assert not [f.code for f in again.findings if f.code == "node.target-shared"], crash
        assert plan(apply(broken, again).world, after).changes == (), crash
