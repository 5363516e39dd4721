"""Stops: what a spec that went wrong would do is held, with setting and figures, until it is said to be meant."""

from __future__ import annotations

import pytest

from fleethub.model.exit import Exit
from fleethub.model.finding import STOPS, Severity
from fleethub.model.plan import Action, Orders, Plan
from fleethub.operations.plan import plan_exit
from tests.fleets import Spec, fleet
from tests.world import World, apply, plan, settled


def nodes(many: int, **policy: object) -> Spec:
    made = fleet(**policy).models("one", "two")
    for number in range(many):
        made = made.node(f"n{number}", "one")
    return made


def allowed(*codes: str) -> Orders:
    return Orders(allow=frozenset(codes))


def stops(made: Plan) -> list[tuple[str, Severity]]:
    return [(f.code, f.severity) for f in made.findings if f.code in STOPS]


def without(spec: Spec, *names: str) -> Spec:
    return spec.without("nodes", *names)


def test_a_deletion_of_too_many_stops_all_and_says_how_to_go_on() -> None:
    spec = nodes(10)
    there = settled(spec)
    gone = without(spec, "n0", "n1", "n2", "n3").key("n5", rpm=5)
    made = plan(there, gone)
    assert stops(made) == [("stop.deletes", Severity.ERROR)]
    message = next(f for f in made.findings if f.code == "stop.deletes")
    figures = "4 of 10 keys (40 %) and 4 of 10 nodes (40 %)"
    assert message.message == (f"the plan deletes {figures}: [policy] max_delete_percent is 30, from min_existing = 10")
    assert {c.blockers[0].what for c in made.changes} == {"delete", "update"}
    assert message.hint == "if it is meant: fleethub apply --allow stop.deletes; or raise max_delete_percent"
    assert (made.doable, made.steps, plan_exit(made)) == ((), (), Exit.REFUSED)
    assert all(c.action is Action.BLOCKED for c in made.changes)
    passed = plan(there, gone, orders=allowed("stop.deletes"))
    assert stops(passed) == [("stop.deletes", Severity.WARNING)]
    assert plan(apply(there, passed).world, gone).changes == ()


@pytest.mark.parametrize(
    ("many", "gone", "policy"),
    [
        (10, 3, {}),  # not more than 30 %
        (9, 9, {}),  # fewer than ten are there
        (10, 10, {"max_delete_percent": 100}),
        (12, 6, {"min_existing": 13}),
    ],
)
def test_what_is_within_its_limits_is_not_stopped(many: int, gone: int, policy: dict[str, int]) -> None:
    spec = nodes(many, **policy)
    made = plan(settled(spec), without(spec, *(f"n{number}" for number in range(gone))))
    assert stops(made) == []


def test_none_may_be_deleted_where_that_is_the_limit() -> None:
    spec = nodes(2, max_delete_percent=0, min_existing=1)
    assert stops(plan(settled(spec), without(spec, "n0"))) == [("stop.deletes", Severity.ERROR)]


def test_a_change_of_too_many_is_stopped_where_the_spec_says_so() -> None:
    spec = nodes(10)
    there = settled(spec)
    strict = nodes(10, max_update_percent=20)
    for number in range(3):
        spec, strict = (s.node(f"n{number}", "two") for s in (spec, strict))
    assert stops(plan(there, spec)) == []
    made = plan(there, strict)
    assert stops(made) == [("stop.updates", Severity.ERROR)]
    message = next(f.message for f in made.findings if f.code == "stop.updates")
    assert "and 3 of 10 nodes (30 %): [policy] max_update_percent is 20" in message
    assert made.steps == ()


def test_a_first_apply_and_a_destroy_are_not_stopped() -> None:
    spec = nodes(12, max_update_percent=0, last_node="stop", key_idle="1h").key("ui", models=["one"])
    assert stops(plan(World.of(spec), spec)) == []
    there = settled(spec).at_key("ui", used=5.0)
    assert stops(plan(there, spec.without("nodes").without("keys"), orders=Orders(uninstall=True))) == []


@pytest.mark.parametrize(
    ("used", "idle", "stopped"),
    [(120.0, None, True), (601.0, None, False), (None, None, False), (120.0, "1m", False), (7000.0, "2h", True)],
)
def test_a_key_without_a_node_that_is_in_use_stays(used: float | None, idle: str | None, stopped: bool) -> None:
    spec = fleet(key_idle=idle).node("a", "one").key("ui", models=["one"])
    there = settled(spec).at_key("ui", used=used)
    made = plan(there, spec.without("keys").key("a", rpm=5))
    assert bool(stops(made)) is stopped
    assert any(c.action is Action.UPDATE for c in made.changes)  # the rest goes on
    if stopped:
        finding = next(f for f in made.findings if f.code == "stop.key-in-use")
        assert "a call was made with it" in finding.message
        assert "[policy] key_idle is" in finding.message
        assert plan_exit(made) is Exit.REFUSED
        passed = plan(there, spec.without("keys").key("a", rpm=5), orders=allowed("stop.key-in-use"))
        assert apply(there, passed).world.proxy.find("ui") == ()


def test_the_key_of_a_node_that_goes_is_deleted_though_the_node_used_it() -> None:
    spec = fleet().node("a", "one").node("b", "one")
    there = settled(spec).at_key("a", used=1.0)
    assert stops(plan(there, spec.without("nodes", "a"))) == []


def test_the_last_node_of_a_backend_stays_where_the_spec_says_so() -> None:
    spec = fleet(last_node="stop").backend("gpu", "http://gpu:11434", proxy="main").model("one", vram="9 GiB")
    spec = spec.node("a", "one").node("b", "one")
    there = settled(spec)
    assert stops(plan(there, spec.without("nodes", "a"))) == []
    made = plan(there, spec.without("nodes", "a", "b"))
    assert [(f.code, str(f.address)) for f in made.findings if f.code in STOPS] == [
        ("stop.last-node", "node.a"),
        ("stop.last-node", "node.b"),
    ]
    assert made.steps == ()
    passed = plan(there, spec.without("nodes", "a", "b"), orders=allowed("stop.last-node"))
    assert {c.action for c in passed.changes} == {Action.DELETE}
    quiet = fleet().backend("gpu", "http://gpu:11434", proxy="main").model("one", vram="9 GiB")
    quiet = quiet.node("a", "one").node("b", "one")
    assert stops(plan(settled(quiet), quiet.without("nodes", "a", "b"))) == []


def test_a_node_that_moves_is_not_deleted_though_nothing_uses_its_backend_any_more() -> None:
    spec = fleet(last_node="stop", max_delete_percent=0, min_existing=1)
    spec = spec.backend("gpu", "http://gpu:11434", proxy="main").model("one", vram="9 GiB").model("two", proxy="main")
    there = settled(spec.node("a", "one", target="nodes/here"))
    made = plan(there, spec.node("a", "two", target="nodes/there"))
    assert {(str(c.address), c.action) for c in made.changes} >= {("node.a@was", Action.DELETE)}
    assert stops(made) == []
