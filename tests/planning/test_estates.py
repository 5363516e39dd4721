"""The laws of planning where names, places, proxies and types change at once, and whatever breaks off meanwhile."""

from __future__ import annotations

from hypothesis import given, note, settings
from hypothesis import strategies as st

from fleethub.model.plan import Action
from tests.world import Proxy, World, apply, denied, plan
from tests.world.living import unnamed
from tests.world.strategies import BEYOND, NEAR, PROXIES, any_order, estates


@settings(max_examples=settings().max_examples // 4)
@given(st.data())
def test_no_node_is_denied_nothing_is_left_behind_and_it_comes_to_rest(data: st.DataObject) -> None:
    world = World({url: Proxy(frozenset({*NEAR, *BEYOND})) for url in PROXIES.values()})
    spec = data.draw(estates())
    for _ in range(data.draw(st.integers(1, 3))):
        note(repr(spec))
        crash = data.draw(st.none() | st.integers(0, 12))
        made = apply(world, plan(world, spec), pick=any_order(data.draw), crash=crash)
        assert made.failed == []
        assert [denied(moment) for moment in (*made.worlds, made.world) if denied(moment)] == []
        world = made.world
        assert unnamed(world) == []
        if crash is None:
            left = [str(c.address) for c in plan(world, spec).changes if c.action is not Action.BLOCKED]
            assert left == []
        spec = data.draw(estates(spec))
