"""Adopted keys that are let go of: what FleetHub changed is as it was found, what somebody changed since stays."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fleethub.kinds.key.actions import KeyRelease
from fleethub.model.fleet import Fleet
from fleethub.model.plan import Orders, Plan
from fleethub.model.readings.proxy import KeyRow
from fleethub.planning import make_plan
from tests.fleets import Spec, fleet
from tests.kinds.test_adopted import SPEC, Estate, adopted, row, wanted
from tests.kinds.test_wiring import done, there
from tests.world import SEAL, World, apply, facts

FOUND: dict[str, Any] = {"rpm_limit": 60, "max_budget": 5.0, "model_rpm_limit": {"one": 7, "two": 3}}
AS_FOUND = SPEC.key("web", models=["one"], rpm=60, max_budget=5.0, model_rpm={"one": 7})
TAGGED = AS_FOUND.key("web", tags=["lab"])


def changed(spec: Spec, *, found: KeyRow | None = None, first: Spec = AS_FOUND) -> Estate:
    """Adopted as it was found, then given what ``spec`` says."""
    made = adopted(first, found or row(limits=FOUND))
    done = apply(replace(made.world, lockfile=made.lockfile), made.plan(spec)).world
    return Estate(done, done.lockfile)


def released(made: Estate, spec: Spec) -> tuple[KeyRow, Plan]:
    now = made.fleet(spec.without("keys"))
    plan = make_plan(now, made.lockfile, {}, facts(made.world, spec), SEAL, orders=Orders(uninstall=True))
    after = apply(replace(made.world, lockfile=made.lockfile), plan).world
    return after.key("web"), plan


def limits(key: KeyRow) -> dict[str, Any]:
    return {name: value for name, value in key.limits.items() if value not in (None, {})}


@pytest.mark.parametrize(
    "more",
    [
        {"rpm": 120},
        {"rpm": None},
        {"tpm": 9000, "max_parallel_requests": 4},
        {"max_budget": 1.0, "budget_duration": "30d"},
        {"model_rpm": {"one": 1, "three": 2}},
        {"model_rpm": None},
        {},
    ],
    ids=str,
)
def test_limits_are_as_they_were_found(more: dict[str, Any]) -> None:
    spec = AS_FOUND.key("web", **{"models": ["one"], "rpm": 60, "max_budget": 5.0, "model_rpm": {"one": 7}, **more})
    key, plan = released(changed(spec), spec)
    assert limits(key) == FOUND
    assert "fleethub" not in key.metadata
    says = " ".join(change.consequence for change in plan.changes)
    assert ("gets its limits back" in says) is bool(more)


def test_what_somebody_changed_since_stays_and_so_does_what_fleethub_never_wrote() -> None:
    spec = AS_FOUND.key("web", models=["one"], rpm=120, max_budget=1.0, model_rpm={"one": 1})
    made = changed(spec)
    by_hand = {**made.world.key("web").limits, "rpm_limit": 11, "tpm_limit": 500}
    key, _ = released(Estate(made.world.at_key("web", limits=by_hand), made.lockfile), spec)
    assert limits(key) == {**FOUND, "rpm_limit": 11, "tpm_limit": 500}


def test_routes_and_tags_come_back_too() -> None:
    found = row(limits=FOUND, allowed_routes=("/v1/*",), metadata={"tags": ["lab"], "note": "mine"})
    first = TAGGED.key("web", models=["one"], tags=["lab"], allowed_routes=["/v1/*"])
    spec = first.key("web", models=["one"], tags=["prod"], allowed_routes=["/v1/models", "/v1/chat/completions"])
    key, _ = released(changed(spec, found=found, first=first), spec)
    assert (key.allowed_routes, key.metadata) == (("/v1/*",), {"tags": ["lab"], "note": "mine"})


@pytest.mark.parametrize("found", [{"team": "t1"}, {"expires": "2030-01-02T03:04:05+00:00"}, {}], ids=str)
def test_team_and_end_come_back_too(found: dict[str, Any]) -> None:
    """An end is a moment: it is sent as what is left of it."""
    spec = AS_FOUND.key("web", models=["one"], team="t2", expires="30d")
    made = changed(spec, found=row(limits=FOUND, **found))
    given = made.world.key("web")
    assert (given.team, given.lifetime) == ("t2", "30d")
    key, plan = released(made, spec)
    assert (key.team, key.expires, key.lifetime) == (found.get("team", ""), found.get("expires"), None)
    says = " ".join(change.consequence for change in plan.changes)
    assert f"expires {found.get('expires', 'none')}" in says
    assert f"team {found.get('team', 'none')}" in says


def test_what_cannot_be_put_back_stays_and_is_said() -> None:
    ended = "2026-01-01T00:00:00+00:00"
    spec = AS_FOUND.key("web", models=["one"], expires="30d")
    key, plan = released(changed(spec, found=row(limits=FOUND, expires=ended)), spec)
    assert key.expires != ended
    says = " ".join(change.consequence for change in plan.changes)
    assert f"keeps its expires (the end that it was found with ({ended}) has passed)" in says


@pytest.mark.parametrize(
    ("grace", "says"),
    [("0s", "keeps the value that FleetHub gave it, for the one before is deleted"),
     ("7d", "keeps its two values, for its rotation is not at its end: the new one is 'web--g2' there")],
)  # fmt: skip
def test_a_value_that_is_deleted_does_not_come_back_and_one_that_lives_is_not_called_deleted(
    grace: str, says: str
) -> None:
    spec = AS_FOUND.key("web", models=["one"], rpm=60, max_budget=5.0, generation=2, grace=grace)
    made = changed(spec)
    assert len(made.world.proxy.keys) == (1 if grace == "0s" else 2)
    _, plan = released(made, spec)
    assert says in " ".join(change.consequence for change in plan.changes)


def test_scope_and_limits_come_back_at_once() -> None:
    narrow = SPEC.key("web", models=["one"], adopt="narrow", rpm=5)
    key, plan = released(changed(narrow, found=row(("one", "two"), limits={"rpm_limit": 60}), first=SPEC), narrow)
    assert (set(key.models), limits(key)) == ({"one", "two"}, {"rpm_limit": 60})
    (step,) = (s.do for s in plan.steps if isinstance(s.do, KeyRelease))
    assert step.limits == {"rpm_limit": 60}


def test_a_limit_that_was_accepted_by_the_spec_is_the_one_that_stays() -> None:
    """Somebody changed it, and the spec says since what he made of it."""
    made = changed(AS_FOUND.key("web", models=["one"], rpm=120))
    spec = AS_FOUND.key("web", models=["one"], rpm=90)
    world = made.world.at_key("web", limits={**made.world.key("web").limits, "rpm_limit": 90})
    seen = Estate(world, made.lockfile)
    done = apply(replace(world, lockfile=made.lockfile), seen.plan(spec)).world
    key, _ = released(Estate(done, done.lockfile), spec)
    assert key.limits["rpm_limit"] == 90


def test_a_record_that_has_not_kept_them_puts_none_back() -> None:
    spec = AS_FOUND.key("web", models=["one"], rpm=120)
    made = changed(spec)
    assert made.lockfile is not None
    old = {a: replace(r, found={"models": ("one",)} if r.found else {}) for a, r in made.lockfile.resources.items()}
    key, _ = released(Estate(made.world, replace(made.lockfile, resources=old)), spec)
    assert key.limits["rpm_limit"] == 120


ROTATED = AS_FOUND.key("web", models=["one"], rpm=60, max_budget=5.0, model_rpm={"one": 7}, generation=2, grace="0s")


def broken_off(before: World, spec: Spec, fleet_: Fleet, steps: int) -> Estate:
    """A rotation of which so many steps were done."""
    now = make_plan(fleet_, before.lockfile, wanted(fleet_, spec), facts(before, spec), SEAL)
    assert len(now.steps) >= steps
    done = apply(before, now, crash=steps).world
    return Estate(done, done.lockfile)


@pytest.mark.parametrize("mine", [False, True], ids=["adopted", "of a node that runs on"])
def test_wherever_a_rotation_breaks_off_no_value_is_lost_and_an_alias_that_is_free_is_given_back(mine: bool) -> None:
    if mine:
        spec, name = fleet().models("one", "two").node("a", "one", manage="wiring"), "a"
        world, spec = done(there(spec), spec), spec.key("a", generation=2)
    else:
        made, spec, name = adopted(AS_FOUND, row(limits=FOUND)), ROTATED, "web"
        world = replace(made.world, lockfile=made.lockfile)
    now = Estate(world, world.lockfile).fleet(spec)
    whole = len(make_plan(now, world.lockfile, wanted(now, spec), facts(world, spec), SEAL).steps)
    assert whole > 3
    seen = set()
    for steps in range(1, whole + 1):
        broken = broken_off(world, spec, now, steps)
        rows = {key.token: key.alias for key in broken.world.proxy.keys}
        gone = broken.fleet(spec.without("keys").without("nodes"))
        plan = make_plan(gone, broken.lockfile, {}, facts(broken.world, spec), SEAL, orders=Orders(uninstall=True))
        after = apply(replace(broken.world, lockfile=broken.lockfile), plan).world
        left = {key.token: key.alias for key in after.proxy.keys}
        assert left.keys() == rows.keys(), "either value may be in use"
        assert [key for key in after.proxy.keys if "fleethub" in key.metadata] == []
        assert name in left.values()
        (says,) = (c.consequence for c in plan.changes if c.address.kind == "key")
        assert (f"its two values, for its rotation is not at its end: the new one is '{name}--g2' there" in says) is (
            len(rows) == 2
        )
        seen.add(tuple(sorted(rows.values())))
    assert seen == {(name, f"{name}--g2"), (f"{name}--g2",), (name,)}
