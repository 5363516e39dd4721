"""A consumer's new name, and its new place: its key's value stays, wherever an apply breaks off."""

from __future__ import annotations

import pytest

from fleethub.model.address import WAS, Address, consumer, key
from fleethub.model.plan import Action, Plan
from tests.fleets import Spec, fleet
from tests.world import World, apply, denied, plan, settled

HERE, BESIDE, THERE = "ssh://ops@here/srv/x", "ssh://ops@here/srv/y", "ssh://ops@there/srv/x"
PLACES = {"env": {"env": {"file": "web.env"}}, "file": {"file": "key", "settings": "models.json"}}


def named(name: str, target: str, place: str, *chain: str) -> Spec:
    block = {**PLACES[place], "target": target, "model": "one", "fallbacks": list(chain), "settle": "0s"}
    return fleet().model("one").model("two").table(f"consumers.{name}", **block)


def renamed(world: World, spec: Spec) -> Plan:
    """The plan with ``[[moved]]`` from a to b."""
    return plan(world, spec.moved("consumer.a", "consumer.b"))


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("target", ["consumers/a", "consumers/b", HERE])
def test_a_new_name_breaks_off_anywhere_and_goes_on(target: str, place: str) -> None:
    world, spec = settled(named("a", "consumers/a", place)), named("b", target, place, "two")
    token = world.key("a").token
    for crash in (1, 2, 4, 6, None):
        broken = apply(world, renamed(world, spec), crash=crash)
        done = apply(broken.world, renamed(broken.world, spec))
        assert [denied(moment) for moment in (*broken.worlds, *done.worlds) if denied(moment)] == []
        after = done.world
        assert renamed(after, spec).changes == ()
        assert [(k.alias, k.token, k.models) for k in after.proxy.keys] == [("b", token, ("one", "two"))]
        assert after.lockfile is not None
        assert {a for a in after.lockfile.resources if a.kind != "route"} == {consumer("b"), key("main", "b")}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    ("before", "after"),
    [("consumers/a", "consumers/b"), ("consumers/a", THERE), (HERE, BESIDE), (HERE, THERE), (HERE, "consumers/a")],
)
def test_a_new_place_has_it_before_the_old_one_goes(before: str, after: str, place: str) -> None:
    world, spec = settled(named("a", before, place)), named("a", after, place, "two")
    made = plan(world, spec)
    old = Address("consumer", f"a{WAS}")
    assert {c.address: c.action for c in made.changes if c.address.kind == "consumer"} == {
        consumer("a"): Action.CREATE,
        old: Action.DELETE,
    }
    for crash in (*range(1, 7), None):
        broken = apply(world, made, crash=crash)
        done = apply(broken.world, plan(broken.world, spec))
        assert [denied(moment) for moment in (*broken.worlds, *done.worlds) if denied(moment)] == []
        assert plan(done.world, spec).changes == ()
        assert done.world.key("a").token == world.key("a").token
        left = done.world.nodes[before].files if before in done.world.nodes else {}
        assert set(left) <= {"web.env"}  # which may be somebody else's, and stays


def test_a_new_name_by_the_words_of_the_old_one_is_a_move_and_clears_nothing() -> None:
    block: dict[str, object] = {"model": "one", "command": ["put", "llm"], "remove": ["take", "llm"], "settle": "0s"}
    a, b = (fleet().model("one").table(f"consumers.{name}", **block) for name in "ab")
    made = renamed(settled(a), b)
    assert made.findings == ()
    after = apply(settled(a), made).world
    assert "consumers/b" in after.sinks
    assert renamed(after, b).changes == ()
