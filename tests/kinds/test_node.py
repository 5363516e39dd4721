"""Nodes by themselves: what is delivered, what makes a process new, what is taken down."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fleethub.kinds import KINDS
from fleethub.kinds.node.actions import Activate, Deliver, RemoveNode
from fleethub.kinds.node.kind import node_needs
from fleethub.kinds.values import Dependents
from fleethub.model.observation import Absent, Unknown
from fleethub.model.plan import Action, Phase, Why
from tests.fleets import fleet
from tests.kinds.asking import item, phases, steps
from tests.world import SEAL, Node, World, apply, facts, plan, settled
from tests.world.fold import started
from tests.world.lies import told

SPEC = fleet().models("one", "two").node("a", "one")
FAR = SPEC.table("defaults.node", target="ssh://ops@{host}/srv/{name}")
NODE, HERE, THERE = "node.a", "nodes/a", "ssh://ops@a/srv/a"


def delivery(world: World, spec: Any) -> Deliver:
    return next(step.do for step in steps(NODE, world, spec).steps if isinstance(step.do, Deliver))


def test_what_it_needs_has_one_order_in_each_run() -> None:
    names = [f"m{number}" for number in range(9)]
    built = fleet().models(*names).node("a", *reversed(names)).loaded.fleet
    assert built is not None
    assert [need.alias for need in node_needs(built, built.nodes["a"])] == ["a", *names]


def test_a_folder_is_delivered_and_settles_and_a_host_is_activated_between() -> None:
    assert phases(steps(NODE, World.of(SPEC), SPEC)) == ["deliver", "settle"]
    assert phases(steps(NODE, World.of(FAR), FAR)) == ["deliver", "activate", "settle"]


def test_only_what_changed_is_renamed_and_all_that_was_seen_is_expected() -> None:
    do = delivery(settled(SPEC), SPEC.node("a", "two"))
    assert do.keep == {".env", "compose.yaml"}
    assert {path for path, blob in do.expects.items() if blob} == {".env", "compose.yaml", "openclaw.json"}
    assert all(blob is None for blob in delivery(World.of(SPEC), SPEC).expects.values())


def test_a_changed_config_needs_no_new_process_and_a_changed_env_does() -> None:
    hot, cold = (
        next(s.do for s in steps(NODE, settled(FAR), spec).steps if isinstance(s.do, Activate))
        for spec in (FAR.node("a", "two"), FAR.node("a", "one", env={"TZ": {"value": "UTC"}}))
    )
    assert (hot.hot, hot.fresh) == (True, False)
    assert (cold.hot, cold.fresh) == (False, True)


def test_a_file_that_is_no_longer_part_of_it_goes_where_it_is_still_ours() -> None:
    guided = SPEC.table("nodes.a", files={"fleethub": "GUIDE.md"})
    assert set(delivery(settled(guided), SPEC).stale) == {"GUIDE.md"}
    mine = settled(guided).at_file(HERE, "GUIDE.md", b"my own notes")
    assert delivery(mine, SPEC.node("a", "two")).stale == {}


def test_how_it_is_ended_one_day_is_recorded_and_starts_nothing() -> None:
    state = item(NODE, settled(FAR), FAR)
    assert state.want is not None
    ended = replace(state, want=replace(state.want, attrs=replace(state.want.attrs, stop=("systemctl", "stop", "a"))))
    assert [step.phase for step in KINDS["node"].steps(ended, Dependents()).steps] == [Phase.SETTLE]
    assert [field.path[0] for field in KINDS["node"].describe(ended)[0]] == ["stop"]


def test_a_removal_takes_what_is_still_as_applied() -> None:
    world = settled(SPEC).at_file(HERE, "compose.yaml", b"services: {}").at_file(HERE, "notes", b"mine")
    (step,) = steps(NODE, world, SPEC.without("nodes")).steps
    assert isinstance(step.do, RemoveNode)
    assert set(step.do.files) == {".env", "openclaw.json"}
    left = apply(world, plan(world, SPEC.without("nodes"))).world.nodes[HERE]
    assert set(left.files) == {"compose.yaml", "notes"}


def test_a_node_that_is_there_and_behind_only_settles() -> None:
    assert phases(steps(NODE, settled(SPEC), SPEC)) == ["settle"]


def test_unread_is_unknown_and_an_empty_folder_is_absent() -> None:
    world = settled(SPEC)
    dark = told(facts(world, SPEC), {"proxy": "", "node a": "unread"})
    (change,) = (c for c in plan(world, SPEC.node("a", "two"), facts=dark).changes if str(c.address) == NODE)
    assert change.action is Action.BLOCKED
    assert {blocker.why for blocker in change.blockers} == {Why.UNKNOWN}
    assert isinstance(item(NODE, world.at_node(HERE, lambda _: None), SPEC).have, Absent)
    assert isinstance(item(NODE, world.at_node(HERE, lambda _: Node()), SPEC).have, Absent)


def test_without_the_seed_nothing_of_a_node_is_known() -> None:
    from fleethub.kinds.node.kind import NodeKind
    from fleethub.kinds.values import ObserveContext
    from tests.world import SEEDLESS, wanted

    world = settled(SPEC)
    assert world.lockfile is not None
    (address, want), *_ = [(a, r) for a, r in wanted(SPEC, SEEDLESS).items() if a.kind == "node"]
    record = world.lockfile.resources[address]
    context = ObserveContext(facts(world, SPEC), SEEDLESS, world.lockfile.lineage)
    assert isinstance(NodeKind().observe(address, want, record, context), Unknown)
    assert isinstance(NodeKind().observe(address, None, record, context), Unknown)
    assert not isinstance(NodeKind().observe(address, None, record, replace(context, fingerprinter=SEAL)), Unknown)


def test_who_is_restarted_by_hand_has_nothing_to_activate() -> None:
    never = FAR.table("nodes.a", activate="never")
    assert phases(steps(NODE, World.of(never), never)) == ["deliver"]
    assert THERE in apply(World.of(never), plan(World.of(never), never)).world.nodes


def test_a_change_alone_comes_to_a_running_node_that_is_restarted_by_hand_and_is_recorded_after_that() -> None:
    """It was blocked until a restart that brought nothing, and so for ever."""
    never = FAR.table("nodes.a", activate="never")
    world = started(settled(never), THERE, 18789)
    edited = never.table("nodes.a", env={"MORE": {"value": "1"}})
    actions = []
    for _ in range(2):
        planned = plan(world, edited)
        actions += [change.action.value for change in planned.changes]
        world = apply(world, planned).world
        assert b"MORE" in world.nodes[THERE].files[".env"][0]
        actions += [change.action.value for change in plan(world, edited).changes]
        world = started(world, THERE, 18789)
    assert actions == ["update", "blocked", "record"]
    assert plan(world, edited).changes == ()
