"""A renamed node: its record and its key's value go along, wherever an apply breaks off, and nobody is denied."""

from __future__ import annotations

import pytest

from fleethub.model.address import key, node
from fleethub.model.plan import Action, Plan
from tests.fleets import Spec, fleet
from tests.world import Proxy, World, apply, denied, plan, settled

HERE, THERE = "ssh://ops@here/srv/x", "ssh://ops@there/srv/x"


def named(name: str, target: str, *chain: str) -> Spec:
    return fleet().models("one", "two").node(name, *(chain or ("one",)), target=target, project="x")


def planned(world: World, spec: Spec) -> Plan:
    """The plan with ``[[moved]]`` from a to b."""
    return plan(world, spec.moved("node.a", "node.b"))


@pytest.mark.parametrize("target", [HERE, THERE], ids=["in its place", "and moved"])
def test_it_breaks_off_anywhere_and_goes_on(target: str) -> None:
    world, spec = settled(named("a", HERE)), named("b", target, "two")
    token = world.key("a").token
    for crash in (1, 2, 4, 6, 8, None):
        broken = apply(world, planned(world, spec), crash=crash)
        assert all(denied(moment) == [] for moment in broken.worlds)
        done = apply(broken.world, planned(broken.world, spec))
        assert all(denied(moment) == [] for moment in done.worlds)
        after = done.world
        assert planned(after, spec).changes == ()
        assert [(k.alias, k.token, k.models) for k in after.proxy.keys] == [("b", token, ("two",))]
        assert after.lockfile is not None
        assert {a for a in after.lockfile.resources if a.kind != "route"} == {node("b"), key("main", "b")}


def test_back_to_where_it_was_before_anything_came_to_the_new_place() -> None:
    """What listens at the old place is its own process, though the record has the old place's address by then."""
    broken = apply(settled(named("a", HERE)), planned(settled(named("a", HERE)), named("b", THERE, "two")), crash=1)
    spec = named("b", HERE)
    back = planned(broken.world, spec)
    assert [c.blockers for c in back.changes if c.blockers] == []
    done = apply(broken.world, back)
    assert all(denied(moment) == [] for moment in done.worlds)
    assert planned(done.world, spec).changes == ()


def test_a_name_alone_is_recorded_though_nothing_else_is_to_be_done() -> None:
    spec = fleet().models("one").node("b", "one", target=HERE, project="x", key="shared")
    world = settled(fleet().models("one").node("a", "one", target=HERE, project="x", key="shared"))
    made = planned(world, spec)
    assert node("a") not in {c.address for c in made.changes}
    after = apply(world, made).world
    assert planned(after, spec).changes == ()
    assert after.lockfile is not None
    assert node("b") in after.lockfile.resources


@pytest.mark.parametrize("block", ["a", "b"], ids=["left behind", "renamed too"])
def test_a_key_that_was_rotated_keeps_its_value_whatever_its_block_is_called(block: str) -> None:
    """A rotation writes the block: one that names no models is nobody's by itself."""
    world = settled(named("a", HERE).key("a", generation=2))
    spec = named("b", HERE).key(block, generation=2)
    done = apply(world, planned(world, spec)).world
    assert [(k.alias, k.token) for k in done.proxy.keys] == [("b", world.key("a").token)]
    assert planned(done, spec).changes == ()


@pytest.mark.parametrize("names", ["models", "also"])
def test_the_key_of_somebody_who_is_no_node_is_not_renamed(names: str) -> None:
    world = settled(named("a", HERE))
    made = planned(world, named("b", HERE).key("a", **{names: ["two"]}))
    assert key("main", "a") not in made.renamed
    assert {c.action for c in made.changes if c.address == key("main", "b")} == {Action.CREATE}


def test_what_is_left_alone_is_not_renamed() -> None:
    """The old key's name is somebody's still; both names are in the lockfile already."""
    both = named("a", HERE).node("c", "one", key="a", target="nodes/c")
    made = planned(settled(both), named("b", HERE).node("c", "one", key="a", target="nodes/c"))
    assert key("main", "a") not in made.renamed
    assert {c.action for c in made.changes if c.address == key("main", "b")} == {Action.CREATE}


FIRST, SECOND = "http://first.example:4000", "http://second.example:4000"


def two_proxies(first: str, second: str) -> Spec:
    """A model on each of two proxies; where those are is somebody's to swap."""
    made = fleet(None).proxy("one", first).proxy("two", second)
    return made.model("near", proxy="one", route="openai/near").model("far", proxy="two", route="openai/far")


def both(spec: Spec) -> World:
    knows = Proxy(frozenset({"near", "far"}))
    return apply(start := World({FIRST: knows, SECOND: knows}), plan(start, spec)).world


def test_a_key_is_deleted_and_not_forgotten_where_a_new_one_of_another_proxy_has_its_name() -> None:
    """Two proxies swapped their URLs, and the key got the name that a node's key on the other one has."""
    world = both(two_proxies(FIRST, SECOND).node("c", "near").key("c", generation=2))
    spec = two_proxies(SECOND, FIRST).node("b", "far").moved("key.c", "key.b")
    made = plan(world, spec)
    assert {str(c.address): c.action for c in made.changes if c.address.kind == "key"} == {
        "key.one.b": Action.DELETE,
        "key.two.b": Action.CREATE,
    }
    done = apply(world, made)
    assert done.failed == []
    assert [denied(moment) for moment in done.worlds if denied(moment)] == []
    assert [row.alias for row in done.world.proxies[FIRST].keys] == ["b"]
    assert plan(done.world, spec).changes == ()


def test_nothing_is_made_under_the_new_name_before_it_is_said_whether_it_is_the_old_one() -> None:
    """Once it is made, [[moved]] finds both names taken."""
    world = both(two_proxies(FIRST, SECOND).node("c", "near"))
    gone = fleet(None).proxy("two", FIRST).model("far", proxy="two", route="openai/far")
    unsaid = gone.node("b", "far").moved("key.c", "key.b")
    made = plan(world, unsaid)
    (why,) = (c.blockers[0].reason for c in made.changes if c.address == key("two", "b"))
    assert why.startswith('waits for key.one.b: it is key.two.b by another name: [[moved]] with from = "proxy.one"')
    assert apply(world, made).world.proxies[FIRST] == world.proxies[FIRST]
    said = unsaid.moved("proxy.one", "proxy.two")
    done = apply(world, plan(world, said)).world
    assert [(row.alias, row.token) for row in done.proxies[FIRST].keys] == [("b", world.proxies[FIRST].keys[0].token)]
    assert plan(done, said).changes == ()


@pytest.mark.parametrize("second", [FIRST, SECOND], ids=["both at one", "swapped"])
def test_of_two_names_that_are_both_in_the_spec_none_is_said_to_be_moved(second: str) -> None:
    """``[[moved]]`` from what is in the spec is refused: another name of the key, or one proxy less, is not."""
    world = both(two_proxies(FIRST, SECOND).node("c", "near"))
    spec = two_proxies(second, FIRST)
    made = plan(world, spec.node("c", "far"))
    (why,) = (c.blockers[0].reason for c in made.changes if c.address == key("one", "c"))
    says = "it is key.two.c by another name, and proxy.one is in the spec: give key.two.c another name, or take"
    assert why.startswith(says)
    assert apply(world, made).world.nodes == world.nodes
    less = fleet(None).proxy("two", FIRST).model("far", proxy="two", route="openai/far").node("c", "far")
    for said in (spec.node("c", "far", key="b"), less.moved("proxy.one", "proxy.two")):
        done = apply(world, plan(world, said))
        assert done.failed == []
        assert [denied(moment) for moment in done.worlds if denied(moment)] == []
        assert plan(done.world, said).changes == ()
