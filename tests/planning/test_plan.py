"""Whole plans on the pure world: which steps, in which order, held back by what. Each case is a life in a few lines."""

from __future__ import annotations

from dataclasses import replace

from fleethub.model.plan import Action, Phase, Plan
from tests.fleets import Spec, fleet
from tests.world import SEAL, World, apply, denied, facts, plan, settled
from tests.world.lies import believed, told

ONE = fleet().models("one", "two").node("a", "one")
TWO = fleet().models("one", "two").node("a", "two")
MANAGED = fleet(manage_routes=True).models("one", "two").node("a", "one")
FAR = ONE.table("defaults.node", target="ssh://ops@{host}/srv/{name}")


def steps(made: Plan) -> list[str]:
    return [step.id for step in made.steps]


def actions(made: Plan) -> dict[str, str]:
    return {str(change.address): str(change.action) for change in made.changes}


def reasons(made: Plan) -> str:
    return " ".join(o.reason for change in made.changes for o in change.blockers)


def test_a_first_plan_makes_the_key_proves_it_and_delivers() -> None:
    made = plan(World.of(ONE), ONE)
    assert steps(made) == ["key.main.a/expand", "key.main.a/prove", "node.a/deliver", "node.a/settle"]
    assert actions(made) == {"key.main.a": "create", "node.a": "create"}
    assert "nothing is deleted" in made.sentence


def test_a_swap_widens_first_and_narrows_once_the_node_has_settled() -> None:
    made = plan(settled(ONE), TWO)
    assert steps(made) == [
        "key.main.a/expand", "key.main.a/prove", "node.a/deliver", "node.a/settle", "key.main.a/contract",
    ]  # fmt: skip
    wide, narrow = (step.do.models for step in made.steps if step.phase in (Phase.EXPAND, Phase.CONTRACT))  # type: ignore[union-attr]
    assert (wide, narrow) == (("one", "two"), ("two",))
    assert "node.a/settle" in made.steps[-1].after


def test_behind_ssh_the_process_is_started_before_it_settles() -> None:
    made = plan(World.of(FAR), FAR)
    assert steps(made)[2:] == ["node.a/deliver", "node.a/activate", "node.a/settle"]


def test_a_managed_route_is_proved_before_the_key_names_it() -> None:
    made = plan(World.of(MANAGED), MANAGED)
    at = {name: i for i, name in enumerate(steps(made))}
    assert at["route.main.one/expand"] < at["route.main.one/prove"] < at["node.a/deliver"]
    assert {"route.main.one/expand", "route.main.one/prove"} <= set(made.steps[at["key.main.a/prove"]].after)


def test_a_removed_block_takes_the_node_down_before_its_key() -> None:
    made = plan(settled(ONE), ONE.without("nodes"))
    assert actions(made) == {"key.main.a": "delete", "node.a": "delete"}
    (delete,) = (step for step in made.steps if step.id == "key.main.a/delete")
    assert "node.a/remove" in delete.after


def test_a_key_is_kept_wide_while_its_node_cannot_be_read() -> None:
    world = settled(FAR)
    dark = told(facts(world, FAR), {"proxy": "", "node a": "unread"})
    made = plan(world, FAR.node("a", "two"), facts=dark)
    assert actions(made)["node.a"] == "blocked"
    assert all(step.phase is not Phase.CONTRACT for step in made.steps)
    assert "connection refused" in reasons(made)


def test_a_proxy_that_does_not_answer_holds_back_the_key_and_the_delivery() -> None:
    world = replace(settled(ONE), proxies={})
    made = plan(world, TWO)
    assert set(actions(made).values()) == {"blocked"}
    assert made.steps == ()
    assert "proxy.unreadable" in {f.code for f in made.findings}


def test_a_model_that_the_proxy_lacks_is_not_wired() -> None:
    world = settled(ONE).at_proxy(lambda proxy: replace(proxy, models=frozenset({"one"})))
    made = plan(world, TWO)
    assert "route.missing" in {f.code for f in made.findings}
    assert "node.a/deliver" not in steps(made)


def test_a_node_of_which_a_half_is_left_is_not_wired_to_a_model_that_the_proxy_lost() -> None:
    lost = settled(ONE).at_proxy(lambda proxy: replace(proxy, models=frozenset({"two"})))
    for path in (".env", "openclaw.json"):
        made = plan(lost.at_file("nodes/a", path, None), ONE, repair=True)
        assert actions(made)["node.a"] == "blocked", path
        assert "so every call for it would be refused" in reasons(made)


def test_a_limit_is_one_update_that_no_node_waits_for() -> None:
    made = plan(settled(ONE), ONE.key("a", rpm=60))
    assert actions(made) == {"key.main.a": "update"}
    assert steps(made) == ["key.main.a/expand", "key.main.a/prove"]


def test_a_creation_that_broke_off_and_is_wanted_elsewhere_leaves_nothing_where_it_began() -> None:
    elsewhere = FAR.table("nodes.a", target="ssh://ops@b/srv/a")
    for crash in (2, 3, 4):
        broken = apply(World.of(FAR), plan(World.of(FAR), FAR), crash=crash).world
        done = apply(broken, plan(broken, elsewhere))
        assert all(denied(moment) == [] for moment in done.worlds)
        assert {place for place, there in done.world.nodes.items() if there.files} == {"ssh://ops@b/srv/a"}
        assert plan(done.world, elsewhere).changes == ()


def test_a_lost_lockfile_ends_everything() -> None:
    for spec in (ONE, MANAGED):
        made = plan(replace(settled(spec), lockfile=None), spec)
        assert made.fatal
        assert [f.code for f in made.findings if f.code.startswith("state.")] == ["state.lost"]


def test_another_clones_apply_is_found_by_its_marks() -> None:
    before = settled(ONE)
    theirs = apply(before, plan(before, TWO), by="there").world
    made = plan(replace(theirs, lockfile=before.lockfile), ONE)
    assert "state.behind" in {f.code for f in made.findings}
    assert made.steps == ()


def test_the_same_plan_has_the_same_id() -> None:
    assert plan(settled(ONE), TWO).id == plan(settled(ONE), TWO).id
    assert plan(settled(ONE), TWO).id != plan(settled(ONE), ONE.key("a", rpm=1)).id


def test_drift_is_repaired_or_stopped_at_as_the_policy_says() -> None:
    def meddled(spec: Spec) -> World:
        return settled(spec).at_file("nodes/a", "openclaw.json", b"{}")

    made = plan(meddled(ONE), ONE)
    assert (actions(made), [d.repaired for d in made.drift]) == ({"node.a": "update"}, [True])
    stop = ONE.table("policy", drift="stop")
    made = plan(meddled(stop), stop)
    assert (actions(made), made.steps) == ({"node.a": Action.BLOCKED}, ())


def test_of_two_nodes_at_one_target_neither_is_taken_down() -> None:
    both = ONE.node("b", "one")
    world = settled(both)
    wrong = replace(world, lockfile=believed(world.lockfile, None, "a node elsewhere"))
    made = plan(wrong, both.without("nodes", "b"))
    assert actions(made) == {"node.b": "blocked", "key.main.b": "blocked"}
    assert "fleet.lock has node.a and node.b at nodes/a" in reasons(made)
    assert set(actions(plan(wrong, both.without("nodes"))).values()) == {"blocked"}


def test_a_deletion_that_breaks_off_still_knows_what_a_creation_before_it_began() -> None:
    begun = apply(World.of(ONE), plan(World.of(ONE), ONE), crash=1).world
    gone = ONE.without("nodes")
    broken = apply(begun, plan(begun, gone), crash=0).world
    assert broken.lockfile is not None
    (record,) = (r for a, r in broken.lockfile.resources.items() if a.kind == "key")
    assert record.pending is not None
    assert record.pending.attrs.value == SEAL.sha256(bytes.fromhex(broken.key("a").token))
    after = apply(broken, plan(broken, gone)).world
    assert (after.proxy.keys, dict(after.lockfile.resources) if after.lockfile else None) == ((), {})


def test_what_several_applies_that_broke_off_wrote_is_still_known_as_ours() -> None:
    world = World.of(ONE)
    for spec, crash in ((ONE, 3), (TWO, 0), (ONE.node("a", "two", "one"), 0)):  # the first delivers and goes no further
        world = apply(world, plan(world, spec), crash=crash).world
    assert world.nodes["nodes/a"].files
    after = apply(world, plan(world, ONE.without("nodes"))).world
    assert not after.nodes["nodes/a"].files, "files of ours were left behind"


def test_behind_ssh_a_node_changes_its_key_or_gains_models_but_not_both_at_once() -> None:
    """Its process takes the new models at once, the new key when it restarts: with the old one it would be refused."""
    before, own = settled(FAR), FAR.key("shared")
    both = own.node("a", "two", key="shared")
    held = plan(before, both)
    assert not any(step.startswith("node.a/") for step in steps(held))
    assert "its key on main changes from a to shared" in reasons(held)

    renamed = own.node("a", "one", key="shared")
    first = apply(before, plan(before, renamed)).world
    then = apply(first, plan(first, both)).world
    assert plan(then, both).changes == ()
    assert {row.alias: row.models for row in then.proxy.keys} == {"shared": ("two",)}
