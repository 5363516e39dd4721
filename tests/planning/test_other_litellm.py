"""A proxy's URL that becomes another LiteLLM's while a key changes too: a gateway takes the URL over at once."""

from __future__ import annotations

from typing import Any

import pytest

from fleethub.model.address import key, node
from fleethub.model.plan import Action
from tests.fleets import Spec, fleet
from tests.world import Proxy, World, apply, denied, plan

FIRST, SECOND = "http://first.example:4000", "http://second.example:4000"
HERE = "ssh://ops@here/srv/a"


def at(url: str, proxy: str = "one", revoked: str | None = None, **fields: Any) -> Spec:
    made = fleet(None).proxy(proxy, url).model("near", proxy=proxy, route="openai/near")
    made = made.table("policy", revoked=revoked) if revoked else made
    generation = fields.pop("generation", None)
    name = fields.pop("name", "a")
    made = made.node(name, "near", **{"target": HERE, "project": "x", **fields})
    return made.key(fields.get("key", name), generation=generation)


def ran(spec: Spec) -> World:
    knows = Proxy(frozenset({"near"}))
    start = World({FIRST: knows, SECOND: knows})
    return apply(start, plan(start, spec)).world


CHANGES = [{"generation": 2}, {"key": "b"}, {"name": "c"}]


@pytest.mark.parametrize("changes", CHANGES)
@pytest.mark.parametrize("revoked", ["restore", None])
def test_no_gateway_calls_another_litellm_with_a_key_that_is_not_there(
    changes: dict[str, Any], revoked: str | None
) -> None:
    world, spec = ran(at(FIRST, revoked=revoked)), at(SECOND, revoked=revoked, **changes)
    made = plan(world, spec)
    (change,) = (c for c in made.changes if c.address == node(changes.get("name", "a")))
    assert change.action is Action.BLOCKED
    assert f"one moves from {FIRST} to {SECOND}" in change.blockers[0].reason
    held = apply(world, made).world
    assert (held.proxies, held.nodes) == (world.proxies, world.nodes)
    said = at(SECOND, "two", revoked, **changes)  # as it says
    done = apply(held, plan(held, said))
    assert done.failed == []
    assert [denied(moment) for moment in done.worlds if denied(moment)] == []
    assert (done.world.proxies[FIRST].keys, len(done.world.proxies[SECOND].keys)) == ((), 1)
    assert plan(done.world, said).changes == ()


@pytest.mark.parametrize("changes", CHANGES)
@pytest.mark.parametrize("crash", [1, 2, 3, 4])
def test_of_an_apply_that_broke_off_it_is_known_with_what_is_called(changes: dict[str, Any], crash: int) -> None:
    first = at(FIRST, revoked="restore", **changes)
    world = ran(at(FIRST, revoked="restore"))
    broken = apply(world, plan(world, first), crash=crash).world  # the key alone changed, and not all of it came
    spec = at(SECOND, revoked="restore", **changes)
    done = apply(broken, plan(broken, spec))
    assert [denied(moment) for moment in done.worlds if denied(moment)] == []
    back = apply(done.world, plan(done.world, first)).world
    then = apply(back, plan(back, spec))
    assert [denied(moment) for moment in then.worlds if denied(moment)] == []
    assert plan(then.world, spec).changes == ()


@pytest.mark.parametrize("fields", [{"target": "nodes/a"}, {"key_store": "file"}])
def test_what_reads_its_key_with_the_url_waits_for_nothing(fields: dict[str, Any]) -> None:
    world, spec = ran(at(FIRST, **fields)), at(SECOND, generation=2, **fields)
    done = apply(world, plan(world, spec))
    assert [denied(moment) for moment in done.worlds if denied(moment)] == []
    assert plan(done.world, spec).changes == ()


@pytest.mark.parametrize("changes", CHANGES)
def test_another_url_of_the_same_litellm_is_no_other_place(changes: dict[str, Any]) -> None:
    world, spec = ran(at(FIRST)), at(SECOND, **changes)
    same = World({**world.proxies, SECOND: world.proxies[FIRST]}, world.nodes, lockfile=world.lockfile)
    blocked = {c.address: c.blockers for c in plan(same, spec).changes if c.action is Action.BLOCKED}
    assert not any("moves from" in why.reason for whys in blocked.values() for why in whys), blocked
    assert key("one", "a") not in blocked
