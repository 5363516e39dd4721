"""Every limit that the spec may give a key: written, compared, changed and taken off; and what is no limit to it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fleethub.kinds import KINDS
from fleethub.kinds.key.actions import KeyPut, ProveKey
from fleethub.kinds.key.fields import differing, fields, seconds
from fleethub.model import keycall
from fleethub.planning.judge import drift
from tests.fleets import Spec, fleet
from tests.kinds.asking import item, steps
from tests.world import World, apply, plan, settled

SPEC = fleet().models("one", "two").node("a", "one")
KEY = "key.main.a"
GIVEN: list[dict[str, Any]] = [
    {"expires": "90d"},
    {"max_parallel_requests": 4},
    {"soft_budget": 5.0},
    {"model_rpm": {"one": 60}},
    {"model_tpm": {"one": 6000, "two": 7}},
    {"allowed_routes": ["/v1/*"]},
    {"tags": ["lab", "batch"]},
]


def puts(world: World, spec: Spec) -> list[KeyPut]:
    return [step.do for step in steps(KEY, world, spec).steps if isinstance(step.do, KeyPut)]


def ended(spec: Spec, **key: Any) -> list[str]:
    found = item(KEY, settled(spec).at_key("a", **key), spec)
    return [f.code for f in KINDS["key"].remarks(found)]


@pytest.mark.parametrize("given", GIVEN, ids=[next(iter(given)) for given in GIVEN])
def test_it_is_written_once_kept_and_taken_off(given: dict[str, Any]) -> None:
    spec = SPEC.key("a", **given)
    for start in (World.of(spec), settled(SPEC)):
        made = apply(start, plan(start, spec))
        assert made.failed == []
        assert plan(made.world, spec).changes == ()
    bare = apply(settled(spec), plan(settled(spec), SPEC)).world
    assert plan(bare, SPEC).changes == ()
    assert not bare.key("a").expires
    assert not bare.key("a").allowed_routes
    assert not bare.key("a").limits.get("max_parallel_requests")
    assert not bare.key("a").limits.get("model_rpm_limit")


def test_a_limit_of_another_model_by_another_hand_stays() -> None:
    world = settled(SPEC).at_key("a", limits={**settled(SPEC).key("a").limits, "model_rpm_limit": {"two": 5}})
    spec = SPEC.key("a", model_rpm={"one": 60})
    (do,) = puts(world, spec)
    assert do.limits == {"model_rpm_limit": {"one": 60}}
    after = apply(world, plan(world, spec)).world
    assert after.key("a").limits["model_rpm_limit"] == {"one": 60, "two": 5}
    assert plan(after, spec).changes == ()


def test_an_end_that_somebody_moved_is_drift_and_is_set_again() -> None:
    spec = SPEC.key("a", expires="90d")
    world = settled(spec).at_key("a", lifetime=None, expires="2026-12-01T00:00:00Z")
    found = drift(item(KEY, world, spec), repair=True)
    assert found is not None
    assert found.summary == "expires changed"
    (do,) = puts(world, spec)
    assert (do.limits, do.lift) == ({"expires": "90d"}, ())


def test_a_key_that_ends_is_told_before_and_after() -> None:
    spec = SPEC.key("a", expires="90d")
    day = 86400.0
    assert ended(spec, age=10 * day, left=80 * day) == []
    assert ended(spec, age=85 * day, left=5 * day) == ["key.expires-soon"]
    assert ended(spec, age=91 * day, left=-day) == ["key.expired"]
    assert ended(SPEC.key("a", expires="1h"), age=60.0, left=3540.0) == []


def test_a_new_value_gets_a_whole_life_and_every_limit() -> None:
    given = {"expires": "90d", "tags": ["lab"], "model_rpm": {"one": 60}, "allowed_routes": ["llm_api_routes"]}
    spec = SPEC.key("a", **given)
    (made, _) = puts(settled(spec), spec.key("a", generation=2, **given))
    assert made.limits == {
        "expires": "90d", "tags": ("lab",), "model_rpm_limit": {"one": 60}, "allowed_routes": ("llm_api_routes",),
    }  # fmt: skip


def test_a_team_that_the_spec_names_is_joined() -> None:
    (do,) = puts(settled(SPEC), SPEC.key("a", team="t1"))
    assert do.limits == {"team": "t1"}
    assert fields({"team": None}, {}, {}) == {"team_id": None}


@pytest.mark.parametrize(
    ("routes", "lists", "calls"),
    [
        ((), True, True),
        (("/v1/*",), True, True),
        (("/v1",), True, True),
        (("/v1/ch*",), False, True),
        (("/v1/",), False, False),
        (("llm_api_routes",), True, True),
        (("info_routes",), True, False),
        (("/v1/models",), True, False),
        (("/models", "/chat/completions"), False, False),
        (("/v1/models", "/v1/chat/completions"), True, True),
    ],
)
def test_routes_are_compared_as_litellm_does(routes: tuple[str, ...], lists: bool, calls: bool) -> None:
    assert (keycall.covers(routes, keycall.LIST), keycall.covers(routes, keycall.PATH)) == (lists, calls)


@pytest.mark.parametrize(
    "route",
    [
        "/key",
        "/k*",
        "*",
        "/key/gen*",
        "/team",
        "/key/regenerate",
        "/key/sk-1/regenerate",
        "/user/update",
        "/model/a/update",
    ],
)
def test_a_route_with_which_a_key_changes_keys_teams_or_models_is_known(route: str) -> None:
    """As RouteChecks of LiteLLM 1.82.0 and 1.110.2 let each of them through."""
    assert keycall.manages(["/v1/*", route]) == route


@pytest.mark.parametrize(
    "route", ["/key/info", "/keys", "/key/", "/v1/model", "/model/info", "/team/info", "llm_api_routes"]
)
def test_a_route_that_reads_is_none_of_these(route: str) -> None:
    assert keycall.manages([route]) == ""


@pytest.mark.parametrize(
    ("routes", "says"),
    [
        (["/v1/chat/completions"], "shut out /v1/models, which FleetHub calls with it"),
        (["/v1/models"], "shut out /v1/chat/completions, which a node calls with it"),
        (["v1/*", "/v1/*"], '"v1/*" is no route: a path, or one of'),
        (["/v1/*", "/key/*"], 'have "/key/*", with which it manages the proxy'),
        (["/*"], 'have "/*", with which it manages the proxy'),
    ],
)
def test_routes_that_shut_out_what_must_be_asked_are_an_error(routes: list[str], says: str) -> None:
    (found,) = SPEC.key("a", allowed_routes=routes).loaded.findings
    assert found.code == "spec.value"
    assert says in found.message


def test_what_only_a_paid_litellm_does_is_said() -> None:
    (found,) = SPEC.key("a", model_max_budget=5).loaded.findings
    assert (found.code, found.hint.partition(",")[0]) == ("spec.unknown-key", "only LiteLLM Enterprise does that")


def test_a_key_that_may_not_chat_is_not_asked_to() -> None:
    spec = fleet().models("one").key("web", models=["one"], allowed_routes=["/v1/models", "/v1/embeddings"])
    (prove,) = (s.do for s in steps("key.main.web", World.of(spec), spec).steps if isinstance(s.do, ProveKey))
    assert prove.asks is False


def test_what_a_proxy_did_not_take_over_is_named() -> None:
    row = replace(settled(SPEC).key("a"), limits={"model_rpm_limit": {"one": 5}})
    wanted = {"model_rpm_limit": {"one": 60}, "expires": "90d", "tags": ("lab",), "team": "t", "rpm_limit": 3}
    assert differing(row, wanted, created=False) == list(wanted)
    assert seconds("2w") == 14 * 86400


def test_a_soft_budget_that_other_keys_have_too_is_left_alone_and_not_written() -> None:
    """LiteLLM keeps it in a row of budgets: what is written for one key is then every key's."""
    spec = SPEC.key("a", soft_budget=5.0)
    world = settled(spec)
    limits = {**world.key("a").limits, "soft_budget": 7.0}
    own = world.at_key("a", limits=limits, budget="b-1")
    assert [put.limits for put in puts(own, spec)] == [{"soft_budget": 5.0}]
    other = replace(world.key("a"), alias="other", token="cd" * 32, metadata={}, budget="b-1")
    shared = own.at_proxy(lambda proxy: proxy.with_key(other))
    assert puts(shared, spec) == []
    (change,) = plan(shared, spec).changes
    assert [blocker.what for blocker in change.blockers] == ["soft_budget"]
    bare = plan(shared, SPEC)
    assert not any(isinstance(step.do, KeyPut) and "soft_budget" in step.do.limits for step in bare.steps)
