"""A node whose target changes is delivered to its new place and settles there; then its old place is taken down."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fleethub.kinds.readdress import WAS
from fleethub.model.address import Address, key, node
from fleethub.model.observation import Unknown
from fleethub.model.plan import Action, Orders, Part, Phase
from tests.fleets import Spec, fleet
from tests.world import World, apply, denied, facts, plan, settled

HERE, THERE = "ssh://ops@here/srv/a", "ssh://ops@there/srv/a"
OLD = node(f"a{WAS}")


def at(target: str, *chain: str) -> Spec:
    return fleet().models("one", "two").node("a", *(chain or ("one",)), target=target)


@pytest.mark.parametrize(
    ("before", "after"), [("nodes/a", "nodes/b"), (HERE, THERE), ("nodes/a", THERE), (HERE, "nodes/a")]
)
def test_it_is_there_before_it_is_here_no_more(before: str, after: str) -> None:
    world = settled(at(before))
    made = plan(world, at(after, "two"))
    assert {c.address: c.action for c in made.changes if c.address.kind == "node"} == {
        node("a"): Action.CREATE,
        OLD: Action.DELETE,
    }
    last = next(s for s in made.steps if s.address == OLD)
    assert (last.phase, f"{node('a')}/settle" in last.after) == (Phase.CONTRACT, True)
    token = world.key("a").token
    done = apply(world, made)
    assert done.failed == []
    assert all(denied(moment) == [] for moment in done.worlds)
    assert done.world.key("a").token == token  # no key is made anew for a new place
    assert done.world.key("a").models == ("two",)
    assert not done.world.nodes.get(before) or not done.world.nodes[before].files
    assert plan(done.world, at(after, "two")).changes == ()


def test_it_breaks_off_anywhere_and_goes_on() -> None:
    world = settled(at(HERE))
    spec = at(THERE, "two")
    for crash in range(1, 9):
        broken = apply(world, plan(world, spec), crash=crash).world
        assert denied(broken) == []
        done = apply(broken, plan(broken, spec))
        assert all(denied(moment) == [] for moment in done.worlds)
        assert plan(done.world, spec).changes == ()
        assert set(done.world.nodes) == {THERE} or not done.world.nodes[HERE].files


def test_there_and_back_while_the_old_place_cannot_be_reached() -> None:
    world, spec = settled(at(HERE)), at(THERE)
    dark = ("host", HERE)

    def seen(now: World, of: Spec) -> object:
        read = facts(now, of)
        return replace(read, readings={**read.readings, dark: Unknown("no route to host", read.at)})

    moved = apply(world, plan(world, spec, facts=seen(world, spec))).world  # type: ignore[arg-type]
    assert set(moved.nodes) == {HERE, THERE}
    left = plan(moved, spec, facts=seen(moved, spec))  # type: ignore[arg-type]
    (change,) = left.changes
    assert (change.address, change.action, change.blockers[0].reason) == (OLD, Action.BLOCKED, "no route to host")
    let_go = plan(moved, spec, facts=seen(moved, spec), orders=Orders(frozenset({OLD})))  # type: ignore[arg-type]
    assert plan(apply(moved, let_go).world, spec).changes == ()
    back = apply(moved, plan(moved, at(HERE))).world
    assert plan(back, at(HERE)).changes == ()
    assert not back.nodes.get(THERE) or not back.nodes[THERE].files


@pytest.mark.parametrize("crash", [2, 3, 4])
def test_a_move_that_broke_off_and_is_taken_back_leaves_nothing_at_the_new_place(crash: int) -> None:
    begun = apply(settled(at(HERE)), plan(settled(at(HERE)), at("nodes/a")), crash=crash).world
    done = apply(begun, plan(begun, at(HERE)))
    assert done.failed == []
    assert all(denied(moment) == [] for moment in done.worlds)
    assert not done.world.nodes.get("nodes/a") or not done.world.nodes["nodes/a"].files
    assert plan(done.world, at(HERE)).changes == ()


def test_who_comes_to_a_place_does_not_outrun_the_key_of_what_runs_there() -> None:
    """A gateway takes its new config over while it runs, and its new key when it restarts."""
    base = fleet().models("one", "two")
    before = base.node("a", "one", target="nodes/a", project="x").node("b", "two", target=HERE, project="x")
    after = base.node("a", "one", target=HERE, project="x").node("b", "two", target="nodes/b", project="x")
    world = settled(before)
    for _ in range(3):
        made = plan(world, after)
        (why,) = [c.blockers[0].reason for c in made.changes if c.address == node("a")]
        assert "changes from b to a" in why
        broken = apply(world, made, crash=1)
        done = apply(broken.world, plan(broken.world, after))
        assert all(denied(moment) == [] for moment in (*broken.worlds, *done.worlds))
        world = done.world


def test_the_key_is_not_narrowed_before_the_old_place_is_taken_down() -> None:
    made = plan(settled(at(HERE)), at(THERE, "two"))
    narrow = next(s for s in made.steps if s.address == key("main", "a") and s.phase is Phase.CONTRACT)
    assert f"{OLD}/remove" in narrow.after


def test_a_target_takes_its_old_place_along() -> None:
    made = plan(settled(at(HERE)), at(THERE), part=Part(frozenset({node("a")})))
    assert {node("a"), OLD} <= {c.address for c in made.changes}


def test_on_one_machine_it_is_removed_first_for_both_would_have_its_port() -> None:
    made = plan(settled(at(HERE)), at("ssh://ops@here/srv/elsewhere"))
    (change,) = [c for c in made.changes if c.address.kind == "node"]
    assert (change.address, change.action) == (Address("node", "a"), Action.BLOCKED)
    assert "remove the node in one apply" in change.blockers[0].reason
