"""A gateway's key in a file of its own: a rotation restarts nothing, and going there or back is one recreation."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fleethub.kinds.node.actions import Activate
from fleethub.model.plan import Phase
from tests.fleets import Spec, direct, fleet
from tests.kinds.asking import phases, steps
from tests.world import World, apply, denied, plan, settled
from tests.world.fold import started

ENV = fleet().models("one", "two").node("a", "one").table("defaults.node", target="ssh://ops@{host}/srv/{name}")
FILE = ENV.table("nodes.a", key_store="file")
HAND = FILE.table("nodes.a", type="openclaw-native")
NODE, THERE, KEY = "node.a", "ssh://ops@a/srv/a", "openclaw.key"


def rotated(spec: Spec) -> Spec:
    return spec.key("a", generation=2)


def activation(world: World, spec: Spec) -> Activate:
    return next(step.do for step in steps(NODE, world, spec).steps if isinstance(step.do, Activate))


def changed(world: World, spec: Spec) -> Any:
    return next(change for change in plan(world, spec).changes if str(change.address) == NODE)


def running(spec: Spec) -> World:
    """Applied, and where FleetHub starts nothing started by hand and proved."""
    world = settled(spec)
    if world.nodes[THERE].process is None:
        world = started(world, THERE, 18789)
        world = apply(world, plan(world, spec)).world
    assert plan(world, spec).changes == ()
    return world


def process(world: World) -> Any:
    found = world.nodes[THERE].process
    assert found is not None
    return found


@pytest.mark.parametrize("spec", [FILE, HAND], ids=["container", "by hand"])
def test_a_rotation_goes_to_the_running_process_and_none_is_denied(spec: Spec) -> None:
    world = running(spec)
    before = process(world)
    do = activation(world, rotated(spec))
    assert (do.hot, do.fresh, do.tell is not None) == (True, False, True)
    assert [turn.argv[-3] for turn in do.turns] == ["fleethub-1/one"]
    done = apply(world, plan(world, rotated(spec)))
    assert process(done.world).number == before.number
    assert process(done.world).key != before.key
    assert denied(done.world) == []
    assert len(done.world.proxy.keys) == 1
    assert plan(done.world, rotated(spec)).changes == ()


def test_the_plan_of_a_rotation_says_what_it_takes() -> None:
    assert changed(settled(FILE), rotated(FILE)).consequence == "key reloaded while it runs, proved by a turn"
    assert changed(settled(ENV), rotated(ENV)).consequence == "container recreated"


@pytest.mark.parametrize(("before", "after"), [(ENV, FILE), (FILE, ENV)], ids=["into a file", "back"])
def test_going_from_one_to_the_other_is_one_recreation(before: Spec, after: Spec) -> None:
    world = settled(before)
    assert changed(world, after).consequence == "container recreated, hot reload"
    assert activation(world, after).fresh is True
    applied = apply(world, plan(world, after))
    done = applied.world
    assert process(done).number == process(world).number + 1
    assert (KEY in done.nodes[THERE].files) is (after is FILE)
    assert [why for each in applied.worlds for why in denied(each)] == []
    assert plan(done, after).changes == ()


@pytest.mark.parametrize("crash", range(1, 6))
def test_back_into_the_environment_nobody_is_denied_wherever_it_breaks_off(crash: int) -> None:
    """A process of the new environment comes before the config that names its variable."""
    world = settled(FILE)
    broken = apply(world, plan(world, ENV), crash=crash)
    done = apply(broken.world, plan(broken.world, ENV))
    assert done.failed == []
    assert [why for each in (*broken.worlds, *done.worlds) for why in denied(each)] == []
    assert process(done.world).number > process(world).number
    assert KEY not in done.world.nodes[THERE].files
    assert plan(done.world, ENV).changes == ()


def test_another_path_is_taken_over_while_it_runs() -> None:
    """Compose recreates nothing for it, so that to wait for a new process would fail for good."""
    moved = FILE.table("nodes.a", files={"key": "mine.key"})
    do = activation(settled(FILE), moved)
    assert (do.hot, do.fresh, do.tell is not None) == (True, False, True)
    assert changed(settled(FILE), moved).consequence == "key reloaded while it runs, proved by a turn, hot reload"


def test_what_makes_a_new_process_needs_no_word_of_a_reload() -> None:
    both = rotated(FILE).table("nodes.a", generation=2)
    assert changed(settled(FILE), both).consequence == "container recreated"


def test_by_hand_it_goes_back_only_while_it_does_not_run() -> None:
    """It would take the config over at once, and have no such variable."""
    back = HAND.table("nodes.a", key_store="env")
    world = running(HAND)
    change = changed(world, back)
    assert "end it, apply, start it" in change.blockers[0].reason
    done = apply(world, plan(world, back)).world
    assert (process(done), denied(done)) == (process(world), [])
    ended = world.at_node(THERE, lambda node: replace(node, process=None))
    done = apply(ended, plan(ended, back)).world
    ran = started(done, THERE, 18789)
    assert denied(ran) == []
    assert KEY not in ran.nodes[THERE].files
    assert plan(apply(ran, plan(ran, back)).world, back).changes == ()


def test_a_crash_between_the_file_and_the_process_is_gone_on_with() -> None:
    """The old value must live until the process is told: it has that in its memory."""
    world, spec = running(HAND), rotated(HAND)
    decided = plan(world, spec)
    delivered = [step.phase for step in decided.steps].index(Phase.DELIVER) + 1
    half = apply(world, decided, crash=delivered).world
    assert process(half).key == process(world).key
    assert "activate" in phases(steps(NODE, half, spec))
    whole = apply(half, plan(half, spec)).world
    assert denied(half) == denied(whole) == []
    assert process(whole).number == process(world).number
    assert plan(whole, spec).changes == ()


@pytest.mark.parametrize("base", [FILE, HAND], ids=["container", "by hand"])
@pytest.mark.parametrize("after", ["another text", "no mark"])
def test_a_key_that_was_delivered_and_not_told_is_told_with_whatever_comes_next(base: Spec, after: str) -> None:
    """A config that is taken over would read the file by itself; a text for agents, or a mark, does not."""
    base = base.table("nodes.a", files={"fleethub": "workspace/FLEETHUB.md"})
    world, spec = running(base), rotated(base)
    decided = plan(world, spec)
    delivered = [step.phase for step in decided.steps].index(Phase.DELIVER) + 1
    half = apply(world, decided, crash=delivered).world
    if after == "no mark":
        half = half.at_node(THERE, lambda node: replace(node, mark=None))
    else:
        spec = spec.table("nodes.a", owner="ann")
    done = apply(half, plan(half, spec))
    assert [one for each in done.worlds for one in denied(each)] == []
    assert process(done.world).key == done.world.nodes[THERE].files[KEY][0]
    assert plan(done.world, spec).changes == ()


def test_a_key_file_that_somebody_changed_is_drift_without_its_value() -> None:
    world = settled(FILE)
    for other in (world.at_file(THERE, KEY, b"sk-by-hand\n", 0o600),
                  world.at_file(THERE, KEY, world.nodes[THERE].files[KEY][0], 0o644)):  # fmt: skip
        (drift,) = plan(other, FILE).drift
        assert KEY in str(drift)
        assert "sk-" not in str(drift)
        assert "sk-" not in str(changed(other, FILE))
        done = apply(other, plan(other, FILE)).world
        assert done.nodes[THERE].files[KEY] == world.nodes[THERE].files[KEY]
        assert activation(other, FILE).tell is not None


def test_a_key_file_that_is_gone_is_put_back_and_told() -> None:
    world = running(FILE)
    gone = world.at_node(THERE, lambda node: replace(node, files={p: f for p, f in node.files.items() if p != KEY}))
    assert changed(gone, FILE).consequence == "key reloaded while it runs, proved by a turn"
    assert activation(gone, FILE).tell is not None
    done = apply(gone, plan(gone, FILE)).world
    assert done.nodes[THERE].files == world.nodes[THERE].files
    assert process(done) == process(world)


def test_the_file_goes_with_its_node() -> None:
    world = settled(FILE)
    done = apply(world, plan(world, FILE.without("nodes"))).world
    assert KEY not in done.nodes[THERE].files


def test_a_swap_of_models_asks_no_turn() -> None:
    do = activation(settled(FILE), FILE.node("a", "two"))
    assert (do.hot, do.tell, do.turns) == (True, None, ())


def test_nobody_is_told_where_a_human_restarts() -> None:
    never = HAND.table("nodes.a", activate="never")
    world = running(never)
    assert changed(world, rotated(never)).consequence == "restart by hand"
    assert phases(steps(NODE, world, rotated(never))) == ["deliver"]


def test_one_that_does_not_run_reads_it_when_it_starts() -> None:
    world, spec = settled(HAND), rotated(HAND)
    assert world.nodes[THERE].process is None
    done = apply(world, plan(world, spec)).world
    left = plan(done, spec)
    assert all(change.action.value == "blocked" for change in left.changes)
    ran = started(done, THERE, 18789)
    whole = apply(ran, plan(ran, spec)).world
    assert plan(whole, spec).changes == ()
    assert denied(whole) == []


def test_a_chain_that_needs_no_key_has_no_file() -> None:
    spec = fleet(ollama="http://gpu:11434").node("a", direct("qwen3-32b"), key_store="file")
    far = spec.table("defaults.node", target="ssh://ops@{host}/srv/{name}")
    (node,) = far.rendered.values()
    assert KEY not in {file.path for file in node.files}
    assert node.findings == ()


def test_its_steps_wait_for_a_proof_as_any_new_key() -> None:
    order = [step.phase for step in plan(settled(FILE), rotated(FILE)).steps]
    assert (
        order.index(Phase.PROVE)
        < order.index(Phase.DELIVER)
        < order.index(Phase.ACTIVATE)
        < order.index(Phase.CONTRACT)
    )
