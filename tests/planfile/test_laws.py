"""Laws of saved plans, on random worlds: what is saved shows and compares as the plan; what moved is always named."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fleethub.model.plan import Plan
from fleethub.planfile.compare import differences
from fleethub.planfile.document import Asked, SavedPlan, saved
from fleethub.planfile.text import dump, load
from fleethub.views.plan import plan_text
from fleethub.views.style import Style
from tests.world import World, apply, plan
from tests.world.strategies import hands, meddled, specs


def read_back(made: Plan) -> SavedPlan:
    return load(dump(saved(made, Asked())), "x")


@given(st.data())
def test_a_saved_plan_is_the_plan_and_what_moved_is_named(data: st.DataObject) -> None:
    first, second = data.draw(specs()), data.draw(specs())
    world = World.of(first)
    if data.draw(st.booleans()):
        world = apply(world, plan(world, first), crash=data.draw(st.integers(0, 20))).world
    decided = plan(world, second)
    if decided.fatal:
        return
    was = read_back(decided)
    assert plan_text(was.plan, Style(False), full=True) == plan_text(decided, Style(False), full=True)
    assert differences(was, saved(plan(world, second), Asked())) == ()
    now = plan(meddled(world, data.draw(hands)), second)
    moved = differences(was, saved(now, Asked()))
    assert bool(moved) == (now.id != decided.id)
    assert all(one.address is not None for one in moved) or now.fatal
