"""Absent needs proof: what could not be seen, or is seen to live, is neither deleted, forgotten nor made again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from fleethub.clients.resolver import SecretResolver
from fleethub.model.address import Address
from fleethub.model.facts import Facts
from fleethub.model.observation import Unknown
from fleethub.model.plan import Action, Plan
from fleethub.planning import sources
from tests.fleets import Spec, fleet
from tests.world import SEEDLESS, Node, World, apply, facts, plan, settled, wanted
from tests.world.values import STRANGE

URL = "http://llm:4000"
SPEC = fleet(URL).models("one", "two").node("volta", "one").node("tilt", "two").key("web", models=["one"])
WEB = Address.parse("key.main.web")


@pytest.fixture(scope="module")
def applied() -> World:
    start = World.of(SPEC)
    return apply(start, plan(start, SPEC)).world


def actions(made: Plan) -> dict[str, Action]:
    return {str(change.address): change.action for change in made.changes}


def codes(made: Plan) -> list[str]:
    return [finding.code for finding in made.findings]


def tokens(world: World) -> set[str]:
    return {row.token for row in world.proxy.keys}


LESS: dict[str, Spec] = {
    "a node": SPEC.without("nodes", "volta"),
    "a key": SPEC.without("keys", "web"),
    "all": SPEC.without("nodes").without("keys"),
}


@pytest.mark.parametrize("spec", LESS.values(), ids=LESS)
def test_without_the_seed_nothing_is_deleted_or_forgotten(applied: World, spec: Spec) -> None:
    made = plan(applied, spec, fingerprinter=SEEDLESS)
    assert made.steps == ()
    assert set(actions(made).values()) == {Action.BLOCKED}
    after = apply(applied, made, fingerprinter=SEEDLESS).world
    assert after.lockfile == applied.lockfile


@pytest.mark.parametrize("spec", LESS.values(), ids=LESS)
@pytest.mark.parametrize("system", ["litellm", "host"])
def test_what_cannot_be_read_is_not_deleted_or_forgotten(applied: World, spec: Spec, system: str) -> None:
    seen = facts(applied, spec)
    blind = {i: Unknown("does not answer", seen.at) if i[0] == system else r for i, r in seen.readings.items()}
    made = plan(applied, spec, facts=Facts(seen.at, blind))
    after = apply(applied, made).world
    kind = "key" if system == "litellm" else "node"
    assert {a for a in applied.lockfile.resources if a.kind == kind} <= after.lockfile.resources.keys()  # type: ignore[union-attr]
    if system == "litellm":
        assert tokens(after) == tokens(applied)


@pytest.mark.parametrize("name", ["web-old", "", "tilt-2"])
def test_a_key_renamed_by_hand_is_found_by_its_value_and_renamed_back(applied: World, name: str) -> None:
    world = applied.at_key("web", alias=name)
    made = plan(world, SPEC, repair=True)
    assert actions(made) == {"key.main.web": Action.UPDATE}
    assert [drift.summary for drift in made.drift] == [f"renamed to {name or '(no alias)'}"]
    after = apply(world, made).world
    assert after.key("web").token == applied.key("web").token
    assert plan(after, SPEC).changes == ()
    stopped = plan(world, SPEC, repair=False)
    assert actions(stopped) == {"key.main.web": Action.BLOCKED}
    assert "drift.stopped" in codes(stopped)


def test_a_renamed_key_that_is_wanted_no_more_is_deleted(applied: World) -> None:
    world, spec = applied.at_key("web", alias="web-old"), SPEC.without("keys", "web")
    after = apply(world, plan(world, spec)).world
    assert tokens(applied) - tokens(after) == {applied.key("web").token}
    assert plan(after, spec).changes == ()


def test_a_renamed_key_whose_alias_another_has_taken_is_not_renamed(applied: World) -> None:
    world = applied.at_key("web", alias="web-old")
    thief = replace(world.key("web-old"), alias="web", token="ab" * 32, metadata={})
    world = world.at_proxy(lambda p: p.with_key(thief))
    made = plan(world, SPEC)
    assert actions(made) == {"key.main.web": Action.BLOCKED}
    assert "key.alias-taken" in codes(made)
    gone = SPEC.without("keys", "web")
    after = apply(world, plan(world, gone)).world  # ours goes by its value, the other stays
    assert after.key("web") == thief
    assert not after.proxy.find("web-old")


def test_an_alias_that_is_somebody_elses_by_now_is_no_key_of_ours(applied: World) -> None:
    """Ours is gone, by a list that is whole: only the record goes, and the other key stays."""
    other = replace(applied.key("web"), token="ab" * 32, metadata={})
    world = applied.at_proxy(lambda p: p.without_key(applied.key("web").token).with_key(other))
    made = plan(world, SPEC.without("keys", "web"))
    assert actions(made) == {"key.main.web": Action.RECORD}
    assert apply(world, made).world.key("web") == other


FOREIGN: dict[str, Callable[[World], World]] = {
    "another fleet's mark": lambda w: w.at_key(
        "web", metadata={"fleethub": {**w.key("web").metadata["fleethub"], "lineage": "22" * 16}}
    ),
    "another value under our mark": lambda w: w.at_proxy(
        lambda p: p.without_key(w.key("web").token).with_key(replace(w.key("web"), token="ab" * 32))
    ),
}


@pytest.mark.parametrize("change", FOREIGN.values(), ids=FOREIGN)
def test_a_key_that_lives_and_may_not_be_deleted_is_not_forgotten(
    applied: World, change: Callable[[World], World]
) -> None:
    world, spec = change(applied), SPEC.without("keys", "web")
    made = plan(world, spec)
    assert actions(made) == {"key.main.web": Action.BLOCKED}
    after = apply(world, made).world
    assert WEB in after.lockfile.resources  # type: ignore[union-attr]
    assert tokens(after) == tokens(world)
    # the hint of the finding, when it is followed
    freed = world.at_proxy(lambda p: p.without_key(world.key("web").token))
    assert plan(apply(freed, plan(freed, spec)).world, spec).changes == ()


def test_a_node_of_another_fleet_is_forgotten_once_nothing_of_ours_lies_there(applied: World) -> None:
    spec, target = SPEC.without("nodes", "volta"), "nodes/volta"
    mark = {**(applied.nodes[target].mark or {}), "lineage": "22" * 16}
    world = applied.at_node(target, lambda n: replace(n, mark=mark))
    made = plan(world, spec)
    assert actions(made)["node.volta"] is Action.BLOCKED
    assert "node.foreign" in codes(made)
    theirs = world.at_node(target, lambda n: Node({p: (b"theirs", m) for p, (_, m) in n.files.items()}, mark))
    assert actions(plan(theirs, spec))["node.volta"] is Action.RECORD
    after = apply(theirs, plan(theirs, spec)).world
    assert after.nodes[target] == theirs.nodes[target]


def test_a_damaged_mark_alone_is_not_absence(applied: World) -> None:
    world = applied.at_node("nodes/volta", lambda n: Node({}, {}))
    assert actions(plan(world, SPEC.without("nodes", "volta")))["node.volta"] is Action.DELETE


def test_a_living_key_with_our_mark_that_nothing_names_is_told_by_every_plan(applied: World) -> None:
    row = replace(applied.key("web"), alias="stray", token="cd" * 32)
    world = applied.at_proxy(lambda p: p.with_key(row).with_key(replace(row, alias="", token="ef" * 32)))
    for spec in (SPEC, *LESS.values()):
        made = plan(world, spec)
        assert codes(made).count("key.orphan") == 2
    assert plan(world, SPEC).changes == ()
    mine = replace(row, metadata={"fleethub": {**row.metadata["fleethub"], "lineage": "22" * 16}})
    assert "key.orphan" not in codes(plan(applied.at_proxy(lambda p: p.with_key(mine)), SPEC))
    assert "key.orphan" not in codes(plan(applied, SPEC))


ROUTED = fleet(URL, manage_routes=True).models("one", "two").node("volta", "one", "two")
BARE = ROUTED.without("nodes")


@pytest.mark.parametrize("spec", [ROUTED, BARE], ids=["with keys", "routes alone"])
def test_a_lost_lockfile_is_told_by_whatever_is_left(spec: Spec) -> None:
    start = World.of(spec)
    world = apply(start, plan(start, spec)).world
    assert world.proxy.stored
    made = plan(replace(world, lockfile=None), spec)
    assert codes(made) == ["state.lost"]
    assert made.steps == ()
    older = replace(  # as a FleetHub marked them that wrote no name into the mark
        world.proxy,
        keys=(),
        stored=tuple(
            replace(d, info={"fleethub": {k: v for k, v in d.info["fleethub"].items() if k != "fleet"}})
            for d in world.proxy.stored
        ),
    )
    assert codes(plan(World({URL: older}), spec)) == ["state.lost"]
    others = replace(
        world.proxy,
        keys=(),
        stored=tuple(
            replace(d, info={"fleethub": {**d.info["fleethub"], "fleet": "another"}}) for d in world.proxy.stored
        ),
    )
    assert "state.lost" not in codes(plan(World({URL: others}), spec))


def test_a_stored_route_with_our_mark_that_nothing_names_is_told() -> None:
    start = World.of(ROUTED)
    world = apply(start, plan(start, ROUTED)).world
    stray = replace(world.proxy.stored[0], alias="stray", id="stray-1")
    world = world.at_proxy(lambda p: replace(p, stored=(*p.stored, stray)))
    assert codes(plan(world, ROUTED)).count("route.orphan") == 1
    assert plan(world, ROUTED).changes == ()


def test_a_nodes_record_goes_only_once_its_successor_has_its_place(applied: World) -> None:
    """The block was renamed, and its target stays: what runs there is the old set until the new one is there."""
    spec = SPEC.without("nodes", "volta").node("storm", "two", target="nodes/volta")
    old = Address.parse("node.volta")
    seen = facts(applied, spec)
    blind = {i: Unknown("silent", seen.at) if i == ("host", "nodes/volta") else r for i, r in seen.readings.items()}
    made = plan(applied, spec, facts=Facts(seen.at, blind))
    after = apply(applied, made).world
    assert old in after.lockfile.resources  # type: ignore[union-attr]
    assert after.proxy.find("volta")
    seen = facts(applied, spec)
    made = plan(applied, spec)
    assert actions(made)["node.volta"] is Action.RECORD
    # somebody writes there between plan and delivery, so that it fails
    touched = applied.at_file("nodes/volta", "openclaw.json", b"{}")
    failed = apply(touched, made)
    assert failed.failed
    assert old in failed.world.lockfile.resources  # type: ignore[union-attr]
    whole = apply(applied, made).world
    assert old not in whole.lockfile.resources  # type: ignore[union-attr]
    assert plan(whole, spec).changes == ()


def test_the_keys_of_the_lockfile_are_asked_for_by_themselves(applied: World) -> None:
    spec = SPEC.without("keys", "web")
    (source,) = [s for s in sources(spec.fleet, wanted(spec), applied.lockfile) if s.system == "litellm"]
    assert sorted(slot.name for slot in source.known) == ["tilt", "volta", "web"]
    (first,) = [s for s in sources(spec.fleet, wanted(spec), None) if s.system == "litellm"]
    assert first.known == ()


def test_a_route_that_is_no_longer_managed_is_remembered_until_nobody_uses_it() -> None:
    start = World.of(ROUTED)
    world = apply(start, plan(start, ROUTED)).world
    freed = ROUTED.table("proxies.main", manage_routes=None)
    assert plan(world, freed).changes == ()
    spec = freed.without("nodes", "volta").node("volta", "one")
    after = apply(world, plan(world, spec)).world
    assert {d.alias for d in after.proxy.stored} == {"one"}
    assert plan(after, spec).changes == ()


@pytest.mark.parametrize("mark", [{}, {"lineage": "22" * 16, "serial": 1, "generation": 1}], ids=["none", "another"])
def test_a_stored_route_that_may_be_ours_is_not_forgotten(mark: dict[str, object]) -> None:
    start = World.of(ROUTED)
    world = apply(start, plan(start, ROUTED)).world
    other = tuple(replace(d, info={"fleethub": mark} if mark else {}) for d in world.proxy.stored)
    world = world.at_proxy(lambda p: replace(p, stored=other))
    spec = ROUTED.without("nodes").without("models")
    made = plan(world, spec)
    assert codes(made).count("route.foreign") == 2
    after = apply(world, made).world
    assert after.proxy.stored == other
    assert {a for a in after.lockfile.resources if a.kind == "route"}  # type: ignore[union-attr]
    gone = after.at_proxy(lambda p: replace(p, stored=()))  # what the hint says
    last = apply(gone, plan(gone, spec)).world
    assert not last.lockfile.resources  # type: ignore[union-attr]


@pytest.mark.parametrize("models", [("one", "two"), ("one",), ()])
def test_routes_alone_tell_that_the_lockfile_is_lost(models: tuple[str, ...]) -> None:
    """No key and no node proves it; also of aliases that the spec no longer has."""
    spec = fleet(URL, manage_routes=True).models("one", "two")
    start = World.of(spec)
    start = start.at_proxy(lambda p: replace(p, models=frozenset()))
    made = apply(start, plan(start, spec)).world
    assert len(made.proxy.stored) == 2
    left = fleet(URL, manage_routes=True).models(*models)
    again = plan(replace(made, lockfile=None), left)
    assert again.fatal
    assert "state.lost" in codes(again)


@pytest.mark.parametrize("seal", [STRANGE, SEEDLESS], ids=["another seed", "no seed"])
def test_files_without_a_secret_do_not_tell_whose_a_node_is(seal: SecretResolver) -> None:
    """compose.yaml is the same whatever the seed; before, any fleet took a node with it for its own."""
    spec = fleet(URL).models("one").node("a", "one")
    world = settled(spec)
    lost = replace(world, lockfile=None).at_proxy(lambda p: replace(p, keys=()))
    assert "state.lost" in codes(plan(lost, spec))
    again = plan(lost, spec, fingerprinter=seal)
    assert "state.lost" not in codes(again)
    assert again.steps == ()
