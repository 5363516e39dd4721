"""Two records of one thing: the mark decides, then what is there; what cannot be seen is not decided."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fleethub.kinds.values import ObserveContext
from fleethub.lockfile.decide import Decision, Whose, decide, settled
from fleethub.lockfile.merge import Sides, merge
from fleethub.model.address import key, node
from fleethub.model.observation import Lockfile, Unknown
from tests.fleets import Spec, fleet
from tests.world import World, apply, facts, plan, wanted
from tests.world import settled as applied
from tests.world.values import SEAL

VOLTA = key("main", "volta")
FAR = "ssh://ops@volta/srv/volta"


def spec(**fields: object) -> Spec:
    return fleet().models("one", "two").node("volta", "one").key("volta", **fields)


def sides(world: World, mine: Spec, theirs: Spec) -> tuple[World, Lockfile, Lockfile]:
    """Both planned on one lockfile; theirs is carried out last."""
    base, later = world.lockfile, plan(world, theirs)
    first = apply(world, plan(world, mine), by="a").world
    last = apply(replace(first, lockfile=base), later, by="b").world
    assert first.lockfile is not None
    assert last.lockfile is not None
    return last, first.lockfile, last.lockfile


def decided(world: World, of: Spec, ours: Lockfile, theirs: Lockfile, dark: bool = False) -> Decision:
    seen = facts(replace(world, lockfile=ours), of)
    if dark:
        seen = replace(seen, readings=dict.fromkeys(seen.readings, Unknown("no answer", seen.at)))
    pair = Sides(None, ours.resources.get(VOLTA), theirs.resources.get(VOLTA))
    return decide(VOLTA, pair, ours, theirs, wanted(of).get(VOLTA), ObserveContext(seen, SEAL, ours.lineage))


def test_the_mark_is_of_whoever_wrote_last() -> None:
    world, ours, theirs = sides(applied(spec()), spec(rpm=5), spec(rpm=7))
    made = decided(world, spec(rpm=5), ours, theirs)
    assert (made.whose, made.why) == (Whose.THEIRS, "its mark is of that apply")
    assert made.record == theirs.resources[VOLTA]


def test_where_the_mark_says_nothing_it_is_what_one_of_them_left() -> None:
    world, ours, theirs = sides(applied(spec()), spec(rpm=5), spec(rpm=7))
    strange = [replace(side, apply=f"later-{n}") for n, side in enumerate((ours, theirs))]  # each applied once more
    made = decided(world, spec(rpm=5), *strange)
    assert (made.whose, made.why) == (Whose.THEIRS, "it is as that one left it")
    meddled = world.at_key("volta", limits={**world.key("volta").limits, "rpm_limit": 1})
    made = decided(meddled, spec(rpm=5), *strange)
    assert (made.whose, made.why) == (Whose.BOTH, "it is as neither left it")
    assert made.record is not None
    assert made.record.pending is not None
    assert {made.record.attrs.rpm_limit, made.record.pending.attrs.rpm_limit} == {5, 7}  # type: ignore[union-attr]


def test_what_cannot_be_looked_at_is_not_decided() -> None:
    world, ours, theirs = sides(applied(spec()), spec(rpm=5), spec(rpm=7))
    made = decided(world, spec(rpm=5), ours, theirs, dark=True)
    assert made.whose is Whose.BOTH
    assert made.why.startswith("it cannot be looked at: ")
    blocked = decide(VOLTA, Sides(None, ours.resources[VOLTA], None), ours, theirs, None,
                     ObserveContext(facts(world, spec()), SEAL, ours.lineage), "not known on this machine")  # fmt: skip
    assert (blocked.whose, blocked.why) == (Whose.BOTH, "it cannot be looked at: not known on this machine")
    assert blocked.record is not None
    assert blocked.record.pending is not None
    assert blocked.record.pending.phases == ("create", "reconcile")


@pytest.mark.parametrize("gone", [False, True])
def test_who_made_it_or_removed_it_is_seen(gone: bool) -> None:
    world = applied(spec())
    assert world.lockfile is not None
    without = replace(world.lockfile, apply="b", resources={})
    if gone:
        world = world.at_proxy(lambda proxy: proxy.without_key(world.key("volta").token))
    made = decided(world, spec(), replace(world.lockfile, apply="a"), without)
    assert (made.record is None) is gone
    assert made.whose is (Whose.THEIRS if gone else Whose.OURS)


def test_of_a_node_that_may_be_at_two_places_both_are_kept() -> None:
    here = applied(spec()).lockfile
    assert here is not None
    there_spec = fleet().models("one", "two").node("volta", "one", target=FAR)
    there = applied(there_spec).lockfile
    assert there is not None
    address, nowhere = node("volta"), replace(facts(applied(spec()), spec()), readings={})
    pair = Sides(None, here.resources[address], there.resources[address])
    context = ObserveContext(nowhere, SEAL, here.lineage)
    made = decide(address, pair, here, there, wanted(there_spec)[address], context)
    assert made.record == there.resources[address]  # where the spec wants it
    assert made.beside == here.resources[address]
    merged = merge(None, here, replace(there, lineage=here.lineage))
    records = {a: Decision(s.ours, Whose.OURS, "") for a, s in merged.conflicts.items()} | {address: made}
    whole = settled(merged, records)
    assert whole.resources[node("volta@was")].source.at == "nodes/volta"
    assert whole.resources[address].source.at == FAR
