"""What FleetHub promises of keys that may not call, seen from outside. Run on the stand-in and on the real one.

Fixtures as in ``tests.contract``, and two proxies with another config on the same database: ``odd`` (``ODD``: bounds
and defaults for new keys, a wildcard, a fallback of a model that fails) and ``closed`` (``CLOSED``: no chosen values).
"""

from __future__ import annotations

import time
import uuid
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import fleethub.clients.litellm  # noqa: F401 - its class has the name of the stand-in, which these tests are run on
from fleethub import clients
from fleethub.clients.http import Http
from fleethub.model.secret import Secret
from fleethub.testing.consumer import Consumer
from tests.contract import spec
from tests.fleets import fleet
from tests.proxies import Admin, Endpoint, Times, chat
from tests.support import MASTER, Place

#: Configs as LiteLLM's own, for both the stand-in and the real one. The real one raises this mock_response.
FAILS = "litellm.InternalServerError"
MODELS = [
    {
        "model_name": name,
        "litellm_params": {"model": f"openai/{name}", "api_key": "none", "mock_response": FAILS if fails else "hi"},
    }
    for name, fails in (("qwen3-32b", False), ("gemma3-27b", False), ("dead", True))
]
WILD = {"model_name": "ollama_chat/*", "litellm_params": {"model": "ollama_chat/*", "api_base": "http://127.0.0.1:9"}}
ODD: dict[str, Any] = {
    "model_list": [*MODELS, WILD],
    "router_settings": {"fallbacks": [{"dead": ["gemma3-27b"]}], "num_retries": 0},
    "litellm_settings": {
        "upperbound_key_generate_params": {"duration": "30d", "rpm_limit": 1000},
        "default_key_generate_params": {
            "max_budget": 5,
            "budget_duration": "7d",
            "allowed_routes": ["/v1/models", "/v1/chat/completions"],
        },
    },
}
CLOSED: dict[str, Any] = {"model_list": MODELS, "general_settings": {"disable_custom_api_keys": True}}
GEMMA = '[models.gemma3-27b]\nproxy = "main"\nroute = "openai/gemma3-27b"\ncontext = 32768\n'
ZERO = [
    ("rpm_limit", 0),
    ("tpm_limit", 0),
    ("max_parallel_requests", 0),
    ("max_budget", 0),
    ("model_rpm_limit", {"qwen3-32b": 0, "gemma3-27b": 7}),
]
POWER = [
    ("allowed_routes", ["info_routes"]),
    ("aliases", {"qwen3-32b": "gemma3-27b"}),
    ("router_settings", {"num_retries": 1}),
]


@pytest.fixture
def applied(tmp_path: Path, replicas: tuple[Endpoint, Endpoint], admin: Admin, times: Times) -> Place:
    text = spec(times, replicas[0]).replace('name = "monad"', f'name = "{fresh()}"')
    place = Place(tmp_path / "fleet", text)
    place.apply()
    return place


def fresh() -> str:
    """A fleet's name that no other test has: its keys have values of their own, which no proxy has counted yet."""
    return f"f{uuid.uuid4().hex[:8]}"


def on(tmp_path: Path, endpoint: Endpoint, times: Times, *chain: str, **key: Any) -> Place:
    """A fleet of one node on a proxy."""
    made = fleet(endpoint.url, name=fresh(), key_cache_ttl=times.ttl).table("defaults.node", settle=times.settle)
    return Place(tmp_path / "fleet", made.node("rentalclaw", *chain).key("rentalclaw", **key).text)


def told(place: Place, *argv: str) -> list[str]:
    """The codes that verify finds on rentalclaw."""
    lines = place.json("verify", "rentalclaw", *argv)
    return [line["code"].removeprefix("verify.") for line in lines if line["type"] == "finding"]


def calls(place: Place, endpoint: Endpoint, model: str = "qwen3-32b") -> int:
    """The status of a call with the node's own key."""
    return chat(endpoint.url, place.env("rentalclaw")["FLEETHUB_KEY_MAIN"], model)[0]


def repaired(place: Place, name: str, endpoint: Endpoint) -> None:
    """It is drift, and is taken off."""
    out = place.run("plan", "--detailed-exitcode", code=2)
    assert "Changed behind our back" in out
    assert f"key.main.rentalclaw: {name} changed (will be repaired)" in out
    place.apply()
    place.plan_is_empty()
    assert told(place) == []
    assert calls(place, endpoint) == 200


def test_a_key_that_expires_is_drift_and_lives_on(
    applied: Place, admin: Admin, replicas: tuple[Endpoint, Endpoint]
) -> None:
    admin.update("rentalclaw", duration="1s")
    deadline = time.monotonic() + 300
    while calls(applied, replicas[0]) == 200 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert told(applied) == ["key-refused"]
    assert "fleethub plan" in applied.out
    repaired(applied, "expires", replicas[0])
    assert admin.row("rentalclaw")["expires"] is None


@pytest.mark.parametrize(("field", "value"), POWER, ids=[name for name, _ in POWER])
def test_what_takes_a_keys_power_away_is_drift(
    field: str, value: Any, applied: Place, admin: Admin, replicas: tuple[Endpoint, Endpoint], version: str
) -> None:
    admin.update("rentalclaw", **{field: value})
    refused = field == "allowed_routes" or (field == "aliases" and not version.startswith("1.82"))
    assert told(applied) == (["route-refused"] if refused else [])
    repaired(applied, field, replicas[0])
    assert not admin.row("rentalclaw")[field]


def test_a_key_whose_aliases_are_null_is_mended_though_no_list_has_it(
    applied: Place, admin: Admin, replicas: tuple[Endpoint, Endpoint]
) -> None:
    """An update takes the null; then LiteLLM's list of all keys is 500, and each call of that key 401."""
    token = str(admin.row("rentalclaw")["token"])
    by_hand = admin.generate(key_alias="by-hand", models=["qwen3-32b"])
    for key in (token, by_hand):
        admin.http.post("/key/update", json={"key": key, "aliases": None}).raise_for_status()
    try:
        assert admin.http.get("/key/list", params={"return_full_object": "true"}).status_code == 500
        assert told(applied) == ["key-refused"]
        out = applied.run("plan", "--detailed-exitcode", code=2)
        assert "key.main.rentalclaw: aliases changed (will be repaired)" in out
        assert "by-hand" not in out
        applied.apply()
        applied.plan_is_empty()
        assert told(applied) == []
        assert calls(applied, replicas[0]) == 200
    finally:
        admin.http.post("/key/update", json={"key": by_hand, "aliases": {}}).raise_for_status()


@pytest.mark.parametrize(("field", "value"), ZERO, ids=[name for name, _ in ZERO])
def test_a_limit_of_zero_is_drift(
    field: str, value: Any, applied: Place, admin: Admin, replicas: tuple[Endpoint, Endpoint], version: str
) -> None:
    admin.update("rentalclaw", **{field: value})
    if field != "max_budget":  # 1.82.0 lets a model that costs nothing pass
        assert told(applied) == ["route-refused"]
    repaired(applied, field, replicas[0])
    row = admin.row("rentalclaw")
    if isinstance(value, dict):
        assert row["metadata"][field] == {"gemma3-27b": 7}  # type: ignore[index]
    else:
        assert row[field] is None


def test_another_limit_is_left_alone_and_shown(applied: Place, admin: Admin) -> None:
    admin.update("rentalclaw", max_parallel_requests=50, model_rpm_limit={"gemma3-27b": 7})
    applied.plan_is_empty()
    shown = applied.run("show", "key.main.rentalclaw", code=0)
    assert "the spec does not say, max_parallel_requests 50" in shown
    assert "gemma3-27b 7" in shown


def test_a_key_with_one_request_a_minute_keeps_it_for_its_node(
    tmp_path: Path, replicas: tuple[Endpoint, Endpoint], admin: Admin, times: Times
) -> None:
    place = on(tmp_path, replicas[0], times, "qwen3-32b", rpm=1)
    assert "its list alone was asked" in place.apply()
    assert told(place) == []
    assert calls(place, replicas[0]) == 200


def test_a_blocked_key_of_a_higher_generation_gets_a_new_value(
    applied: Place, admin: Admin, replicas: tuple[Endpoint, Endpoint]
) -> None:
    before = applied.env("volta")["FLEETHUB_KEY_MAIN"]
    admin.update("volta", blocked=True)
    applied.edit("rpm = 60000", "rpm = 60000\ngeneration = 2")
    out = applied.run("plan", code=0)
    assert "value: new (generation 1 → 2); the old one, which is blocked, goes" in out
    assert "blocked: true → false" not in out
    applied.apply()
    fresh = applied.env("volta")["FLEETHUB_KEY_MAIN"]
    assert fresh != before
    assert chat(replicas[0].url, fresh, "qwen3-32b")[0] == 200
    assert chat(replicas[0].url, before, "qwen3-32b")[0] == 401
    applied.plan_is_empty()


def test_every_limit_of_the_spec_is_written_kept_changed_and_taken_off(
    tmp_path: Path, replicas: tuple[Endpoint, Endpoint], admin: Admin, times: Times, version: str
) -> None:
    limits: dict[str, Any] = {
        "expires": "90d", "max_parallel_requests": 40, "model_rpm": {"qwen3-32b": 5000},
        "model_tpm": {"qwen3-32b": 900000}, "allowed_routes": ["/v1/*"], "tags": ["lab"],
    }  # fmt: skip
    if not version.startswith("1.82"):
        limits["soft_budget"] = 5.0
    place = on(tmp_path, replicas[0], times, "qwen3-32b", **limits)
    bare = place.folder.joinpath("fleet.toml").read_text().partition("[keys.")[0]
    place.apply()
    place.plan_is_empty()
    assert told(place) == []
    row, metadata = admin.row("rentalclaw"), admin.row("rentalclaw")["metadata"]
    assert (row["max_parallel_requests"], row["allowed_routes"]) == (40, ["/v1/*"])
    assert (metadata["model_rpm_limit"], metadata["tags"]) == ({"qwen3-32b": 5000}, ["lab"])  # type: ignore[index]
    assert row["expires"]
    assert not limits.get("soft_budget") or row["litellm_budget_table"]["soft_budget"] == 5.0  # type: ignore[index]
    place.edit("qwen3-32b = 5000", "qwen3-32b = 6000")
    place.edit('"90d"', '"30d"')
    place.apply()
    place.plan_is_empty()
    assert admin.row("rentalclaw")["metadata"]["model_rpm_limit"] == {"qwen3-32b": 6000}  # type: ignore[index]
    admin.update("rentalclaw", duration="1h")
    assert "key.main.rentalclaw: expires changed (will be repaired)" in place.run("plan", "--detailed-exitcode", code=2)
    place.apply()
    place.write(bare)
    place.apply()
    place.plan_is_empty()
    row = admin.row("rentalclaw")
    assert (row["expires"], row["max_parallel_requests"], row["allowed_routes"]) == (None, None, [])
    assert not row["metadata"].get("model_rpm_limit")  # type: ignore[attr-defined]
    assert not (row["litellm_budget_table"] or {}).get("soft_budget")  # type: ignore[attr-defined]
    assert calls(place, replicas[0]) == 200


def test_a_rotation_refuses_no_call_on_two_replicas(
    tmp_path: Path, replicas: tuple[Endpoint, Endpoint], admin: Admin, times: Times
) -> None:
    """Its agent calls through both without pause, from before the rotation until after the old value is gone."""
    place = Place(tmp_path / "fleet", spec(times, *replicas).replace('name = "monad"', f'name = "{fresh()}"'))
    place.apply()
    before, endpoints = place.env("volta")["FLEETHUB_KEY_MAIN"], tuple(one.url for one in replicas)
    with Consumer(place.folder / "nodes/volta", endpoints) as agent:
        called(agent, 10)
        out = place.run("rotate", "volta", "--yes", code=0)
        assert "value: new (generation 1 → 2); the old one stops working once everybody who is wired to it" in out
        assert "Next: fleethub apply" in out
        place.apply()
        called(agent, 10)
    after = place.env("volta")["FLEETHUB_KEY_MAIN"]
    assert (agent.denied, agent.broken) == ([], [])
    assert after != before
    assert [row["key_alias"] for row in admin.rows() if str(row["key_alias"]).startswith("volta")] == ["volta"]
    row = admin.row("volta")
    assert (row["rpm_limit"], row["max_budget"], row["metadata"]["fleethub"]["generation"]) == (60000, 20.0, 2)  # type: ignore[index]
    assert chat(replicas[0].url, after, "qwen3-32b")[0] == 200
    assert chat(replicas[0].url, before, "qwen3-32b")[0] == 401
    place.plan_is_empty()


def test_an_older_value_may_call_what_a_swap_beside_the_rotation_brings(
    tmp_path: Path, replicas: tuple[Endpoint, Endpoint], admin: Admin, times: Times
) -> None:
    """A process takes its new chain over while it runs, and its new value when it is restarted: until then it calls the
    new models with the old value, through each replica.
    """
    made = fleet(tuple(r.url for r in replicas), name=fresh(), key_cache_ttl=times.ttl)
    made = made.table("defaults.node", settle=times.settle).node("rentalclaw", "qwen3-32b")
    place = Place(tmp_path / "fleet", made.key("rentalclaw", grace="1h").text)
    place.apply()
    before = place.env("rentalclaw")["FLEETHUB_KEY_MAIN"]
    assert 200 not in [chat(r.url, before, "gemma3-27b")[0] for r in replicas]
    place.write(made.node("rentalclaw", "gemma3-27b").key("rentalclaw", grace="1h", generation=2).text)
    out = place.apply()
    assert "key.main.rentalclaw/widen-1" in out
    assert set(admin.row("rentalclaw")["models"]) == {"qwen3-32b", "gemma3-27b"}  # type: ignore[call-overload]
    assert [chat(r.url, before, "gemma3-27b")[0] for r in replicas] == [200, 200]
    assert [calls(place, r, "gemma3-27b") for r in replicas] == [200, 200]
    assert place.env("rentalclaw")["FLEETHUB_KEY_MAIN"] != before
    assert "whoever uses it has" in place.run("plan", code=0)


def test_a_rotation_takes_the_spend_along_and_a_user_that_is_no_node_gets_grace(
    tmp_path: Path, replicas: tuple[Endpoint, Endpoint], admin: Admin, times: Times
) -> None:
    made = fleet(replicas[0].url, name=fresh(), key_cache_ttl=times.ttl).models("qwen3-32b")
    place = Place(tmp_path / "fleet", made.key("web", models=["qwen3-32b"], max_budget=5.0).text)
    place.apply()
    admin.update("web", spend=3.5, metadata={**admin.row("web")["metadata"], "note": "mine"})  # type: ignore[dict-item]
    out = place.run("rotate", "key.main.web", "--yes", code=0)
    assert "the old one stops working 7 days after that; what it has spent (3.50) goes along" in out
    assert "fleethub show key.main.web --reveal" in out
    place.apply()
    old, new = admin.row("web"), admin.row("web--g2")
    assert (new["spend"], new["max_budget"], new["metadata"]["note"]) == (3.5, 5.0, "mine")  # type: ignore[index]
    assert not old["blocked"]
    assert "whoever uses it has 7 days left to take the new one" in place.run("plan", "--detailed-exitcode", code=2)
    given = tmp_path / "web.key"
    assert "was written to" in place.run("show", "key.main.web", "--to", f"file:{given}", code=0)
    assert given.stat().st_mode & 0o777 == 0o600
    assert chat(replicas[0].url, given.read_text().strip(), "qwen3-32b")[0] == 200
    place.run("show", "key.main.web", "--to", f"command:tee {tmp_path}/copy", code=0)
    assert (tmp_path / "copy").read_text() == given.read_text().strip()
    assert given.read_text().strip() not in place.out
    assert "ended with 1" in place.run("show", "key.main.web", "--to", "command:false", code=1)
    assert "neither file:PATH nor command:ARGV" in place.run("show", "key.main.web", "--to", "sk-x", code=1)
    place.edit("generation = 2", 'generation = 2\ngrace = "0s"')
    place.apply()
    assert admin.row("web")["token"] == new["token"]
    assert admin.rows("web--g2") == []
    place.plan_is_empty()


@pytest.mark.parametrize("lost", [True, False], ids=["lost", "at hand"])
def test_a_new_seed_makes_every_value_anew_and_refuses_no_call(
    tmp_path: Path, replicas: tuple[Endpoint, Endpoint], admin: Admin, times: Times, lost: bool
) -> None:
    place = Place(tmp_path / "fleet", spec(times, *replicas).replace('name = "monad"', f'name = "{fresh()}"'))
    place.apply()
    before, endpoints = place.env("volta")["FLEETHUB_KEY_MAIN"], tuple(one.url for one in replicas)
    tokens, seed = {str(row["token"]) for row in admin.rows()}, place.folder / "fleet.seed"
    old = seed.read_text()
    if lost:
        seed.unlink()
    with Consumer(place.folder / "nodes/volta", endpoints) as agent:
        called(agent, 10)
        applied = place.lockfile.applied.spec
        place.edit("[policy]", "# another spec\n[policy]")
        out = place.run("rotate", "--seed", "--yes", code=0)
        assert old.strip() not in out
        assert place.lockfile.applied.spec == applied, "of the edited spec nothing is applied by that"
        assert seed.read_text() != old
        assert place.env("volta")["FLEETHUB_KEY_MAIN"] == before
        planned = place.run("plan", code=0)
        assert "value: new (generation 1, from another seed); the old one stops working once" in planned
        assert "behind our back" not in planned, planned
        place.apply()
        called(agent, 10)
    assert (agent.denied, agent.broken) == ([], [])
    assert not tokens & {str(row["token"]) for row in admin.rows()}
    assert sorted(str(row["key_alias"]) for row in admin.rows()) == ["rentalclaw", "tiltclaw", "volta"]
    assert chat(replicas[0].url, before, "qwen3-32b")[0] == 401
    assert (place.folder / "fleet.seed.old1").exists() is not lost
    place.plan_is_empty()


def test_a_revoked_key_is_refused_at_once_on_every_replica_and_never_comes_back(
    tmp_path: Path, slow_replicas: tuple[Endpoint, Endpoint], admin: Admin, times: Times
) -> None:
    """Each replica remembers a key for a minute; the node's folder cannot be reached."""
    text = spec(times, *slow_replicas).replace('name = "monad"', f'name = "{fresh()}"')
    place = Place(tmp_path / "fleet", text.replace("[policy]", '[policy]\nrevoked = "restore"'))
    place.apply()
    before = place.env("rentalclaw")["FLEETHUB_KEY_MAIN"]
    assert [chat(one.url, before, "qwen3-32b")[0] for one in slow_replicas] == [200, 200]
    away = place.folder / "nodes/rentalclaw"
    away.rename(tmp_path / "away")
    away.write_text("no folder")
    out = place.run("revoke", "rentalclaw", "--yes", code=0)
    assert "every call of node.rentalclaw with it is refused from then on" in out
    assert [chat(one.url, before, "qwen3-32b")[0] for one in slow_replicas] == [401, 401]
    assert admin.rows("rentalclaw") == []
    away.unlink()
    (tmp_path / "away").rename(away)
    assert "was revoked, and its value is never made again" in place.run("apply", "--auto-approve")
    assert admin.rows("rentalclaw") == []
    place.run("rotate", "rentalclaw", "--yes", code=0)
    place.apply()
    assert place.env("rentalclaw")["FLEETHUB_KEY_MAIN"] != before
    assert chat(slow_replicas[0].url, place.env("rentalclaw")["FLEETHUB_KEY_MAIN"], "qwen3-32b")[0] == 200
    place.plan_is_empty()


def called(agent: Consumer, more: int) -> None:
    """Wait until it has made so many calls more."""
    wanted, end = agent.calls + more, time.monotonic() + 300
    while agent.calls < wanted and time.monotonic() < end:
        time.sleep(0.05)
    assert agent.calls >= wanted


def test_a_deleted_value_never_comes_back(applied: Place, admin: Admin, replicas: tuple[Endpoint, Endpoint]) -> None:
    """Its key leaked and its node went; the name is used again later, and once more."""
    spec, values = (applied.folder / "fleet.toml").read_text(), []
    for generation in (1, 2, 3):
        values.append(applied.env("rentalclaw")["FLEETHUB_KEY_MAIN"])
        assert admin.row("rentalclaw")["metadata"]["fleethub"]["generation"] == generation  # type: ignore[index]
        applied.plan_is_empty()
        applied.edit('[nodes.rentalclaw]\nhost = "rentalclaw"\nmodel = "qwen3-32b"\n', "")
        applied.apply()
        applied.write(spec)
        assert f"value: new (generation {generation + 1})" in applied.run("plan", code=0)
        applied.apply()
    assert len({*values, applied.env("rentalclaw")["FLEETHUB_KEY_MAIN"]}) == 4
    assert chat(replicas[0].url, values[0], "qwen3-32b")[0] == 401
    assert calls(applied, replicas[0]) == 200


def test_a_team_may_narrow_a_key(applied: Place, admin: Admin) -> None:
    body = {"team_alias": "agents", "models": ["qwen3-32b"]}
    team = admin.http.post("/team/new", json=body).json()["team_id"]

    def change(path: str, **fields: Any) -> None:
        admin.http.post(path, json={"team_id": team, **fields}).raise_for_status()

    try:
        admin.update("rentalclaw", team_id=team)
        applied.plan_is_empty()
        assert f"team {team}" in applied.run("show", "key.main.rentalclaw", code=0)
        change("/team/update", models=["gemma3-27b"])
        assert "key.team-narrower" in applied.run("plan", code=3)
        assert told(applied) == ["team-scope"]
        change("/team/update", models=["qwen3-32b"])
        change("/team/block")
        assert "key.team-blocked" in applied.run("plan", code=3)
        change("/team/unblock")
        applied.plan_is_empty()
    finally:
        admin.http.post("/team/delete", json={"team_ids": [team]})


def test_no_key_is_made_in_a_team_that_is_not_there(
    tmp_path: Path, replicas: tuple[Endpoint, Endpoint], admin: Admin, times: Times
) -> None:
    """LiteLLM takes the key, and 1.110 refuses each call of it."""
    place = on(tmp_path, replicas[0], times, "qwen3-32b", team="no-such-team")
    out = place.run("apply", "--auto-approve")
    assert place.code != 0
    assert "LiteLLM has no team 'no-such-team'" in out
    assert "name a team that is there, in [keys.rentalclaw]" in out
    assert admin.rows() == []
    team = admin.http.post("/team/new", json={"models": ["qwen3-32b"]}).json()["team_id"]
    try:
        place.edit("no-such-team", team)
        place.apply()
        place.plan_is_empty()
        assert calls(place, replicas[0]) == 200
    finally:
        admin.http.post("/team/delete", json={"team_ids": [team]})


def test_a_spent_budget_is_told(applied: Place, admin: Admin) -> None:
    admin.update("volta", spend=20.5)
    out = applied.run("plan", code=0)
    assert "key.spent" in out
    assert "it has spent 20.50 of 20" in out


def test_what_the_proxy_gives_new_keys_is_taken_off_or_told(
    tmp_path: Path, odd: Endpoint, admin: Admin, times: Times, version: str
) -> None:
    place = on(tmp_path, odd, times, "qwen3-32b")
    out = place.apply()
    assert "LiteLLM gave the new key 'rentalclaw' by itself" in out
    assert "expires 20" in out
    assert "taken off again" in out
    assert "max_budget 5" in out
    row = admin.row("rentalclaw")
    assert (row["expires"], row["allowed_routes"], row["max_budget"]) == (None, [], 5.0)
    place.plan_is_empty()


def test_a_model_of_a_wildcard_is_there(tmp_path: Path, odd: Endpoint, admin: Admin, times: Times) -> None:
    alias = "ollama_chat/qwen3-coder:30b"
    made = fleet(odd.url, key_cache_ttl=times.ttl).table("defaults.node", settle=times.settle)
    place = Place(tmp_path / "fleet", made.model(alias, route=alias).node("rentalclaw", alias).text)
    out = place.run("plan", code=0)
    assert "route.missing" not in out
    assert "of the wildcard 'ollama_chat/*', which sets no num_ctx" in out
    place.apply()
    assert told(place) == []


def test_a_fallback_outside_the_scope_is_told_where_it_ends_there(
    tmp_path: Path, odd: Endpoint, admin: Admin, times: Times, version: str
) -> None:
    place = on(tmp_path, odd, times, "dead")
    out = place.run("plan", code=0)
    skipped = version.startswith("1.110")
    assert ("key.fallback-outside" in out) == skipped
    place.apply()
    assert told(place, "--live") == (["model-error"] if skipped else ["fallback"])
    if skipped:
        assert 'write also = ["gemma3-27b"] in [keys.rentalclaw]' in out
        place.edit("[keys.rentalclaw]\n", '[keys.rentalclaw]\nalso = ["gemma3-27b"]\n')
        place.edit(
            "[defaults.node]",
            '[models.gemma3-27b]\nproxy = "main"\nroute = "openai/x"\ncontext = 32768\n[defaults.node]',
        )
        place.apply()
        assert "key.fallback-outside" not in place.run("plan", code=0)
        assert told(place, "--live") == ["fallback"]


def test_a_proxy_that_chooses_the_values_itself(
    tmp_path: Path, closed: Endpoint, admin: Admin, times: Times, version: str
) -> None:
    place = on(tmp_path, closed, times, "qwen3-32b")
    if version.startswith("1.82"):  # it does not know the setting
        place.apply()
        return
    out = place.run("plan", code=3)
    assert "proxy.no-custom-keys" in out
    assert "disable_custom_api_keys" in out
    place.apply(code=3)
    assert admin.rows() == []
    assert not (place.folder / "nodes/rentalclaw/.env").exists()


def test_many_keys_are_read_at_once_as_page_by_page(
    replicas: tuple[Endpoint, Endpoint], admin: Admin, version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real proxy leaves the same out of both, or FleetHub does."""
    team = admin.http.post("/team/new", json={"models": ["qwen3-32b"]}).json()["team_id"]
    admin.generate(key_alias="many-blocked", expires="30d", blocked=True, max_budget=5.0, budget_duration="30d")
    admin.generate(key_alias="many-limits", rpm_limit=3, aliases={"a": "qwen3-32b"}, allowed_routes=["/v1/models"])
    admin.generate(key_alias="many-soft", soft_budget=2.0, model_rpm_limit={"qwen3-32b": 3})
    admin.generate(key_alias="many-team", team_id=team)
    admin.generate(key_alias="many-session", team_id="litellm-dashboard")
    for number in range(98):  # behind those, which then are what both are compared by
        admin.generate(key_alias=f"many-{number:03}", models=["qwen3-32b"], metadata={"number": number})
    asked: list[str] = []
    sent = Http.request

    def request(self: Http, method: str, url: str, **kwargs: Any) -> Any:
        asked.append(url.removeprefix(replicas[0].url))
        return sent(self, method, url, **kwargs)

    monkeypatch.setattr(Http, "request", request)
    with closing(Http()) as http:
        api = clients.litellm.LiteLLM(http, replicas[0].url, Secret(MASTER))
        whole = api.read().keys
        assert (asked.count("/key/list"), asked.count("/spend/keys")) == (1, 1)
        monkeypatch.setattr(clients.litellm, "AT_ONCE", 0)
        paged = api.read().keys
    ageless = [
        {a: [replace(row, age=None, left=None) for row in r] for a, r in keys.items()} for keys in (whole, paged)
    ]
    assert ageless[0] == ageless[1]
    assert len(whole) == 102
    assert ("budget_id" in admin.row("many-soft")) != version.startswith("1.82")
