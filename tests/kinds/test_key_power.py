"""What takes a key's power away, by itself: what is none unless the spec says so, and what is only shown."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fleethub.kinds import KINDS
from fleethub.kinds.key.actions import KeyPut, ProveKey
from fleethub.kinds.key.fallbacks import enforced, findings
from fleethub.kinds.key.marks import births, floors, mark_of
from fleethub.lockfile.reduce import _raise
from fleethub.model import keycall
from fleethub.model.address import Address, key
from fleethub.model.attributes import plain
from fleethub.model.finding import Finding
from fleethub.model.readings.proxy import Team
from fleethub.model.routing import fallbacks_of
from fleethub.planning.judge import drift
from tests.fleets import Spec, fleet
from tests.kinds.asking import item, steps
from tests.world import World, facts, settled

SPEC = fleet().models("one", "two").node("a", "one").key("a", rpm=60)
KEY = "key.main.a"
POWER: list[tuple[str, Any]] = [
    ("expires", "2026-12-27T10:00:00Z"),
    ("allowed_routes", ("info_routes",)),
    ("aliases", {"one": "two"}),
    ("router_settings", {"num_retries": 0}),
]
ZERO: list[dict[str, Any]] = [
    {"tpm_limit": 0},
    {"max_budget": 0.0},
    {"max_parallel_requests": 0},
    {"model_rpm_limit": {"one": 0, "two": 5}},
]


def with_limits(world: World, **limits: Any) -> World:
    return world.at_key("a", limits={**world.key("a").limits, **limits})


def put(world: World, spec: Spec = SPEC) -> KeyPut:
    (do,) = (step.do for step in steps(KEY, world, spec).steps if isinstance(step.do, KeyPut))
    return do


@pytest.mark.parametrize(("name", "value"), POWER, ids=[name for name, _ in POWER])
def test_what_takes_power_away_is_drift_and_is_lifted(name: str, value: Any) -> None:
    world = settled(SPEC).at_key("a", **{name: value})
    found = drift(item(KEY, world, SPEC), repair=True)
    assert found is not None
    assert (found.summary, found.repaired) == (f"{name} changed", True)
    assert put(world).lift == (name,)


@pytest.mark.parametrize("limits", ZERO, ids=[next(iter(zero)) for zero in ZERO])
def test_a_limit_of_zero_is_drift_and_is_lifted(limits: dict[str, Any]) -> None:
    world, (name,) = with_limits(settled(SPEC), **limits), limits
    found = drift(item(KEY, world, SPEC), repair=True)
    assert found is not None
    assert found.summary == f"{name} changed"
    do = put(world)
    assert do.limits == {name: {"one": None} if name.startswith("model_") else None}


def test_another_limit_is_left_alone_and_shown() -> None:
    world = with_limits(settled(SPEC), tpm_limit=5, model_rpm_limit={"one": 7})
    found = item(KEY, world, SPEC)
    assert drift(found, repair=True) is None
    assert steps(KEY, world, SPEC).steps == ()
    assert KINDS["key"].beside(found) == ("tpm_limit 5", "model_rpm_limit one 7")


def test_a_lockfile_of_before_says_nothing_of_them_and_none_is_drift() -> None:
    locked = item(KEY, settled(SPEC), SPEC).locked
    assert locked is not None
    assert set(plain(locked.attrs)) == {"blocked", "marked", "models", "rpm_limit", "value"}
    assert drift(item(KEY, settled(SPEC), SPEC), repair=True) is None


@pytest.mark.parametrize(
    ("team", "code"),
    [
        (None, "key.unprovable"),
        (Team("t", models=("two",)), "key.team-narrower"),
        (Team("t", models=("one",)), ""),
        (Team("t"), ""),
        (Team("t", models=("all-proxy-models",)), ""),
        (Team("t", models=("one",), blocked=True), "key.team-blocked"),
    ],
)
def test_a_team_must_cover_the_scope(team: Team | None, code: str) -> None:
    found = item(KEY, settled(SPEC).at_key("a", team="t"), SPEC)
    assert found.seen is not None
    found = replace(found, have=replace(found.seen, telemetry=replace(found.seen.telemetry, team_state=team)))
    assert [f.code for f in KINDS["key"].objections(found, settled(SPEC).lockfile)] == ([code] if code else [])


def told(spec: Spec, version: str, **fallbacks: tuple[str, ...]) -> list[Finding]:
    read = facts(settled(spec), spec)
    changed = {
        at: replace(reading, version=version, fallbacks={n.replace("any", "*"): f for n, f in fallbacks.items()})
        if at[0] == "litellm"
        else reading
        for at, reading in read.readings.items()
    }
    return findings(spec.fleet, replace(read, readings=changed))  # type: ignore[arg-type]


def test_a_fallback_outside_the_scope_names_what_to_write() -> None:
    (found,) = told(SPEC, "1.110.2", one=("two", "three"))
    assert (found.code, found.address) == ("key.fallback-outside", key("main", "a"))
    assert 'define [models."three"], then write also = ["two", "three"] in [keys.a]' in found.hint
    assert told(SPEC, "1.106.2", one=("two",)) == []
    assert told(SPEC, "", one=("two",)) == []
    assert len(told(SPEC, "1.108.0", any=("two",))) == 1
    assert told(SPEC, "1.110.2", one=("one",), any=("two",)) == []
    assert told(SPEC.key("a", also=["two"]), "1.110.2", one=("two",)) == []


def test_fallbacks_of_every_kind_are_read_and_odd_ones_passed_over() -> None:
    raw = {
        "fallbacks": [{"a": ["b"]}, {"a": [{"model": "x"}]}, "odd", {"c": "odd"}],
        "context_window_fallbacks": [{"a": ["d"]}],
        "content_policy_fallbacks": None,
        "default_fallbacks": ["e"],
    }
    read = fallbacks_of(raw)
    assert read == {"a": ("b", "d"), "*": ("e",)}
    assert [enforced(v) for v in ("1.82.0", "1.107.9", "1.108.0", "1.110.2", "main-stable", "")] == [
        *(False, False, True, True, False, False)
    ]


@pytest.mark.parametrize(
    ("status", "kind", "says", "meaning"),
    [
        (400, "invalid_request_error", "/chat/completions: Missing required parameter: 'messages'.", "taken"),
        (500, "None", "Router.acompletion() missing 1 required positional argument: 'messages'", "taken"),
        (200, "", "", "taken"),
        (429, "throttling_error", "Rate limit exceeded", "held"),
        (403, "", "Virtual key is not allowed to call this route.", "refused"),
        (401, "auth_error", "Key is blocked.", "refused"),
        (400, "expired_key", "Expired Key.", "refused"),
        (422, "budget_exceeded", "Budget has been exceeded!", "refused"),
        (403, "team_model_access_denied", "not available", "refused"),
        (502, "", "Bad Gateway", "unclear"),
        (500, "internal_server_error", "Connection error.", "unclear"),
    ],
)
def test_what_an_answer_says_of_a_key(status: int, kind: str, says: str, meaning: str) -> None:
    assert keycall.judge(status, kind, says) == meaning


@pytest.mark.parametrize(("rpm", "asks"), [(1, False), (9, False), (10, True), (60, True)])
def test_a_key_with_few_requests_is_not_asked_with(rpm: int, asks: bool) -> None:
    spec = SPEC.key("a", rpm=rpm)
    (prove,) = (s.do for s in steps(KEY, World.of(spec), spec).steps if isinstance(s.do, ProveKey))
    assert prove.asks is asks


@pytest.mark.parametrize("limits", [{"max_parallel_requests": 1}, {"model_rpm_limit": {"one": 2}}, {"rpm_limit": 3}])
def test_nor_one_whose_few_requests_are_not_of_the_specs_making(limits: dict[str, Any]) -> None:
    bare = fleet().models("one", "two").node("a", "one")
    world = settled(bare)
    world = with_limits(world.at_key("a", blocked=True), **limits)
    (prove,) = (s.do for s in steps(KEY, world, bare).steps if isinstance(s.do, ProveKey))
    assert prove.asks is False


def test_a_name_that_is_used_again_starts_above_all_that_it_had() -> None:
    lockfile = settled(SPEC).lockfile
    assert lockfile is not None
    address = key("main", "a")
    assert floors(lockfile)[address] == 1
    gone = replace(lockfile, resources={}, generations={address: 3})
    assert floors(gone)[address] == 4
    assert replace(SPEC.fleet, floors=floors(gone)).generation(address) == 4
    assert replace(SPEC.key("a", generation=9).fleet, floors=floors(gone)).generation(address) == 9


def test_who_takes_the_old_name_of_a_renamed_key_gets_values_of_its_own() -> None:
    lockfile = settled(SPEC).lockfile
    assert lockfile is not None
    old, new = key("main", "a"), key("main", "b")
    renamed = replace(lockfile.resources[old], born="a", generation=3)
    moved = replace(lockfile, resources={new: renamed}, generations={old: 3, key("main", "a~2"): 5})
    assert births(moved) == {new: old, old: key("main", "a~2")}
    assert floors(moved) == {new: 3, old: 6, key("main", "a~2"): 6}
    reached: dict[Address, int] = {}
    _raise(reached, new, replace(renamed, generation=4))
    assert reached == {old: 4}


def test_a_mark_says_what_a_value_is_derived_from() -> None:
    mark = mark_of(settled(SPEC).key("a").metadata)
    assert mark is not None
    assert (mark.born, mark.generation) == ("a", 1)
