"""Revoked keys: which values of one live, with the seed and without it, and what keeps one from coming back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fleethub.clients.resolver import SecretResolver, new_seed
from fleethub.kinds import KINDS
from fleethub.kinds.key.marks import made
from fleethub.kinds.key.revoked import living
from fleethub.kinds.values import ObserveContext
from fleethub.lockfile.forms import decode, encode
from fleethub.model.address import key
from fleethub.model.plan import Action
from fleethub.model.secret import KeptValue
from fleethub.planning.judge import judge
from tests.fleets import fleet
from tests.kinds.asking import item
from tests.world import SEAL, World, apply, denied, facts, plan, settled, wanted
from tests.world.values import _Seeded

SPEC = fleet(revoked="restore").models("one").node("a", "one")
SECOND = SPEC.key("a", generation=2)
KEY = key("main", "a")


def lives(world: World, fingerprinter: SecretResolver | None) -> tuple[str, ...]:
    assert world.lockfile is not None
    record = world.lockfile.resources[KEY]
    return living(KEY, record, world.proxy.reading, fingerprinter, world.lockfile.lineage)


def revoked(world: World) -> World:
    """As an apply of the order leaves it."""
    assert world.lockfile is not None
    record = replace(world.lockfile.resources[KEY], revoked=True)
    gone = world.at_proxy(lambda p: replace(p, keys=()))
    return replace(gone, lockfile=replace(world.lockfile, resources={**world.lockfile.resources, KEY: record}))


def test_both_values_of_a_rotation_that_is_under_way_are_found_with_and_without_the_seed() -> None:
    half = apply(settled(SPEC), plan(settled(SPEC), SECOND), crash=2).world
    tokens = {row.token for row in half.proxy.keys}
    assert len(tokens) == 2
    assert {*lives(half, SEAL)} == {*lives(half, None)} == tokens


def test_another_fleets_key_and_one_without_a_mark_are_not_found_without_the_seed() -> None:
    world = settled(SPEC)
    mark = {**world.key("a").metadata["fleethub"], "lineage": "99" * 16}
    assert lives(world.at_key("a", metadata={"fleethub": mark}), None) == ()
    assert lives(world.at_key("a", metadata={}), None) == ()
    assert lives(world.at_key("a", alias="elsewhere"), None) == (world.key("a").token,)


def test_no_policy_brings_it_back_and_a_higher_generation_does() -> None:
    world = revoked(settled(SPEC))
    found = judge(item(str(KEY), world, SPEC), world.lockfile, SPEC.fleet.policy, True)
    assert (found.action, [f.code for f in found.findings]) == (Action.BLOCKED, ["key.revoked"])
    assert found.findings[0].hint.startswith("fleethub rotate a gives")
    theirs = SPEC.key("a", owner="Team A")
    (hers,) = judge(item(str(KEY), world, theirs), world.lockfile, theirs.fleet.policy, True).findings
    assert hers.hint.startswith("fleethub rotate a --project 'Team A' gives")  # else it is refused: hers alone
    after = apply(world, plan(world, SECOND)).world
    assert plan(after, SECOND).changes == ()
    assert after.lockfile is not None
    assert after.lockfile.resources[KEY].revoked is False


def test_it_is_written_down() -> None:
    world = revoked(settled(SPEC))
    assert world.lockfile is not None
    record = world.lockfile.resources[KEY]
    assert decode(encode(record), KEY) == record


@pytest.mark.parametrize("crash", [None, 0, 2, 4], ids=["whole", "begun", "beside", "delivered"])
def test_under_another_seed_all_that_lives_is_an_older_value_wherever_a_rotation_stood(crash: int | None) -> None:
    other = _Seeded(new_seed())
    world = apply(settled(SPEC), plan(settled(SPEC), SECOND), crash=crash).world
    assert world.lockfile is not None
    context = ObserveContext(facts(world, SECOND), other, world.lockfile.lineage)
    records = {
        a: replace(r, attrs=KINDS[a.kind].resealed(a, wanted(SECOND, other).get(a), r, context),
                   pending=replace(r.pending, attrs=None) if r.pending else None)
        for a, r in world.lockfile.resources.items()
    }  # fmt: skip
    seed = other.seed_fingerprint()
    assert seed
    world = replace(world, lockfile=replace(world.lockfile, resources=records, seed=seed))
    before = {row.token for row in world.proxy.keys}
    made = apply(world, plan(world, SECOND, fingerprinter=other), fingerprinter=other)
    assert made.failed == []
    assert [denied(moment, other) for moment in made.worlds] == [[]] * len(made.worlds)
    (row,) = made.world.proxy.keys
    assert (row.alias, row.token in before) == ("a", False)
    assert plan(made.world, SECOND, fingerprinter=other).changes == ()


def test_a_key_that_a_broken_apply_deleted_was_not_deleted_by_hand_and_gets_another_value() -> None:
    spec = SPEC.table("policy", revoked="stop")
    world, gone = settled(spec), spec.without("nodes", "a")
    token = world.key("a").token
    going = plan(world, gone)
    for crash in range(len(going.steps) + 1):
        broken = apply(world, going, crash=crash).world
        back = plan(broken, spec)
        assert not [f for f in back.findings if f.code == "key.revoked"], crash
        made = apply(broken, back)
        assert (made.failed, [denied(moment) for moment in made.worlds if denied(moment)]) == ([], [])
        assert plan(made.world, spec).changes == ()
        assert made.world.key("a").token != token, "it may be deleted, and what was never comes back"


def test_the_value_that_an_adopted_key_was_found_with_is_known_under_another_seed_while_it_is_replaced() -> None:
    """Without a mark, by the alias, which is its own until the new value takes its place."""
    half = apply(settled(SPEC), plan(settled(SPEC), SECOND), crash=2).world
    assert half.lockfile is not None
    old, new = half.key("a"), half.key("a--g2")
    found = half.at_key("a", metadata={"team": "unmarked"})
    other = _Seeded(new_seed())
    context = ObserveContext(facts(found, SECOND), other, half.lockfile.lineage)
    value_of = {row.token: other.sha256(bytes.fromhex(row.token)) for row in (old, new)}
    record = half.lockfile.resources[KEY]
    kept = replace(record, shape=f"kept:main/a#1:{'00' * 16}")
    assert KeptValue.is_told_by(kept.shape)
    begun = KINDS["key"].resealed(KEY, None, kept, context)
    assert (begun.value, begun.replaces) == (value_of[old.token], (value_of[new.token],))
    attrs = replace(record.attrs, interim="a--g2", value="x", replaces=("y",))
    there = KINDS["key"].resealed(KEY, None, replace(record, attrs=attrs), context)
    assert (there.value, there.replaces) == (value_of[new.token], (value_of[old.token],))


def test_a_value_that_the_list_lacks_is_asked_for_when_it_is_revoked() -> None:
    half = apply(settled(SPEC), plan(settled(SPEC), SECOND), crash=2).world
    assert half.lockfile is not None
    record = half.lockfile.resources[KEY]
    assert [slot.generation for slot in made(KEY, None, record, "monad")] == [1, 2]
    kept = replace(record, shape=f"kept:main/a#1:{'00' * 16}")
    assert [slot.generation for slot in made(KEY, None, kept, "monad")] == [2], "the other is not FleetHub's"
