"""Who listens on a node's port is asked where something hangs on it, and then a plan knows it as it would anyway."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fleethub.model.plan import Plan
from fleethub.model.readings.host import HostReading
from fleethub.planning import make_plan, sources
from tests.fleets import fleet
from tests.world import SEAL, World, apply, facts, plan, settled, wanted
from tests.world.fold import started

FAR = fleet().models("one", "two").node("a", "one").table("defaults.node", target="ssh://ops@{host}/srv/{name}")
HAND = FAR.table("nodes.a", activate="never")
THERE = "ssh://ops@a/srv/a"
PORT = 18789
MORE = {"env": {"MORE": {"value": "1"}}}


def asked(world: World, spec: object) -> set[str]:
    """The words about its port."""
    found = sources(spec.fleet, wanted(spec), world.lockfile)  # type: ignore[attr-defined, arg-type]
    return {
        word.partition(":")[0]
        for one in found
        for word in one.ask
        if one.at == THERE and word[:5] in ("port:", "waits")
    }


@pytest.mark.parametrize("spec", [FAR, HAND], ids=["FleetHub starts it", "by hand"])
def test_it_is_asked_of_a_node_that_was_never_put_there_and_not_of_one_that_was(spec: object) -> None:
    assert asked(World.of(spec), spec) == {"port"}  # type: ignore[arg-type]
    assert asked(settled(spec), spec) == {"waits"}  # type: ignore[arg-type]


@pytest.mark.parametrize("runs", [True, False])
def test_a_restart_by_hand_is_waited_for_where_a_process_is_found_that_nobody_asked_about_before(runs: bool) -> None:
    world = started(settled(HAND), THERE, PORT) if runs else settled(HAND)
    edited = HAND.node("a", "two").table("nodes.a", **MORE)
    first = facts(world, edited)
    (reading,) = (one for one in first.readings.values() if isinstance(one, HostReading))
    assert not reading.listens
    assert waits(plan(world, edited)) is runs
    # an earlier look does not tell, so it may run
    assert waits(make_plan(edited.fleet, world.lockfile, wanted(edited), first, SEAL))


def waits(plan: Plan) -> bool:
    """Whether node a takes its set into use when somebody restarts it."""
    (change,) = (change for change in plan.changes if str(change.address) == "node.a")
    return any("restarted; restart it" in blocker.reason for blocker in change.blockers)


def test_where_a_set_waits_for_a_new_process_it_is_asked_at_each_look() -> None:
    edited = HAND.node("a", "two").table("nodes.a", **MORE)
    world = started(settled(HAND), THERE, PORT)
    world = apply(world, plan(world, edited)).world
    assert {change.action.value for change in plan(world, edited).changes} == {"blocked"}
    (reading,) = (one for one in facts(world, edited).readings.values() if isinstance(one, HostReading))
    assert reading.listens.keys() == {PORT}
    again = started(world, THERE, PORT)
    assert plan(apply(again, plan(again, edited)).world, edited).changes == ()


def test_where_it_can_no_more_be_told_a_restart_goes_on_being_waited_for() -> None:
    """A host that lost ``ss`` and ``/proc``: who cannot be seen may be the old process."""
    edited = HAND.node("a", "two").table("nodes.a", **MORE)
    world = started(settled(HAND), THERE, PORT)
    world = apply(world, plan(world, edited)).world
    found = facts(world, edited)
    blind = replace(
        found,
        readings={s: replace(r, listens={}) if isinstance(r, HostReading) else r for s, r in found.readings.items()},
    )
    assert waits(make_plan(edited.fleet, world.lockfile, wanted(edited), blind, SEAL))
