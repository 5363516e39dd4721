"""Revoked keys: which values of one live, with the seed and without it, and what keeps one from coming back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fleethub.clients.resolver import SecretResolver, new_seed
from fleethub.kinds import KINDS
from fleethub.kinds.key.revoked import living
from fleethub.kinds.values import ObserveContext
from fleethub.lockfile.forms import decode, encode
from fleethub.model.address import key
from fleethub.model.plan import Action
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
    assert "fleethub rotate a" in found.findings[0].hint
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
