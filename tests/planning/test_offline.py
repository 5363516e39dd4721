"""A plan without a seed and without a reading says of a fleet at rest what a plan that reads everything says."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from fleethub.model.address import key
from fleethub.model.facts import Facts
from fleethub.model.plan import MISSING, Action, Plan, Why
from fleethub.planning.offline import offline_plan
from tests.fleets import Spec, fleet
from tests.world import SEEDLESS, World, apply, plan, settled, wanted
from tests.world.strategies import specs

VOLTA = fleet().node("volta", "one", "two").node("tilt", "two").key("volta", rpm=60)


def offline(world: World, spec: Spec) -> Plan:
    spec = spec.remembered(world.lockfile)
    resources = wanted(spec, SEEDLESS)
    return offline_plan(spec.fleet, world.lockfile, resources, Facts(""), spec.loaded.findings)


def said(made: Plan) -> dict[str, Action]:
    return {str(change.address): change.action for change in made.changes}


def test_what_was_applied_is_nothing_to_do() -> None:
    assert offline(settled(VOLTA), VOLTA).changes == ()


def test_before_the_first_apply_all_is_new() -> None:
    made = offline(World(), VOLTA)
    assert set(said(made).values()) == {Action.CREATE}
    assert "nothing was asked" in made.notes[0]


def test_chains_scopes_limits_and_generations_are_told_by_field() -> None:
    spec = VOLTA.node("volta", "three").key("volta", rpm=70, generation=2)
    changes = {
        str(c.address): {f.path: (f.before, f.after) for f in c.fields} for c in offline(settled(VOLTA), spec).changes
    }
    assert changes["key.main.volta"] == {
        ("models",): (["one", "two"], ["three"]),
        ("rpm_limit",): (60, 70),
        ("value",): ("generation 1", "generation 2"),
    }
    assert changes["node.volta"]["chain",] == (["one", "two"], ["three"])
    files = {path[1] for path in changes["node.volta"] if path[0] == "files"}
    assert files == {".env", "openclaw.json"}  # the compose file is as it was


def test_a_limit_that_goes_and_one_that_comes() -> None:
    (change,) = offline(settled(VOLTA), VOLTA.key("volta", rpm=None, tpm=9)).changes
    assert {f.path: (f.before, f.after) for f in change.fields} == {
        ("rpm_limit",): (60, MISSING),
        ("tpm_limit",): (MISSING, 9),
    }


def test_a_protected_thing_is_not_taken_away() -> None:
    spec = VOLTA.node("volta", "one", "two", protected=True)
    made = offline(settled(spec), spec.without("nodes", "volta").without("keys", "volta"))
    assert said(made)["node.volta"] is Action.BLOCKED
    assert [f.code for f in made.findings] == ["resource.protected"]


def test_what_a_protected_thing_goes_on_with_is_not_taken_away_either() -> None:
    spec = VOLTA.node("volta", "one", "two", protected=True)
    less = spec.without("nodes", "volta").without("keys", "volta")
    world = settled(spec)
    told = said(offline(world, less))
    assert told == said(plan(world, less))
    assert told["key.main.volta"] is Action.BLOCKED


def test_what_an_apply_left_undone_is_told() -> None:
    spec = VOLTA.key("volta", rpm=70)
    world = settled(VOLTA)
    broken = apply(world, plan(world, spec), crash=1).world
    changes = offline(broken, spec).changes
    assert any("not at its end" in change.consequence for change in changes)


def test_a_key_that_was_revoked_is_not_made_again_and_that_is_told() -> None:
    """It was told as a record that is behind, where a plan that reads says that nothing can be done."""
    world, address = settled(VOLTA), key("main", "volta")
    assert world.lockfile is not None
    record = replace(world.lockfile.resources[address], revoked=True)
    ended = replace(world, lockfile=replace(world.lockfile, resources={**world.lockfile.resources, address: record}))
    made = offline(ended, VOLTA)
    assert said(made) == {"key.main.volta": Action.BLOCKED}
    assert [f.code for f in made.findings] == ["key.revoked"]
    assert said(offline(ended, VOLTA.key("volta", generation=2)))["key.main.volta"] is Action.UPDATE


def test_what_does_not_fit_holds_back_who_brings_it_and_nobody_else() -> None:
    spec = (
        fleet(ollama="http://gpu.example:11434")
        .model("one", vram="20 GiB")
        .model("huge", vram="60 GiB")
        .node("volta", "one")
        .node("tilt", "one")
    )
    base = settled(fleet().node("volta", "one").node("tilt", "one"))
    made = offline(base, spec.node("tilt", "huge"))
    held = {str(c.address): {(o.why, o.what) for o in c.blockers} for c in made.changes if c.blockers}
    assert held == {"key.main.tilt": {(Why.REFUSED, "huge")}, "node.tilt": {(Why.REFUSED, "huge")}}
    assert "capacity.exceeded" in {f.code for f in made.findings}


def test_another_fleet_is_refused() -> None:
    renamed = replace(VOLTA).table("fleet", name="other")
    assert offline(settled(VOLTA), renamed).fatal


@given(st.data())
def test_it_says_of_a_fleet_at_rest_what_a_plan_that_reads_says(data: st.DataObject) -> None:
    first = data.draw(specs())
    world = World.of(first)
    world = apply(world, plan(world, first)).world
    if plan(world, first).changes:  # something waits: a reading tells of what no lockfile knows
        return
    spec = data.draw(specs())
    read, told = said(plan(world, spec)), said(offline(world, spec))
    assert read.keys() <= told.keys()
    # a route that is new here the proxy's own config may have: that a reading alone tells
    assert {(a.partition(".")[0], told[a]) for a in told.keys() - read.keys()} <= {("route", Action.CREATE)}
    assert {a for a, action in told.items() if action is Action.DELETE} >= {
        a for a, action in read.items() if action is Action.DELETE
    }
