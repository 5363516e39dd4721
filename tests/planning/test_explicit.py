"""What only an explicit order does: a node that is gone for good is let go unseen, an orphan is deleted."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fleethub.model.address import key, node, route
from fleethub.model.errors import InputError
from fleethub.model.facts import Facts
from fleethub.model.observation import Unknown
from fleethub.model.plan import Action, Orders, Plan
from fleethub.operations.targets import orders_notes, orders_of
from tests.fleets import Spec, fleet
from tests.world import World, apply, facts, plan, settled, wanted
from tests.world.strategies import FAR

BOTH = fleet().models("one").table("defaults.node", target=FAR).node("a", "one", key="k").node("b", "one", key="k")
LESS = BOTH.without("nodes", "b")
FORGET = Orders(frozenset({node("b")}))


def dark(world: World, spec: Spec, name: str = "b") -> Facts:
    seen = facts(world, spec)
    gone = {("host", FAR.format(host=name, name=name)): Unknown("no route to host", seen.at)}
    return replace(seen, readings={**seen.readings, **gone})


def test_a_dead_node_is_let_go_and_its_key_follows() -> None:
    spec = fleet().models("one").table("defaults.node", target=FAR).node("a", "one").node("b", "one")
    less = spec.without("nodes", "b")
    world = settled(spec)
    seen = dark(world, less)
    assert plan(world, less, facts=seen).doable == ()
    made = plan(world, less, facts=seen, orders=FORGET)
    assert {c.address: c.action for c in made.changes} == {node("b"): Action.RECORD, key("main", "b"): Action.DELETE}
    assert [s.address for s in made.steps] == [key("main", "b")]  # nothing is sent to the machine
    after = apply(world, made).world
    assert after.proxy.find("b") == ()
    assert after.nodes == world.nodes
    assert plan(after, less).changes == ()
    (note,) = orders_notes(FORGET, made, world.lockfile.resources)
    assert note == "node.b is let go unseen: whatever is at ssh://ops@b/srv/b stays there as it is"


def test_what_can_be_reached_is_removed_as_usual() -> None:
    world = settled(BOTH)
    made = plan(world, LESS, orders=FORGET)
    assert {c.address: c.action for c in made.changes} == {node("b"): Action.DELETE}
    assert "removed as usual" in next(iter(orders_notes(FORGET, made, world.lockfile.resources)))


def test_what_is_wanted_or_protected_is_never_let_go() -> None:
    world = settled(BOTH)
    assert plan(world, BOTH, facts=dark(world, BOTH), orders=FORGET).doable == ()
    kept = settled(BOTH.table("nodes.b", protected=True))
    assert plan(kept, LESS, facts=dark(kept, LESS), orders=FORGET).doable == ()


@pytest.mark.parametrize(
    ("text", "says"), [("a", "the spec has it"), ("node.zz", "nothing to forget"), ("what.is", "is no address")]
)
def test_what_cannot_be_forgotten_is_an_error(text: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        orders_of([text], False, wanted(LESS), settled(BOTH).lockfile.resources)


def with_orphans() -> tuple[World, Spec]:
    """A fleet with a key and a stored deployment that have its mark and no name, beside one key of another's."""
    spec = fleet(manage_routes=True).models("one").node("a", "one").node("b", "one")
    world = settled(spec)
    row, stored = world.key("a"), world.proxy.stored[0]
    theirs = {"fleethub": {**row.metadata["fleethub"], "lineage": "22" * 16}}
    world = world.at_proxy(lambda p: p.with_key(replace(row, alias="stray", token="cd" * 32)))
    world = world.at_proxy(lambda p: p.with_key(replace(row, alias="", token="ce" * 32)))
    world = world.at_proxy(lambda p: p.with_key(replace(row, alias="theirs", token="ef" * 32, metadata=theirs)))
    world = world.at_proxy(lambda p: replace(p, stored=(*p.stored, replace(stored, alias="old", id="old-1"))))
    return world, spec


def pruned(world: World, spec: Spec, seen: Facts | None = None) -> Plan:
    return plan(world, spec, facts=seen, orders=Orders(prune=True))


def test_orphans_are_deleted_on_order_alone_and_nothing_else_is() -> None:
    world, spec = with_orphans()
    assert plan(world, spec).changes == ()
    made = pruned(world, spec)
    assert {c.address for c in made.changes} == {key("main", "stray"), key("main", "(no alias)"), route("main", "old")}
    assert all(c.action is Action.DELETE for c in made.changes)
    after = apply(world, made)
    assert after.failed == []
    assert {k.alias for k in after.world.proxy.keys} == {"a", "b", "theirs"}
    assert {d.alias for d in after.world.proxy.stored} == {"one"}
    assert pruned(after.world, spec).changes == ()


def test_an_orphan_waits_for_a_node_that_may_still_use_it() -> None:
    world, spec = with_orphans()
    seen = facts(world, spec)
    seen = replace(seen, readings={**seen.readings, ("host", "nodes/b"): Unknown("permission denied", seen.at)})
    made = pruned(world, spec, seen)
    assert made.steps == ()
    stray = next(c for c in made.changes if c.address == key("main", "stray"))
    assert [b.reason for b in stray.blockers] == ["waits for node.b, which may still use it"]


def test_an_orphan_goes_after_all_that_settles() -> None:
    world, spec = with_orphans()
    made = pruned(world, spec.models("two").node("a", "two"))
    (last,) = [s for s in made.steps if s.address == key("main", "stray")]
    assert "node.a/settle" in last.after
