"""The laws of planning, on values: plan after apply is empty or blocked, whatever broke off, whoever meddled."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fleethub.model.plan import Action
from tests.fleets import Spec, fleet
from tests.world import World, apply, denied, plan, settled, wanted
from tests.world.strategies import FAR, STORES, any_order, hands, meddled, specs

policies = st.fixed_dictionaries(
    {"drift": st.sampled_from(["repair", "stop"]), "revoked": st.sampled_from(["stop", "restore"])}
)


def comes_to_rest(world: World, spec: Spec) -> World:
    """One apply, and nothing is left to do; what is blocked says why, and moves nothing."""
    made = apply(world, plan(world, spec))
    assert made.failed == []
    after = plan(made.world, spec)
    assert [c for c in after.changes if c.action is not Action.BLOCKED] == []
    assert all(c.blockers for c in after.changes)
    assert apply(made.world, after).world == made.world
    return made.world


@given(st.data())
def test_plan_after_apply_is_empty_or_blocked(data: st.DataObject) -> None:
    policy = {**data.draw(policies), "store": data.draw(STORES)}
    first = data.draw(specs(**policy))
    world = comes_to_rest(World.of(first), first)
    for _ in range(data.draw(st.integers(0, 2))):
        world = meddled(world, data.draw(hands))
        world = comes_to_rest(world, data.draw(specs(**policy)))


@given(st.data())
def test_no_node_is_ever_denied(data: st.DataObject) -> None:
    """After each step of each apply, in any order that is allowed, and wherever it breaks off."""
    store = data.draw(STORES)
    spec = data.draw(specs(store))
    world = World.of(spec)
    for _ in range(data.draw(st.integers(1, 3))):
        made = apply(world, plan(world, spec), pick=any_order(data.draw), crash=data.draw(st.integers(0, 12)))
        for moment in (*made.worlds, made.world):
            assert denied(moment) == []
        world, spec = made.world, data.draw(specs(store))
    world = comes_to_rest(world, spec)
    assert denied(world) == []
    last = plan(world, spec)
    if world.lockfile is not None and not last.changes and not last.fatal:
        records = world.lockfile.resources
        assert all(records[address].pending is None for address in wanted(spec) if address in records)


@given(st.data())
def test_an_apply_makes_nobody_worse_off(data: st.DataObject) -> None:
    """Whom somebody's hands took a model from may lack it still; nobody else comes to lack one."""
    store = data.draw(STORES)
    spec = data.draw(specs(store, revoked="restore"))
    world = comes_to_rest(World.of(spec), spec)
    world, spec = meddled(world, data.draw(hands)), data.draw(specs(store, revoked="restore"))
    before = set(denied(world))
    made = apply(world, plan(world, spec), pick=any_order(data.draw))
    for moment in made.worlds:
        assert set(denied(moment)) <= before


def test_who_goes_back_after_a_crash_is_started_again_with_what_is_put_back() -> None:
    """The process may run with what the broken apply brought, and that key goes."""
    base = fleet().models("one", "two").table("defaults.node", target=FAR)
    mine, other = base.node("b", "one", key="shared").key("shared"), base.node("b", "one").key("b")
    steps = plan(settled(mine), other).steps
    for crash in range(len(steps) + 1):
        world = apply(settled(mine), plan(settled(mine), other), crash=crash).world
        made = apply(world, plan(world, mine))
        assert made.failed == []
        assert [denied(moment) for moment in (*made.worlds, made.world) if denied(moment)] == []


def test_who_goes_back_to_more_models_and_another_key_does_so_in_two_applies() -> None:
    """The process may have the key of the broken apply, and takes its chain over before it is started again."""
    base = fleet().models("one", "two").table("defaults.node", target=FAR)
    mine, other = base.node("b", "one", "two", key="shared").key("shared"), base.node("b", "one").key("b")
    world = apply(settled(mine), plan(settled(mine), other), crash=4).world
    back = plan(world, mine)
    (why,) = (c.blockers[0].reason for c in back.changes if c.address.kind == "node")
    assert "its key on main changes from b to shared" in why
    first = apply(world, plan(world, base.node("b", "one", key="shared").key("shared")))
    then = apply(first.world, plan(first.world, mine))
    assert first.failed == then.failed == []
    assert [denied(moment) for moment in (*first.worlds, *then.worlds) if denied(moment)] == []
    assert plan(then.world, mine).changes == ()
