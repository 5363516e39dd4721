"""What FleetHub promises of keys that were there before it, seen from outside. Run on the stand-in and the real one.

Fixtures as in ``tests.contract``.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.contract import MODELS
from tests.fleets import fleet
from tests.proxies import Admin, Endpoint, Times, chat
from tests.support import Place, recorded

#: Alias -> what somebody made it with by hand. All but those of ``OUTSIDE`` are taken.
ESTATE: dict[str, dict[str, Any]] = {
    "web": {"models": ["qwen3-32b"], "rpm_limit": 60000, "max_budget": 20.0, "budget_duration": "30d"},
    "wide": {"models": []},
    "star": {"models": ["*"]},
    "pattern": {"models": ["qwen*"], "tpm_limit": 200_000_000},
    "parallel": {"models": ["gemma3-27b"], "max_parallel_requests": 40},
    "metadata": {"models": ["gemma3-27b"], "metadata": {"owner": "Volta", "tags": ["x"], "deep": {"a": [1, None]}}},
    "by-model": {"models": ["qwen3-32b", "gemma3-27b"], "model_rpm_limit": {"qwen3-32b": 500}},
    "expiring": {"models": ["qwen3-32b"], "duration": "30d"},
    "routes": {"models": ["qwen3-32b"], "allowed_routes": ["llm_api_routes"]},
    "Ops.Laptop": {"models": ["llama4-scout", "no-such-model"]},
}
OUTSIDE: dict[str, dict[str, Any]] = {
    "nothing": {"models": ["no-default-models"]},
    "info": {"models": ["qwen3-32b"], "allowed_routes": ["/key/info"]},
    "shut": {"models": ["qwen3-32b"], "blocked": True},
}


def spec(times: Times, *proxies: Endpoint) -> str:
    """A spec that knows the proxy and nothing on it."""
    return (
        fleet(tuple(p.url for p in proxies), key_cache_ttl=times.ttl).table("defaults.node", settle=times.settle).text
    )


@pytest.fixture
def place(tmp_path: Path, replicas: tuple[Endpoint, Endpoint], admin: Admin, times: Times) -> Place:
    return Place(tmp_path / "fleet", spec(times, *replicas))


@pytest.fixture
def estate(admin: Admin) -> dict[str, str]:
    """Alias -> the value of each key."""
    made = {alias: admin.generate(key_alias=alias, **fields) for alias, fields in {**ESTATE, **OUTSIDE}.items()}
    team = admin.http.post("/team/new", json={"team_alias": "agents", "models": ["qwen3-32b"]}).json()["team_id"]
    made["teamed"] = admin.generate(key_alias="teamed", models=["qwen3-32b", "gemma3-27b"], team_id=team)
    admin.generate(models=["qwen3-32b"])  # without an alias
    return made


def test_import_changes_nothing_and_then_the_plan_is_empty(
    place: Place, admin: Admin, estate: dict[str, str], replicas: tuple[Endpoint, Endpoint]
) -> None:
    rows, before = admin.made(), place.bytes()
    contexts = [f"--context={model}=32768" for model in MODELS]
    with recorded() as sent:
        out = place.run("import", "--all", *contexts, "--dry-run", code=0)
        assert place.bytes() == before
        place.run("import", "--all", *contexts, "--yes", code=0)
    assert {method for method, _ in sent} == {"GET"}
    assert admin.made() == rows
    taken = {str(a).removeprefix("key.main.") for a in place.lockfile.resources}
    assert taken == {*ESTATE, "teamed"}
    assert "blocked" in out
    assert "1 key without an alias" in out
    assert "its allowed_routes (/key/info) shut out /v1/models" in out
    for line in ("max_parallel_requests = 40", "qwen3-32b = 500", 'tags = ["x"]', "team = ", '["llm_api_routes"]'):
        assert line in out
    with recorded() as sent:
        place.plan_is_empty()
    assert {method for method, _ in sent} == {"GET"}
    assert admin.made() == rows
    assert place.out.count("key.wider-than-wiring") >= 5
    lockfile, spec_text = (place.folder / "fleet.lock").read_text(), (place.folder / "fleet.toml").read_text()
    hashes = {str(row["token"]) for row in rows}
    for secret in (*estate.values(), *hashes):
        assert secret not in lockfile + spec_text + out
    place.run("import", "--all", *contexts, "--yes", code=0)
    assert (place.folder / "fleet.lock").read_text() == lockfile
    assert place.apply() is not None
    assert admin.made() == rows


def test_an_adopted_key_goes_on_with_its_value(
    place: Place, admin: Admin, estate: dict[str, str], replicas: tuple[Endpoint, Endpoint]
) -> None:
    contexts = [f"--context={model}=32768" for model in MODELS]
    place.run("import", "key.main.web", "key.main.metadata", "key.main.wide", *contexts, "--yes", code=0)
    assert sorted(map(str, place.lockfile.resources)) == ["key.main.metadata", "key.main.web", "key.main.wide"]
    place.edit('models = ["qwen3-32b"]', 'models = ["qwen3-32b", "gemma3-27b"]')
    out = place.run("plan", code=0)
    assert "key.kept-unproved" in out
    place.apply()
    place.plan_is_empty()
    assert set(admin.row("web")["models"]) == {"qwen3-32b", "gemma3-27b"}  # type: ignore[call-overload]
    assert [chat(r.url, estate["web"], "gemma3-27b")[0] for r in replicas] == [200, 200]
    other = next(r for r in admin.rows("metadata"))
    assert other["metadata"] == ESTATE["metadata"]["metadata"]
    text = (place.folder / "fleet.toml").read_text()
    place.write(text.replace("[keys.wide]\n", '[keys.wide]\nadopt = "narrow"\n').replace('"gpt-oss-20b", ', ""))
    place.apply()
    place.plan_is_empty()
    assert "gpt-oss-20b" not in admin.row("wide")["models"]  # type: ignore[operator]
    assert admin.row("wide")["models"] != []
    assert chat(replicas[0].url, estate["wide"], "qwen3-32b")[0] == 200


def test_an_adopted_key_that_is_rotated_is_fleethubs_own_from_then_on(
    place: Place, admin: Admin, estate: dict[str, str], replicas: tuple[Endpoint, Endpoint]
) -> None:
    contexts = [f"--context={model}=32768" for model in MODELS]
    place.run("import", "key.main.web", "key.main.wide", *contexts, "--yes", code=0)
    old = {alias: admin.row(alias)["token"] for alias in ("web", "wide")}
    place.run("rotate", "web", "--yes", code=0)
    place.edit("[keys.web]\n", '[keys.web]\ngrace = "0s"\n')
    assert "value: new (generation 2)" in place.run("plan", code=0)
    place.apply()
    place.plan_is_empty()
    row = admin.row("web")
    assert row["token"] != old["web"]
    assert row["metadata"]["fleethub"]["generation"] == 2  # type: ignore[index]
    assert row["models"] == ["qwen3-32b"]
    assert [row["rpm_limit"], row["max_budget"]] == [60000, 20.0]
    assert admin.row("wide")["token"] == old["wide"]
    assert chat(replicas[0].url, estate["web"], "qwen3-32b")[0] == 401
    place.edit('[keys.wide]\nmodels = ["gemma3-27b", "gpt-oss-20b", "llama4-scout", "qwen3-32b"]\n', "")
    place.apply()
    assert admin.rows("wide") == []


LIMITED = ("web", "pattern", "parallel", "metadata", "by-model", "routes")


def test_what_a_key_was_found_with_is_back_when_it_is_let_go_of(
    place: Place, admin: Admin, estate: dict[str, str]
) -> None:
    """Its limits, routes and tags as its models; a call that went through meanwhile changes none of that."""
    contexts = [f"--context={model}=32768" for model in MODELS]
    place.run("import", *(f"key.main.{alias}" for alias in LIMITED), *contexts, "--yes", code=0)
    before = {alias: asked(admin.row(alias)) for alias in LIMITED}
    for old, new in (
        ("rpm = 60000", "rpm = 70000\ntpm = 900000"),
        ('budget_duration = "30d"', 'budget_duration = "7d"'),
        ("max_budget = 20.0", "max_budget = 30.0"),
        ("max_parallel_requests = 40", "max_parallel_requests = 50"),
        ('tags = ["x"]', 'tags = ["y"]'),
        ("qwen3-32b = 500", "qwen3-32b = 600\ngemma3-27b = 700"),
        ('["llm_api_routes"]', '["/v1/*"]'),
    ):
        place.edit(old, new)
    place.apply()
    place.plan_is_empty()
    assert all(asked(admin.row(alias)) != before[alias] for alias in LIMITED if alias != "pattern")
    out = place.run("destroy", "--auto-approve", code=0)
    assert "gets its limits back" in out
    for alias in LIMITED:
        assert asked(admin.row(alias)) == before[alias]


def test_the_team_and_the_end_that_a_key_was_found_with_are_back_too(
    place: Place, admin: Admin, estate: dict[str, str], replicas: tuple[Endpoint, Endpoint]
) -> None:
    """But for the team of a key that may call more than the team: LiteLLM takes such a key into none."""
    other = admin.http.post("/team/new", json={"team_alias": "others", "models": MODELS}).json()["team_id"]
    team, ends = admin.row("teamed")["team_id"], admin.row("expiring")["expires"]
    admin.generate(key_alias="member", models=["qwen3-32b"], team_id=team)
    contexts = [f"--context={model}=32768" for model in MODELS]
    taken = ("key.main.expiring", "key.main.teamed", "key.main.member")
    place.run("import", *taken, *contexts, "--yes", code=0)
    place.edit("[keys.expiring]\n", '[keys.expiring]\nexpires = "60d"\n')
    for _ in ("teamed", "member"):
        place.edit(f'team = "{team}"', f'team = "{other}"')
    place.apply()
    place.plan_is_empty()
    assert [admin.row(alias)["team_id"] for alias in ("teamed", "member")] == [other, other]
    assert apart(admin.row("expiring")["expires"], ends) > timedelta(days=20)
    out = place.run("destroy", "--auto-approve", code=0)
    assert f"gets its limits back (team {team})" in out
    assert f"gets its limits back (expires {ends})" in out
    assert f"the key 'teamed' stays in {other}: {team}, its team before, is refused" in out
    assert [admin.row(alias)["team_id"] for alias in ("teamed", "member")] == [other, team]
    assert all("fleethub" not in admin.row(alias)["metadata"] for alias in ("teamed", "member"))  # type: ignore[operator]
    assert apart(admin.row("expiring")["expires"], ends) < timedelta(minutes=1)
    assert chat(replicas[0].url, estate["expiring"], "qwen3-32b")[0] == 200


def apart(one: object, other: object) -> timedelta:
    return abs(datetime.fromisoformat(str(one)) - datetime.fromisoformat(str(other)))


def asked(row: dict[str, object]) -> dict[str, object]:
    """What somebody may ask of a key, with none and nothing as one."""
    names = ("models", "rpm_limit", "tpm_limit", "max_budget", "budget_duration", "max_parallel_requests")
    found = {name: row[name] for name in (*names, "allowed_routes", "metadata")}
    metadata: Any = found["metadata"]
    models: Any = found["models"]
    return {
        **found,
        "models": sorted(models),
        "metadata": {name: value for name, value in metadata.items() if value not in (None, {}, [])},
    }
