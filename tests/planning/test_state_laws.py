"""Laws of the state itself, on values: a lost lockfile made again, and two clones' made one, deny nobody anything."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from fleethub.adoption.rebuild import Rebuilt, lineages, rebuild, remembering
from fleethub.kinds import KINDS
from fleethub.kinds.values import Inputs, ObserveContext
from fleethub.lockfile.decide import decide
from fleethub.lockfile.decide import settled as decided_
from fleethub.lockfile.merge import merge
from fleethub.model.address import Address
from fleethub.model.facts import Facts
from fleethub.model.fleet import Fleet
from fleethub.model.observation import AnyResource, Lockfile
from fleethub.model.plan import Action
from tests.fleets import Spec
from tests.world import World, apply, denied, facts, plan, settled, wanted
from tests.world.fold import NOW
from tests.world.strategies import any_order, specs
from tests.world.values import SEAL


def made_again(world: World, spec: Spec) -> Rebuilt | None:
    """What ``fleethub state rebuild`` makes of the world without its lockfile; None where nothing of it is there."""
    lost = replace(world, lockfile=None)
    seen, fleet = facts(lost, spec), spec.fleet

    def want(of: Fleet) -> dict[Address, AnyResource]:
        return {r.address: r for kind in KINDS.values() for r in kind.desired(Inputs(of, SEAL, spec.rendered))}

    found = lineages(fleet, want(fleet), seen, SEAL)
    if not found:
        return None
    (lineage,) = found
    fleet = remembering(fleet, seen, lineage)
    return rebuild(fleet, want(fleet), seen, SEAL, lineage, SEAL.seed_fingerprint() or "", {})


def places(spec: Spec) -> set[tuple[str, str]]:
    """Which nodes a spec has, and where."""
    return {(node.name, node.target) for node in spec.fleet.nodes.values()}


@settings(max_examples=settings().max_examples // 2)
@given(specs())
def test_after_a_whole_apply_the_lockfile_that_is_made_again_is_as_good(spec: Spec) -> None:
    world = settled(spec)
    made = made_again(world, spec)
    if made is None:
        return
    assert world.lockfile is not None
    assert (made.unsure, made.left) == ({}, {})
    assert made.lockfile.resources == world.lockfile.resources
    assert made.lockfile.serial > world.lockfile.serial
    assert made.lockfile.generations == world.lockfile.generations
    assert plan(replace(world, lockfile=made.lockfile), spec).changes == ()


@settings(max_examples=settings().max_examples // 4)
@given(st.data())
def test_whatever_broke_off_before_nobody_is_denied_after_the_lockfile_is_made_again(data: st.DataObject) -> None:
    spec = data.draw(specs())
    world, gone = World.of(spec), set[tuple[str, str]]()
    for _ in range(data.draw(st.integers(1, 2))):
        made = apply(world, plan(world, spec), pick=any_order(data.draw), crash=data.draw(st.integers(1, 12)))
        world, before, spec = made.world, spec, data.draw(specs())
        gone |= places(before)
    assume(gone == places(before))  # of a node that the spec names no more, or elsewhere, nothing tells
    again = made_again(world, before)  # by the spec of then: another one does not tell where a node was
    if again is None:
        return
    world = replace(world, lockfile=again.lockfile)
    for moment in [world, *_to_rest(world, spec)]:
        assert denied(moment) == []


@settings(max_examples=settings().max_examples // 4)
@given(st.data())
def test_two_clones_that_applied_at_once_are_made_one_and_nobody_is_denied(data: st.DataObject) -> None:
    first = data.draw(specs())
    world = settled(first)
    base = world.lockfile
    if base is None:
        return
    here, there = data.draw(specs()), data.draw(specs())
    mine, theirs = plan(world, here), plan(world, there)
    # both planned on the same; the second one's steps meet what the first one did
    one = apply(world, mine, by="a", pick=any_order(data.draw), crash=data.draw(st.none() | st.integers(0, 9))).world
    other = apply(
        replace(one, lockfile=base), theirs, by="b", pick=any_order(data.draw),
        crash=data.draw(st.none() | st.integers(0, 9)),
    ).world  # fmt: skip
    ours, their = one.lockfile, other.lockfile
    assert ours is not None
    assert their is not None
    spec = data.draw(st.sampled_from([here, there]))
    lost_before = denied(other)  # the two were on their own, and that is past
    lockfile = _reconciled(other, spec, base if data.draw(st.booleans()) else None, ours, their)
    world = replace(other, lockfile=lockfile)
    for moment in _to_rest(world, spec):
        assert [call for call in denied(moment) if call not in lost_before] == []


def _reconciled(world: World, spec: Spec, base: Lockfile | None, ours: Lockfile, theirs: Lockfile) -> Lockfile:
    merged, seen = merge(base, ours, theirs), {}
    for side in (ours, theirs):
        seen |= facts(replace(world, lockfile=side), spec).readings
    context = ObserveContext(Facts(NOW, seen), SEAL, ours.lineage)
    want = wanted(spec)
    decided = {a: decide(a, s, ours, theirs, want.get(a), context) for a, s in merged.conflicts.items()}
    return decided_(merged, decided)


def _to_rest(world: World, spec: Spec) -> list[World]:
    """All moments of the applies that follow, until nothing is left but what is blocked."""
    moments = []
    for _ in range(4):
        made = apply(world, plan(world, spec))
        moments += [*made.worlds, made.world]
        world = made.world
        left = plan(world, spec)
        if left.fatal or all(change.action is Action.BLOCKED for change in left.changes):
            break
    else:
        raise AssertionError(f"there is no end to it: {[str(c.address) for c in left.changes]}")
    return moments
