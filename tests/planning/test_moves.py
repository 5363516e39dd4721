"""A node whose target changes is delivered to its new place and settles there; then its old place is taken down."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fleethub.kinds.node.actions import CopyFolders, RemoveNode, StopNode
from fleethub.model.address import WAS, Address, key, node
from fleethub.model.observation import Unknown
from fleethub.model.plan import Action, Orders, Part, Phase
from tests.fleets import Spec, fleet
from tests.world import World, apply, denied, facts, plan, settled
from tests.world.living import unnamed

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


ASIDE = "ssh://ops@here/srv/elsewhere"


def taking(target: str, *chain: str) -> Spec:
    return fleet().models("one", "two").node("a", *(chain or ("one",)), target=target, move_state=True)


def lived(spec: Spec, target: str = HERE) -> World:
    """Its process has written something there."""
    return settled(spec).at_node(target, lambda n: replace(n, kept="memory"))


def test_on_one_machine_it_is_ended_before_it_starts_anew() -> None:
    made = plan(settled(at(HERE)), at(ASIDE))
    ids = [s.id for s in made.steps if s.address.kind == "node"]
    assert ids == ["node.a/deliver", "node.a/activate", "node.a/stop", "node.a/settle", f"{OLD}/remove"]
    assert "node.a/stop" in next(s for s in made.steps if s.id == "node.a/activate").after
    (remove,) = [s.do for s in made.steps if s.address == OLD]
    assert isinstance(remove, RemoveNode)
    assert remove.argv == (), "what ends the project there would end the new one"
    assert remove.by_hand == ""
    done = apply(settled(at(HERE)), made)
    assert done.failed == []
    assert plan(done.world, at(ASIDE)).changes == ()


def test_on_one_machine_what_nobody_can_end_is_removed_first() -> None:
    before, after = (
        fleet().models("one").node("a", "one", target=target, activate="never") for target in (HERE, ASIDE)
    )
    made = plan(settled(before), after)
    (change,) = [c for c in made.changes if c.address.kind == "node"]
    assert (change.address, change.action) == (Address("node", "a"), Action.BLOCKED)
    assert "remove the node in one apply" in change.blockers[0].reason


@pytest.mark.parametrize("target", [THERE, ASIDE])
def test_what_it_keeps_itself_goes_along_and_breaks_off_anywhere(target: str) -> None:
    """Never copied while anybody writes there (the world refuses that), and never after it started there."""
    world, spec = lived(taking(HERE)), taking(target, "two")
    steps = plan(world, spec).steps
    copy = next(s for s in steps if isinstance(s.do, CopyFolders))
    assert (copy.do.folders, "node.a/stop" in copy.after) == (("state", "workspace"), True)  # type: ignore[attr-defined]
    for crash in range(1, len(steps) + 2):
        broken = apply(world, plan(world, spec), crash=crash).world
        for n in (1, 2, None):  # and again
            broken = apply(broken, plan(broken, spec), **({"crash": n} if n else {})).world
            assert denied(broken) == []
        assert plan(broken, spec).changes == ()
        assert broken.nodes[target].kept == "memory"
        assert broken.nodes[HERE].kept == "memory", "what a process wrote is never deleted"


def test_without_it_nothing_is_copied() -> None:
    world = lived(at(HERE))
    made = plan(world, at(THERE))
    assert not any(isinstance(s.do, CopyFolders | StopNode) for s in made.steps)
    assert apply(world, made).world.nodes[THERE].kept == ""


def test_what_ran_there_since_is_its_own() -> None:
    """It moved without its folders: asked for afterwards, nothing is copied over what it has by now."""
    world = lived(at(HERE))
    moved = plan(world, at(THERE))
    broken = apply(world, moved, crash=len(moved.steps) - 1).world  # before its old place is taken down
    assert OLD in broken.lockfile.resources  # type: ignore[union-attr]
    assert not any(isinstance(s.do, CopyFolders | StopNode) for s in plan(broken, taking(THERE)).steps)


def test_it_waits_for_the_place_that_has_its_folders() -> None:
    world, spec = lived(taking(HERE)), taking(THERE)
    read = facts(world, spec)
    dark = replace(read, readings={**read.readings, ("host", HERE): Unknown("no route to host", read.at)})
    made = plan(world, spec, facts=dark)
    change = next(c for c in made.changes if c.address == node("a"))
    assert change.action is Action.BLOCKED
    assert change.blockers[0].reason == (
        f"waits for {OLD}: no route to host; without it: fleethub apply --forget {OLD}"
    )
    let_go = plan(world, spec, facts=dark, orders=Orders(frozenset({OLD})))
    assert apply(world, let_go).world.nodes[THERE].kept == ""


def test_it_comes_from_where_it_ran_last() -> None:
    """There and back again, and a place where it never came up has nothing to give."""
    world = lived(taking(HERE))
    made = plan(world, taking(THERE))
    begun = apply(world, made, crash=[s.id for s in made.steps].index("node.a/copy")).world
    third = taking("ssh://ops@third/srv/a")
    made = plan(begun, third)
    (copy,) = [s.do for s in made.steps if isinstance(s.do, CopyFolders)]
    assert copy.origin.at == HERE
    done = apply(begun, made).world
    assert plan(done, third).changes == ()
    assert done.nodes["ssh://ops@third/srv/a"].kept == "memory"


def test_taken_back_it_starts_again_where_it_was() -> None:
    """What ended it there said so in its mark: nobody takes it for one that runs."""
    world = lived(taking(HERE))
    made = plan(world, taking(THERE))
    stopped = apply(world, made, crash=[s.id for s in made.steps].index("node.a/activate") + 2).world
    assert stopped.nodes[HERE].process is None
    back = plan(stopped, taking(HERE))
    assert "node.a/activate" in [s.id for s in back.steps]
    done = apply(stopped, back).world
    assert done.nodes[HERE].process is not None
    assert plan(done, taking(HERE)).changes == ()


@pytest.mark.parametrize(
    ("fields", "target", "why"),
    [
        ({"activate": "never"}, THERE, "move_state needs a node that FleetHub starts itself"),
        ({}, "nodes/a", "move_state takes what it keeps itself to another machine"),
        ({"files": {"env": "state/.env"}}, THERE, "state/.env is where FleetHub puts a secret"),
    ],
)
def test_what_it_cannot_take_along_is_said(fields: dict[str, Any], target: str, why: str) -> None:
    before, after = (
        fleet().models("one").node("a", "one", target=at, move_state=True, **fields) for at in (HERE, target)
    )
    made = plan(settled(before), after)
    change = next(c for c in made.changes if c.address == node("a"))
    assert change.action is Action.BLOCKED
    assert any(why in b.reason for b in change.blockers), change.blockers


@pytest.mark.parametrize("project", [None, "x"])
@pytest.mark.parametrize("name", ["a", "c"], ids=["itself", "another one"])
def test_what_runs_at_a_place_is_ended_before_something_of_another_type_comes_there(
    name: str, project: str | None
) -> None:
    """A delivery takes its compose file away, and with it what would end it: its key would be deleted while it runs."""
    world = settled(fleet().models("one", "two").node("a", "one", target=HERE, project=project))
    after = fleet().models("one", "two").node(name, "two", target=HERE, type="envfile")
    made = plan(world, after)
    (change,) = (c for c in made.changes if c.address == node(name))
    runs = f"the Compose project {project or 'openclaw-a'!r} runs at {HERE}, and nothing would end it"
    assert change.blockers[0].reason.startswith(runs)
    done = apply(world, made).world
    assert (done.nodes[HERE], denied(done)) == (world.nodes[HERE], [])
    gone = apply(done, plan(done, fleet().models("one", "two"))).world  # as it says
    assert gone.nodes[HERE].process is None
    there = apply(gone, plan(gone, after)).world
    assert plan(there, after).changes == ()


def test_who_takes_a_place_over_does_so_with_the_project_that_runs_there_or_after_it() -> None:
    """A second stack would start beside the first, or not at all for its port."""
    world = settled(at(HERE))
    other = fleet().models("one", "two").node("c", "one", target=HERE)
    made = plan(world, other)
    (why,) = (c.blockers[0].reason for c in made.changes if c.address == node("c"))
    assert "'openclaw-a' runs at" in why
    assert "would be 'openclaw-c': a second stack beside the first" in why
    assert denied(apply(world, made).world) == []
    same = fleet().models("one", "two").node("c", "one", target=HERE, project="openclaw-a")
    done = apply(world, plan(world, same))
    assert done.failed == []
    assert [denied(moment) for moment in done.worlds if denied(moment)] == []
    assert plan(done.world, same).changes == ()


def at_place(target: str, name: str, **fields: Any) -> Spec:
    """A node, or a consumer ``p``, at a target."""
    made = fleet().models("one", "two")
    if name == "p":
        return made.table("consumers.p", model="one", target=target, settle="0s", **fields)
    return made.node(name, "one", target=target, **fields)


TAKEN = [
    (HERE, {"project": "x", "key_store": "file"}, "c", {"project": "x"}),
    (HERE, {"project": "x", "key_store": "file"}, "a", {"project": "x"}),
    (HERE, {"activate": "never", "type": "envfile"}, "p", {"file": "key"}),
    ("nodes/a", {}, "c", {"type": "envfile"}),
    ("nodes/a", {"key_store": "file"}, "a", {"type": "envfile"}),
    ("nodes/a", {}, "p", {"file": "key"}),
    ("nodes/a", {}, "p", {"env": {"file": "web.env"}}),
]


@pytest.mark.parametrize(("target", "before", "name", "after"), TAKEN)
def test_who_takes_a_place_leaves_none_of_its_files_there(
    target: str, before: dict[str, Any], name: str, after: dict[str, Any]
) -> None:
    """Nothing would name them any more: a key would lie there for good."""
    world, spec = settled(at_place(target, "a", **before)), at_place(target, name, **after)
    for crash in (*range(1, len(plan(world, spec).steps) + 1), None):
        broken = apply(world, plan(world, spec), crash=crash)
        done = apply(broken.world, plan(broken.world, spec))
        assert (broken.failed, done.failed) == ([], [])
        assert [denied(moment) for moment in (*broken.worlds, *done.worlds) if denied(moment)] == []
        assert (unnamed(broken.world), unnamed(done.world)) == ([], [])
        assert plan(done.world, spec).changes == ()


def test_who_takes_a_place_leaves_there_what_is_somebody_elses() -> None:
    world = settled(at_place("nodes/a", "a")).at_file("nodes/a", "compose.yaml", b"mine: 1")
    world = world.at_file("nodes/a", "notes", b"mine")
    done = apply(world, plan(world, spec := at_place("nodes/a", "c", type="envfile"))).world
    assert sorted(done.nodes["nodes/a"].files) == [".env", "compose.yaml", "notes"]
    assert plan(done, spec).changes == ()


@pytest.mark.parametrize("target", ["nodes/a", HERE])
def test_what_becomes_its_operators_by_another_name_keeps_its_files(target: str) -> None:
    world = settled(at_place(target, "a", project="x"))
    spec = at_place(target, "c", project="x", manage="wiring")
    done = apply(world, plan(world, spec))
    assert done.failed == []
    assert done.world.nodes[target].files.keys() >= world.nodes[target].files.keys()
    assert denied(done.world) == []


@pytest.mark.parametrize("place", [{"file": "key"}, {"env": {"file": "web.env"}}])
def test_no_consumer_comes_to_what_runs(place: dict[str, Any]) -> None:
    world = settled(at_place(HERE, "a"))
    made = plan(world, spec := at_place(HERE, "p", **place))
    (change,) = (c for c in made.changes if c.address.kind == "consumer")
    assert "the Compose project 'openclaw-a' runs at" in change.blockers[0].reason
    done = apply(world, made).world
    assert (done.nodes[HERE], denied(done)) == (world.nodes[HERE], [])
    gone = apply(done, plan(done, fleet().models("one", "two"))).world
    there = apply(gone, plan(gone, spec)).world
    assert (unnamed(there), plan(there, spec).changes) == ([], ())
