"""What ``verify`` tells on a LiteLLM, run on the stand-in and on the real one; fixtures as in ``tests.contract``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contract import spec
from tests.proxies import Admin, Endpoint, Times
from tests.support import Place

GHOST = '[models.ghost]\nproxy = "main"\nroute = "openai/ghost"\ncontext = 32768\n'


def told(place: Place, *argv: str) -> list[str]:
    """The codes about volta, without ``verify.``."""
    lines = place.json("verify", "volta", *argv)
    return [line["code"].removeprefix("verify.") for line in lines if line["type"] == "finding"]


@pytest.fixture
def applied(tmp_path: Path, replicas: tuple[Endpoint, Endpoint], admin: Admin, times: Times) -> Place:
    place = Place(tmp_path / "fleet", spec(times, *replicas))
    place.apply()
    return place


def test_all_is_well(applied: Place) -> None:
    assert told(applied) == []
    assert told(applied, "--live") == []


def test_a_key_that_lacks_a_model(
    tmp_path: Path, replicas: tuple[Endpoint, Endpoint], admin: Admin, times: Times
) -> None:
    place = Place(tmp_path / "fleet", spec(times, replicas[0]))
    place.apply()
    admin.update("volta", models=["qwen3-32b"])
    assert told(place) == ["key-scope"]
    assert told(place, "--live") == ["key-scope"]


def test_a_model_that_is_not_there(applied: Place) -> None:
    applied.edit('fallbacks = ["gemma3-27b"]', 'fallbacks = ["gemma3-27b", "ghost"]')
    applied.edit("[defaults.node]", f"{GHOST}[defaults.node]")
    assert told(applied) == ["model-missing"]
    assert told(applied, "--live") == ["model-missing"]


def test_a_team_that_lacks_a_model(
    tmp_path: Path, replicas: tuple[Endpoint, Endpoint], admin: Admin, times: Times
) -> None:
    place = Place(tmp_path / "fleet", spec(times, replicas[0]))
    place.apply()
    body = {"team_alias": "verify", "models": ["qwen3-32b", "gemma3-27b"]}
    team = admin.http.post("/team/new", json=body).json()["team_id"]
    try:
        admin.update("volta", team_id=team)
        assert told(place, "--live") == []
        narrow = {"team_id": team, "models": ["qwen3-32b"]}
        admin.http.post("/team/update", json=narrow).raise_for_status()
        assert told(place) == ["team-scope"]  # the list is the key's own: the team tells
        assert told(place, "--live") == ["team-scope"]
        admin.update("volta", models=["all-team-models"])
        assert told(place) == ["team-scope"]
        assert told(place, "--live") == ["team-scope"]
    finally:
        admin.http.post("/team/delete", json={"team_ids": [team]})


def test_replicas_that_remember(tmp_path: Path, slow_replicas: tuple[Endpoint, Endpoint], admin: Admin) -> None:
    """The change is made at another replica; both of these keep their cache for a minute."""
    # a fleet of its own: these may still list a route that an earlier test of the fleet made
    text = spec(Times("60s", "1s"), *slow_replicas).replace('name = "monad"', 'name = "remembered"')
    place = Place(tmp_path / "fleet", text)
    place.edit('fallbacks = ["gemma3-27b"]\n', "")
    place.apply()
    place.edit('model = "qwen3-32b"', 'model = "qwen3-32b"\nfallbacks = ["gemma3-27b"]')
    assert told(place) == ["key-scope"]
    admin.update("volta", models=["qwen3-32b", "gemma3-27b"])
    assert told(place) == ["cache-stale", "cache-stale"]
    assert told(place, "--live") == ["cache-stale", "cache-stale"]


def test_a_key_that_is_blocked_or_deleted(
    tmp_path: Path, replicas: tuple[Endpoint, Endpoint], admin: Admin, times: Times
) -> None:
    place = Place(tmp_path / "fleet", spec(times, replicas[0]))
    place.apply()
    admin.update("volta", blocked=True)
    assert told(place, "--live") == ["key-refused"]
    admin.delete("volta")
    assert told(place, "--live") == ["key-refused"]


def test_another_key(applied: Place, admin: Admin) -> None:
    path = applied.folder / "nodes/volta/.env"
    other = admin.generate(key_alias="other", models=["gemma3-27b"])
    mine = applied.env("volta")["FLEETHUB_KEY_MAIN"]
    path.write_text(path.read_text().replace(mine, other))
    assert told(applied, "--live") == ["wrong-key"]
    path.write_text(path.read_text().replace(other, "sk-nobody-knows-this"))
    assert told(applied, "--live") == ["wrong-key"]


def test_a_key_over_its_budget(tmp_path: Path, replicas: tuple[Endpoint, Endpoint], admin: Admin, times: Times) -> None:
    place = Place(tmp_path / "fleet", spec(times, replicas[0]))
    place.apply()
    admin.update("volta", max_budget=0.0)
    assert told(place) == ["budget"]
