"""A new value of a living key: made beside the old one, proved, and the old one gone once nobody needs it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fleethub.kinds import KINDS
from fleethub.kinds.key.actions import KeyDelete, KeyPut, KeyWiden, ProveKey
from fleethub.kinds.values import Dependents
from fleethub.model.address import key
from fleethub.model.facts import Facts
from fleethub.model.observation import Unknown
from fleethub.model.plan import Action
from fleethub.model.secret import KeptValue
from fleethub.planning.judge import drift
from tests.fleets import Spec, fleet
from tests.kinds.asking import NO, WAITS, item, phases, steps
from tests.world import SEAL, World, apply, denied, facts, plan, settled

SPEC = fleet().models("one", "two").node("a", "one").key("a", rpm=60)
SECOND = SPEC.key("a", rpm=60, generation=2)
KEY = "key.main.a"
ADDRESS = key("main", "a")
FAR = "ssh://ops@{host}/srv/{name}"


def puts(world: World, spec: Spec) -> list[KeyPut]:
    return [step.do for step in steps(KEY, world, spec).steps if isinstance(step.do, KeyPut)]


def aliases(world: World) -> list[str]:
    return sorted(row.alias for row in world.proxy.keys)


def value_text(world: World, spec: Spec) -> str:
    found, _ = KINDS["key"].describe(item(KEY, world, spec))
    return next(str(leaf.after) for leaf in found if leaf.path == ("value",))


def test_a_new_value_is_a_key_beside_the_old_one_which_goes_last() -> None:
    work = steps(KEY, settled(SPEC), SECOND)
    assert phases(work) == ["expand", "prove", "contract", "contract"]
    made, taken_over = puts(settled(SPEC), SECOND)
    assert (made.create, made.alias, made.models, made.limits) == (True, "a--g2", ("one",), {"rpm_limit": 60})
    assert made.like == settled(SPEC).key("a").token
    (gone,) = (step.do for step in work.steps if isinstance(step.do, KeyDelete))
    assert gone.tokens == (made.like,)
    assert (taken_over.create, taken_over.alias) == (False, "a")


def test_a_new_value_takes_no_limit_of_a_model_over_that_the_spec_has_no_more() -> None:
    """LiteLLM copies what the old one had, so each that goes is named."""
    was = settled(SPEC.key("a", model_rpm={"one": 60, "two": 9}))
    made, _ = puts(was, SPEC.key("a", model_rpm={"one": 60}, generation=2))
    assert made.limits["model_rpm_limit"] == {"one": 60, "two": None}
    gone, _ = puts(was, SPEC.key("a", generation=2))
    assert gone.limits["model_rpm_limit"] == {"one": None, "two": None}


def test_the_old_value_stays_while_a_node_may_use_it() -> None:
    work = steps(KEY, settled(SPEC), SECOND, Dependents(delivered=True, unsettled=(WAITS,)))
    assert phases(work) == ["expand", "prove"]
    assert [o.what for o in work.blockers] == ["deleting its value of before generation 2"]


@pytest.mark.parametrize("far", [False, True], ids=["folder", "far"])
def test_wherever_a_rotation_breaks_off_nobody_is_denied_and_it_comes_to_its_end(far: bool) -> None:
    base = SPEC.table("defaults.node", target=FAR) if far else SPEC
    spec = base.key("a", rpm=60, generation=2)
    whole = len(plan(settled(base), spec).steps)
    assert whole > 5
    for crash in range(whole + 1):
        made = apply(settled(base), plan(settled(base), spec), crash=crash)
        assert [denied(moment) for moment in (*made.worlds, made.world)] == [[]] * (len(made.worlds) + 1)
        again = plan(made.world, spec)
        assert again.drift == ()
        after = apply(made.world, again)
        assert after.failed == []
        assert [denied(moment) for moment in after.worlds] == [[]] * len(after.worlds)
        assert plan(after.world, spec).changes == ()
        assert aliases(after.world) == ["a"]
        assert after.world.key("a").token != settled(base).key("a").token


WIDER = fleet().models("one", "two").table("defaults.node", target=FAR).node("a", "one").key("a")
WIDER_SECOND = WIDER.node("a", "two", "one").key("a", generation=2)


def test_a_wider_chain_beside_a_rotation_widens_the_old_value_too() -> None:
    """A process takes its new chain over while it still has its old value."""
    world, spec = settled(WIDER), WIDER_SECOND
    old, whole = world.key("a").token, plan(world, spec)
    (widen,) = (step.do for step in whole.steps if isinstance(step.do, KeyWiden))
    assert (widen.token, widen.models) == (old, ("two",))
    assert [s.id for s in whole.steps if isinstance(s.do, ProveKey)] == [f"{KEY}/prove", f"{KEY}/prove-old-1"]
    for crash in range(len(whole.steps) + 1):
        made = apply(world, whole, crash=crash)
        after = apply(made.world, plan(made.world, spec))
        assert made.failed == after.failed == []
        assert [denied(moment) for moment in (*made.worlds, *after.worlds) if denied(moment)] == []
        assert plan(after.world, spec).changes == ()
        assert [row.models for row in after.world.proxy.keys] == [("one", "two")]


def test_what_was_widened_and_not_proved_is_proved_before_a_node_is_told() -> None:
    half = apply(settled(WIDER), plan(settled(WIDER), WIDER_SECOND), crash=2).world
    assert [row.models for row in half.proxy.keys] == [("one", "two")] * 2
    again = plan(half, WIDER_SECOND)
    assert [s.id for s in again.steps if isinstance(s.do, KeyWiden)] == []
    deliver = next(s for s in again.steps if s.phase.name == "DELIVER")
    assert f"{KEY}/prove-old-1" in deliver.after


@pytest.mark.parametrize("fields", [{"blocked": True}, {"left": 0.0}, {"allowed_routes": ("/embeddings",)}])
def test_an_old_value_with_which_no_call_is_taken_is_left_alone(fields: dict[str, Any]) -> None:
    whole = plan(settled(WIDER).at_key("a", **fields), WIDER_SECOND.table("policy", drift="repair"))
    assert [s.id for s in whole.steps if s.address.kind == "key" and "old" in s.id] == [f"{KEY}/delete-old"]


def test_an_old_value_of_another_seed_is_waited_for_by_its_hash() -> None:
    world = settled(WIDER)
    assert world.lockfile is not None
    token = "ab" * 32
    seal = SEAL.sha256(bytes.fromhex(token))
    record = world.lockfile.resources[ADDRESS]
    record = replace(record, attrs=replace(record.attrs, value=seal))  # type: ignore[arg-type]
    world = world.at_proxy(lambda p: replace(p, keys=(replace(p.keys[0], token=token),)))
    world = replace(world, lockfile=replace(world.lockfile, resources={**world.lockfile.resources, ADDRESS: record}))
    (prove,) = (s.do for s in plan(world, WIDER_SECOND).steps if s.id.endswith("prove-old-1"))
    assert isinstance(prove, ProveKey)
    assert isinstance(prove.value, KeptValue)
    assert prove.value.token == token


def test_who_takes_a_rotation_back_half_way_goes_on_to_the_new_value() -> None:
    """The lockfile keeps the highest generation: the old value would be back else."""
    half = apply(settled(SPEC), plan(settled(SPEC), SECOND), crash=2).world
    after = apply(half, plan(half, SPEC)).world
    assert denied(after) == []
    assert plan(after, SPEC).changes == ()
    assert len(aliases(after)) == 1


def test_two_rotations_on_a_node_that_is_away_leave_one_value_in_the_end() -> None:
    base = SPEC.table("defaults.node", target=FAR)
    third = base.key("a", rpm=60, generation=3)
    (target,) = settled(base).nodes
    dark = settled(base)
    for spec in (base.key("a", rpm=60, generation=2), third):
        readings = facts_without(dark, spec, target)
        dark = apply(dark, plan(dark, spec, facts=readings)).world
        assert denied(dark) == []
    assert aliases(dark) == ["a", "a--g2", "a--g3"]
    after = apply(dark, plan(dark, third)).world
    assert (aliases(after), denied(after), plan(after, third).changes) == (["a"], [], ())


def facts_without(world: World, spec: Spec, target: str) -> Facts:
    read = facts(world, spec)
    return replace(read, readings={**read.readings, ("host", target): Unknown("no route to host", read.at)})


def test_what_is_left_of_a_rotation_is_no_drift_and_no_orphan() -> None:
    base = SPEC.table("defaults.node", target=FAR)
    spec = base.key("a", rpm=60, generation=2)
    (target,) = settled(base).nodes
    dark = apply(settled(base), plan(settled(base), spec, facts=facts_without(settled(base), spec, target))).world
    assert aliases(dark) == ["a", "a--g2"]
    found = plan(dark, spec, facts=facts_without(dark, spec, target))
    assert (found.drift, [f.code for f in found.findings]) == ((), [])
    assert {c.action for c in found.changes} == {Action.BLOCKED}
    assert drift(item(KEY, dark, spec), repair=True) is None


def test_a_newest_value_that_is_taken_away_by_hand_does_not_come_back() -> None:
    base = SPEC.table("defaults.node", target=FAR)
    spec = base.key("a", rpm=60, generation=2)
    (target,) = settled(base).nodes
    dark = apply(settled(base), plan(settled(base), spec, facts=facts_without(settled(base), spec, target))).world
    lost = dark.at_proxy(lambda p: p.without_key(dark.key("a--g2").token))
    assert [f.code for f in KINDS["key"].revoked(item(KEY, lost, spec))] == ["key.revoked"]


def test_a_blocked_key_gets_its_new_value_without_waiting() -> None:
    blocked = settled(SPEC).at_key("a", blocked=True)
    assert value_text(blocked, SECOND) == "new (generation 1 → 2); the old one, which is blocked, goes"
    after = apply(blocked, plan(blocked, SECOND)).world
    assert (aliases(after), denied(after)) == (["a"], [])


def test_the_plan_says_when_the_old_value_ends_and_what_becomes_of_its_spend() -> None:
    spent = settled(SPEC).at_key("a", spend=3.25)
    assert value_text(spent, SECOND) == (
        "new (generation 1 → 2); the old one stops working once everybody who is wired to it runs on the new one; "
        "what it has spent (3.25) goes along"
    )


def test_what_others_gave_the_key_goes_along() -> None:
    given = settled(SPEC).at_key("a", metadata={**settled(SPEC).key("a").metadata, "note": "mine"})
    given = given.at_key("a", limits={**given.key("a").limits, "tpm_limit": 9})
    made = apply(given, plan(given, SECOND)).world.key("a")
    assert made.token != given.key("a").token
    assert (made.metadata["note"], made.limits["tpm_limit"], made.limits["rpm_limit"]) == ("mine", 9, 60)


def test_a_stranger_at_the_alias_beside_stops_it() -> None:
    row = replace(settled(SPEC).key("a"), alias="a--g2", token="ab" * 32, metadata={})
    world = settled(SPEC).at_proxy(lambda p: p.with_key(row))
    found = KINDS["key"].objections(item(KEY, world, SECOND), world.lockfile)
    assert [f.code for f in found] == ["key.alias-taken"]


def test_a_model_that_does_not_fit_is_not_given_to_the_new_value() -> None:
    wider = SPEC.node("a", "one", "two").key("a", rpm=60, generation=2)
    work = steps(KEY, settled(SPEC), wider, Dependents(refused={"two": NO}))
    (made, *_) = (step.do for step in work.steps if isinstance(step.do, KeyPut))
    assert made.models == ("one",)


def test_a_value_that_a_first_apply_began_is_not_forgotten_by_the_next_that_breaks_off() -> None:
    """Made and delivered, and never recorded; then a higher generation, begun; then the spec as it was."""
    bare = fleet().models("one").node("a", "one").key("a")
    world = apply(World.of(bare), plan(World.of(bare), bare), crash=3).world
    second = bare.key("a", generation=2)
    world = apply(world, plan(world, second), crash=1).world
    made = apply(world, plan(world, bare))
    assert made.failed == []
    assert denied(made.world) == []
    assert plan(made.world, bare).changes == ()
    assert aliases(made.world) == ["a"]


def test_a_value_of_a_higher_generation_is_ours_though_the_lockfile_is_lost() -> None:
    spec = fleet().models("one").key("web", models=["one"])
    world = replace(settled(spec.key("web", models=["one"], generation=3)), lockfile=None)
    assert [f.code for f in plan(world, spec).findings] == ["state.lost"]


def test_hints_can_be_typed_whatever_the_alias_is() -> None:
    spec = fleet().models("one").key("my web", models=["one"])
    world = settled(spec)
    (waits,) = (b for c in plan(world, spec.key("my web", models=["one"], generation=2)).changes for b in c.blockers)
    assert waits.reason.endswith("fleethub show 'key.main.my web' --reveal")
    gone = world.at_proxy(lambda proxy: replace(proxy, keys=()))
    (found,) = (f for f in plan(gone, spec).findings if f.code == "key.revoked")
    assert '[keys."my web"]' in found.hint


def test_what_the_spec_drops_beside_a_rotation_does_not_come_along() -> None:
    base = fleet().models("one", "two").node("a", "one")
    full = base.key("a", rpm=60, tags=["x"], model_rpm={"one": 5, "two": 6})
    less = base.key("a", model_rpm={"two": 6}, generation=2)
    world = settled(full)
    row = world.key("a")
    world = world.at_key("a", limits={**row.limits, "tpm_limit": 7}, metadata={**row.metadata, "note": "mine"})
    done = apply(world, plan(world, less))
    assert done.failed == []
    new = done.world.key("a")
    assert {name: limit for name, limit in new.limits.items() if limit} == {
        "tpm_limit": 7,  # nobody's in the spec, so it goes along
        "model_rpm_limit": {"two": 6},
    }
    assert (new.metadata.get("note"), new.metadata.get("tags") or None) == ("mine", None)
    assert plan(done.world, less).changes == ()
