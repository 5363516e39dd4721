"""A plan of a part of a fleet: a sub-plan of the whole one, as safe, after which the rest can still be done."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleethub.model.address import Address, key, node
from fleethub.model.errors import InputError
from fleethub.model.facts import Facts
from fleethub.model.observation import Unknown
from fleethub.model.plan import Action, Part, Plan
from fleethub.operations.targets import part_notes, part_of
from fleethub.planning.identity import canonical
from tests.fleets import Spec, fleet
from tests.world import World, apply, denied, facts, plan, settled, wanted
from tests.world.strategies import FAR, any_order, specs


def everything(world: World, spec: Spec) -> set[Address]:
    return {*wanted(spec), *(world.lockfile.resources if world.lockfile else ())}


@st.composite
def parts(draw: st.DrawFn, known: set[Address]) -> Part:
    some = st.frozensets(st.sampled_from(sorted(known)), max_size=3)
    return Part(draw(st.none() | some), draw(some))


@given(st.data())
def test_it_is_a_part_of_the_whole_plan_and_as_safe(data: st.DataObject) -> None:
    world, spec = settled(data.draw(specs())), data.draw(specs())
    if not (known := everything(world, spec)):
        return
    whole, part = plan(world, spec), plan(world, spec, part=(meant := data.draw(parts(known))))
    steps = {s.id: s for s in whole.steps}
    assert all(canonical(s.do) == canonical(steps[s.id].do) and {*s.after} <= {*steps[s.id].after} for s in part.steps)
    assert [s.id for s in part.steps] == [s.id for s in whole.steps if s.id in {t.id for t in part.steps}]
    left = set(part.left_out or ())
    assert {c.address for c in part.changes} | left == {c.address for c in whole.changes}
    assert not left & {s.address for s in part.steps if s.locked or s.removes}
    assert not {c.address for c in part.changes} & meant.excluded
    made = apply(world, part, pick=any_order(data.draw))
    assert made.failed == made.skipped == []
    assert all(denied(moment) == [] for moment in made.worlds)
    rest = apply(made.world, plan(made.world, spec))
    assert rest.failed == []
    assert all(denied(moment) == [] for moment in rest.worlds)
    assert [c for c in plan(rest.world, spec).changes if c.action is not Action.BLOCKED] == []


TWO = fleet().models("one", "two").node("a", "one", key="shared").node("b", "one", key="shared")
SWAPPED = fleet().models("one", "two").node("a", "two", key="shared").node("b", "two", key="shared")
SHARED = key("main", "shared")


def test_a_shared_key_is_widened_for_one_node_and_not_narrowed_before_the_other_has_settled() -> None:
    part = plan(world := settled(TWO), SWAPPED, part=Part(frozenset({node("a")})))
    assert {s.address for s in part.steps} == {node("a"), SHARED}
    shared = next(c for c in part.changes if c.address == SHARED)
    assert ["waits for node.b: it is left out of this plan" in b.reason for b in shared.blockers] == [True]
    made = apply(world, part).world
    assert made.key("shared").models == ("one", "two")
    assert apply(made, plan(made, SWAPPED)).world.key("shared").models == ("two",)


def test_a_node_whose_key_is_left_out_waits_for_it() -> None:
    part = plan(settled(TWO), SWAPPED, part=Part(frozenset({node("a")}), frozenset({SHARED})))
    (change,) = part.changes
    assert (change.address, change.action) == (node("a"), Action.BLOCKED)
    assert change.blockers[0].reason == f"waits for {SHARED}: it is left out of this plan"


def test_with_an_exclusion_goes_what_nobody_else_uses() -> None:
    spec = fleet().models("one").node("a", "one").node("b", "one")
    part = plan(World.of(spec), spec, part=Part(None, frozenset({node("a")})))
    assert {c.address for c in part.changes} == {node("b"), key("main", "b")}
    assert set(part.left_out or ()) == {node("a"), key("main", "a")}


def test_whoever_takes_a_place_goes_with_whoever_had_it() -> None:
    before = fleet().models("one").node("a", "one", target="nodes/x")
    after = fleet().models("one").node("b", "one", target="nodes/x")
    part = plan(settled(before), after, part=Part(frozenset({node("b")})))
    assert {node("a"), node("b")} <= {c.address for c in part.changes}


def test_whoever_comes_to_an_old_place_goes_with_whoever_moves_from_there() -> None:
    """Else the newcomer's files would be put over those of one that is left out."""
    spec = fleet().models("one")
    before = spec.node("a", "one", target="nodes/a").node("b", "one", target="nodes/b")
    after = spec.node("a", "one", target="nodes/b").node("b", "one", target="nodes/c")
    for asked in (Part(frozenset({node("a")})), Part(None, frozenset({node("b")}))):
        world = settled(before)
        part = plan(world, after, part=asked)
        nodes = {c.address for c in part.changes if c.address.kind == "node"}
        assert nodes == ({node("a"), node("a@was"), node("b"), node("b@was")} if asked.targets else set())
        world = apply(world, part).world
        assert plan(apply(world, plan(world, after)).world, after).changes == ()


LABELLED = (
    fleet()
    .models("one")
    .node("volta", "one", labels={"site": "lab"})
    .node("tesla", "one", labels={"site": "home"})
    .node("ohm", "one")
)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("node.volta", {"node.volta"}),
        ("volta", {"node.volta"}),
        ("node.*l*", {"node.volta", "node.tesla"}),
        ("*.volta", {"node.volta", "key.main.volta"}),
        ("@site", {"node.volta", "node.tesla"}),
        ("@site=lab", {"node.volta"}),
    ],
)
def test_what_a_pattern_names(text: str, names: set[str]) -> None:
    known = {a for a in wanted(LABELLED) if a.kind != "route"}
    found = part_of([text], [], LABELLED.fleet, known).targets or frozenset()
    assert set(map(str, found)) == names


@pytest.mark.parametrize("text", ["volt", "node.", "@lab", "@site=x", "backend.gpu"])
@pytest.mark.parametrize("option", ["--target", "--exclude"])
def test_what_names_nothing_is_an_error_that_says_what_there_is(text: str, option: str) -> None:
    asked = ([text], []) if option == "--target" else ([], [text])
    with pytest.raises(InputError, match=rf"{option} {text} names nothing; the nodes are ohm, tesla, volta"):
        part_of(*asked, LABELLED.fleet, set(wanted(LABELLED)))


def test_it_says_what_it_takes_along_and_what_it_leaves_out() -> None:
    part = Part(frozenset({node("a")}))
    along, left = part_notes(part, plan(settled(TWO), SWAPPED, part=part))
    assert along == f"taken along, for a target needs it: {SHARED}"
    assert left == "left out: node.b; fleethub plan shows the whole fleet"
    assert list(part_notes(Part(), plan(settled(TWO), SWAPPED))) == []


def unreachable(world: World, spec: Spec, *targets: str) -> Facts:
    seen = facts(world, spec)
    dark = {("host", target): Unknown("connection timed out", seen.at) for target in targets}
    return replace(seen, readings={**seen.readings, **dark})


def far(*chain: str, **head: str) -> Spec:
    made = fleet(**head).models("one", "two").table("defaults.node", target=FAR)
    return made.node("a", *chain).node("b", *chain)


def dark_b(spec: Spec, part: Part | None = None) -> tuple[World, Plan]:
    world = settled(far("one"))
    seen = unreachable(world, spec, FAR.format(host="b", name="b"))
    return world, plan(world, spec, facts=seen, part=part or Part())


def test_what_is_not_reached_is_owed_from_the_apply_that_could_not_do_it() -> None:
    world, made = dark_b(far("two"))
    assert {c.address for c in made.doable} >= {node("a")}
    after = apply(world, made).world
    assert after.lockfile is not None
    assert set(after.lockfile.owed) == {node("b"), key("main", "b")}
    early = replace(after, lockfile=replace(after.lockfile, owed=dict.fromkeys(after.lockfile.owed, "long ago")))
    part = Part(frozenset({node("a")}))  # what is left out stays owed since it was
    left = apply(early, plan(early, far("two", "one"), part=part)).world.lockfile
    assert left is not None
    assert left.owed == {node("b"): "long ago", key("main", "b"): "long ago"}
    done = apply(early, plan(early, far("two"))).world.lockfile
    assert done is not None
    assert done.owed == {}


def test_fail_does_nothing_while_something_is_not_reached_unless_it_is_left_out() -> None:
    spec = far("two", unreachable="fail")
    _, made = dark_b(spec)
    assert made.doable == made.steps == ()
    assert all('[policy] unreachable = "fail"' in c.blockers[0].reason for c in made.changes if c.address.alias == "a")
    _, made = dark_b(spec, Part(None, frozenset({node("b")})))
    assert {c.address for c in made.doable} >= {node("a"), key("main", "a")}
