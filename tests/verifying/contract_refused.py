"""``why 403`` on a LiteLLM, run on the stand-in and on the real one: what the proxy refuses is told by its one cause.

Each cause is made by hand, a call proves that the proxy refuses it (or no longer does), and one gate is shut.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.contract import spec
from tests.proxies import Admin, Endpoint, Times
from tests.support import Place

MODEL, OTHER = "qwen3-32b", "gemma3-27b"
#: What is done to volta's key by hand, and the one gate that this shuts.
KEYS: dict[str, dict[str, Any]] = {
    "the key's models": {"models": [OTHER]},
    "not blocked": {"blocked": True},
    "its routes": {"allowed_routes": ["/key/info"]},
    "no limit of zero": {"rpm_limit": 0},
    "its budget": {"max_budget": 1.0, "spend": 2.0},
}
#: The same with its team: where it is asked for, and with what beside the team's id.
TEAMS: dict[str, tuple[str, dict[str, Any]]] = {
    "its team's models": ("/team/update", {"models": [OTHER]}),
    "its team is not blocked": ("/team/block", {}),
}


@pytest.fixture
def place(tmp_path: Path, replicas: tuple[Endpoint, Endpoint], admin: Admin, times: Times) -> Place:
    made = Place(tmp_path / "fleet", spec(times, replicas[0]))
    made.apply()
    return made


def shut(place: Place, *asked: str) -> list[str]:
    """The gates that are not open, the replicas' own left out: they follow from what is told before."""
    lines = place.json("why", "403", *asked)
    gates = [line for line in lines if line["type"] == "gate"]
    assert gates, lines
    return [gate["what"] for gate in gates if gate["state"] != "open" and not gate["what"].endswith("knows it")]


def refused(place: Place, replicas: tuple[Endpoint, Endpoint], *, yes: bool = True, model: str = MODEL) -> None:
    """Call with the node's key until the proxy refuses it, or again does not: it has its own copy for a while."""
    headers = {"Authorization": f"Bearer {place.env('volta')['FLEETHUB_KEY_MAIN']}"}
    body = {"model": model, "messages": [{"role": "user", "content": "ping"}]}
    end = time.monotonic() + 60
    while True:
        answer = httpx.post(f"{replicas[0].url}/v1/chat/completions", headers=headers, json=body, timeout=60)
        if (answer.status_code != 200) == yes:
            return
        assert time.monotonic() < end, f"it answers {answer.status_code}: {answer.text}"
        time.sleep(0.1)


@pytest.mark.parametrize("gate", KEYS)
def test_what_is_wrong_with_the_key(
    place: Place, replicas: tuple[Endpoint, Endpoint], admin: Admin, version: str, gate: str
) -> None:
    assert shut(place, "volta", MODEL) == []
    admin.update("volta", **KEYS[gate])
    free = (version, gate) == ("1.82.0", "its budget")  # it lets a call of a model without a price go on
    refused(place, replicas, yes=not free)
    assert shut(place, "volta", MODEL) == [gate]
    assert place.code == (1 if free else 3)


def test_an_end_that_has_passed(place: Place, replicas: tuple[Endpoint, Endpoint], admin: Admin) -> None:
    admin.update("volta", duration="1s")
    refused(place, replicas)
    assert shut(place, "volta", MODEL) == ["not expired"]


def test_a_key_that_was_deleted(place: Place, replicas: tuple[Endpoint, Endpoint], admin: Admin) -> None:
    admin.delete("volta")
    refused(place, replicas)
    assert shut(place, "volta", MODEL) == ["the key is there"]


def test_a_model_that_the_proxy_does_not_have(place: Place, replicas: tuple[Endpoint, Endpoint], admin: Admin) -> None:
    admin.update("volta", models=[MODEL, "ghost"])
    refused(place, replicas, model="ghost")
    assert shut(place, "volta", "ghost") == ["the proxy has the model"]


@pytest.mark.parametrize("gate", TEAMS)
def test_what_is_wrong_with_its_team(
    place: Place, replicas: tuple[Endpoint, Endpoint], admin: Admin, gate: str
) -> None:
    with team(admin) as name:
        admin.update("volta", team_id=name)
        refused(place, replicas, yes=False)
        assert shut(place, "volta", MODEL) == []
        path, body = TEAMS[gate]
        admin.http.post(path, json={"team_id": name, **body}).raise_for_status()
        refused(place, replicas)
        assert shut(place, "volta", MODEL) == [gate]


@contextmanager
def team(admin: Admin) -> Iterator[str]:
    made = admin.http.post("/team/new", json={"team_alias": "refused", "models": [MODEL, OTHER]}).json()["team_id"]
    try:
        yield made
    finally:
        admin.http.post("/team/delete", json={"team_ids": [made]})
