"""What a LiteLLM says to odd input, by status and error type, and what it does where memory guesses otherwise. Run on
the stand-in and on the real one; fixtures as in ``tests.contract``.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from fleethub.fleetspec.values import duration
from fleethub.model import keycall
from tests.proxies import Admin, Endpoint, Times, chat
from tests.support import MASTER

OLD, MIDDLE, NEW = "1.82.0", "1.106.2", "1.110.2"
DENIED = "key_model_access_denied"


@pytest.fixture
def odd_models(admin: Admin) -> Iterator[None]:
    """Models whose names are no name of one model, or also that of a group; stored, so that no config is in the way."""
    for name, groups in (("a,b", []), ("trail ", []), ("grouped", ["gemma3-27b"])):
        params = {"model": "openai/x", "api_base": "http://127.0.0.1:9", "api_key": "x", "mock_response": "hi"}
        info = {"id": f"odd-{uuid.uuid4()}", "access_groups": groups}
        body = {"model_name": name, "litellm_params": params, "model_info": info}
        admin.http.post("/model/new", json=body).raise_for_status()
    yield
    for model in admin.http.get("/model/info").json()["data"]:
        if model["model_info"].get("db_model"):
            admin.http.post("/model/delete", json={"id": model["model_info"]["id"]})


def value() -> str:
    return f"sk-odd-{uuid.uuid4().hex}"


def shown(endpoint: Endpoint, key: str) -> list[str]:
    answer = Admin(endpoint.url).http.get("/v1/models", headers={"Authorization": f"Bearer {key}"})
    return sorted(model["id"] for model in answer.json()["data"])


def call(endpoint: Endpoint, key: str, body: Any) -> tuple[int, Any]:
    http = Admin(endpoint.url).http
    answer = http.post("/v1/chat/completions", headers={"Authorization": f"Bearer {key}"}, json=body)
    return answer.status_code, answer.json()


def test_a_name_with_a_comma_or_a_blank_around_it_is_listed_and_never_served(
    odd_models: None, admin: Admin, replicas: tuple[Endpoint, Endpoint], version: str
) -> None:
    for name, first in (("a,b", "a"), ("trail ", "trail")):
        key = admin.generate(key=value(), models=[name])
        assert shown(replicas[0], key) == [name]
        status, told = call(replicas[0], key, {"model": name, "messages": [{"role": "user", "content": "x"}]})
        assert (status, told["error"]["type"]) == (401 if version == OLD else 403, DENIED)
        assert first in told["error"]["message"].replace(name, "")
    both = admin.generate(key=value(), models=["qwen3-32b", "gemma3-27b"])
    asked = {"model": "qwen3-32b, gemma3-27b", "messages": [{"role": "user", "content": "x"}]}
    status, told = call(replicas[0], both, asked)
    assert (status, [one["model"] for one in told]) == (200, ["qwen3-32b", "gemma3-27b"])


def test_a_group_that_is_called_as_a_model_widens_the_keys_of_that_model(
    odd_models: None, admin: Admin, replicas: tuple[Endpoint, Endpoint], version: str
) -> None:
    key = admin.generate(key=value(), models=["gemma3-27b"])
    assert shown(replicas[0], key) == (["grouped"] if version == OLD else ["gemma3-27b", "grouped"])
    assert [chat(replicas[0].url, key, name)[0] for name in ("gemma3-27b", "grouped")] == [200, 200]
    assert chat(replicas[0].url, key, "qwen3-32b")[1] == DENIED


def test_one_key_whose_aliases_are_null_ends_the_list_of_all(admin: Admin, replicas: tuple[Endpoint, Endpoint]) -> None:
    admin.generate(key_alias="sound", models=["qwen3-32b"])
    key = admin.generate(key=value(), key_alias="odd", models=["qwen3-32b"])
    admin.update("odd", aliases=None)
    try:
        whole = admin.http.get("/key/list", params={"return_full_object": "true"})
        assert whole.status_code == 500
        assert "aliases" in whole.json()["error"]["message"]
        assert admin.http.get("/key/list").json()["total_count"] == 2
        told = {row["key_alias"]: row["aliases"] for row in admin.http.get("/spend/keys").json()}
        assert (told["sound"], told["odd"]) == ({}, None)  # sessions of its own page are among them
        assert chat(replicas[0].url, key, "qwen3-32b") == (401, "auth_error")
    finally:
        admin.http.post("/key/update", json={"key": key, "aliases": {}}).raise_for_status()
    assert chat(replicas[0].url, key, "qwen3-32b")[0] == 200
    assert len(admin.rows()) == 2


def test_what_becomes_of_a_teams_keys(
    admin: Admin, replicas: tuple[Endpoint, Endpoint], version: str, times: Times
) -> None:
    """Before 1.110 a blocked team is remembered with the key, and by 1.82.0 the keys of a team that is gone."""
    team = str(uuid.uuid4())
    assert admin.http.post("/team/new", json={"team_id": team, "models": ["qwen3-32b"]}).status_code == 200
    assert admin.http.post("/team/new", json={"team_id": team}).status_code == 400
    key = admin.generate(key=value(), key_alias="member", team_id=team, models=["qwen3-32b"])
    lost = admin.generate(key=value(), team_id="no-such-team", models=["qwen3-32b"])
    told = admin.http.get("/team/info", params={"team_id": team}).json()
    assert [row["key_alias"] for row in told["keys"]] == ["member"]
    assert chat(replicas[0].url, key, "qwen3-32b")[0] == 200
    assert chat(replicas[0].url, lost, "qwen3-32b")[0] == (200 if version == OLD else 404)

    def answers(wanted: int, change: str, **body: Any) -> bool:
        """Whether at once; in any case in the end. What calls more often than a cache lasts keeps 1.82.0's alive."""
        admin.http.post(change, json=body).raise_for_status()
        at_once = (status := chat(replicas[0].url, key, "qwen3-32b")[0]) == wanted
        end = time.monotonic() + 90
        while status != wanted and time.monotonic() < end:
            time.sleep(1.3 * duration(times.ttl))
            status = chat(replicas[0].url, key, "qwen3-32b")[0]
        assert status == wanted
        return at_once

    assert answers(401, "/team/block", team_id=team) == (version == NEW)
    answers(200, "/team/unblock", team_id=team)
    assert answers(401, "/team/delete", team_ids=[team]) == (version != OLD)


GENERATE, UPDATE = "/key/generate", "/key/update"
#: Path, body, and the statuses of 1.82.0 and of 1.110.2.
ODD_BODIES: list[tuple[str, Any, int, int]] = [
    (GENERATE, {"duration": "1y"}, 500, 500),
    (GENERATE, {"duration": "-1"}, 500, 500),
    (GENERATE, {"duration": "1h30m"}, 200, 200),
    (GENERATE, {"max_budget": 1, "budget_duration": "monthly"}, 200, 200),
    (GENERATE, {"max_budget": 1, "budget_duration": "0d"}, 200, 400),
    (GENERATE, {"key_type": "nonsense"}, 422, 422),
    (GENERATE, {"key_type": "management"}, 200, 200),
    (GENERATE, {"rpm_limit": 1.5}, 422, 422),
    (GENERATE, {"rpm_limit": -1}, 200, 422),
    (GENERATE, {"blocked": "true"}, 200, 200),
    (GENERATE, {"models": "x"}, 422, 422),
    (GENERATE, 5, 500, 400),
    (UPDATE, {"duration": "x"}, 400, 400),
    (UPDATE, {"duration": "-1"}, 200, 200),
    (UPDATE, {"team_id": "no-such-team"}, 404, 404),
    (UPDATE, {"allowed_routes": None}, 400, 400),
    ("/key/delete", {"keys": []}, 422, 422),
    ("/key/delete", {"keys": [5]}, 422, 422),
    ("/v2/key/info", {"keys": []}, 422, 422),
    ("/team/update", {}, 422, 422),
    ("/team/block", {"team_id": "no-such-team"}, 404, 404),
    ("/team/delete", {}, 422, 422),
    ("/team/delete", {"team_ids": ["no-such-team"]}, 404, 404),
]


def test_odd_bodies(admin: Admin, version: str) -> None:
    token, found = admin.generate(key=value(), key_alias="odd", models=["qwen3-32b"]), []
    for path, body, *_ in ODD_BODIES:
        if isinstance(body, dict):
            body = {"key": token, **body} if path == UPDATE else {"key": value(), **body} if path == GENERATE else body
        # each on a connection of its own: 1.106.2 breaks one after what it did not foresee
        found.append(httpx.post(admin.url + path, headers=admin.http.headers, json=body, verify=False).status_code)
    if version in (OLD, NEW):
        wanted = [(path, body, old if version == OLD else new) for path, body, old, new in ODD_BODIES]
        assert [(path, body, status) for (path, body, *_), status in zip(ODD_BODIES, found, strict=True)] == wanted


def test_a_call_without_a_model_is_not_asked_for_its_scope(
    admin: Admin, replicas: tuple[Endpoint, Endpoint], version: str
) -> None:
    key, said = admin.generate(key=value(), models=["qwen3-32b"]), [{"role": "user", "content": "x"}]
    for model in (None, "", "qwen3-32b "):
        status, told = call(replicas[0], key, {"model": model, "messages": said})
        assert (status, f"Invalid model name passed in model={model}." in told["error"]["message"]) == (400, True)
    assert call(replicas[0], key, {"model": ["qwen3-32b"], "messages": said})[0] == (401 if version == OLD else 400)


def test_whose_key_it_is_stands_in_other_headers_too(replicas: tuple[Endpoint, Endpoint], admin: Admin) -> None:
    http = Admin(replicas[0].url).http
    del http.headers["Authorization"]
    for name in ("x-api-key", "api-key", "x-goog-api-key"):
        assert http.get("/v1/models", headers={name: MASTER}).status_code == 200
        assert http.get("/v1/models", headers={name: "sk-wrong-0123456789"}).status_code == 401
    assert http.get("/v1/models").status_code == 401


@pytest.mark.parametrize(
    ("routes", "able"),
    [
        (["/v1/models"], (200, 403, 403)),
        (["openai_routes"], (200, 200, 403)),
        (["management_routes"], (403, 403, 200)),
        (["info_routes"], (200, 403, 200)),
        (["/v1/*"], (200, 200, 403)),
    ],
    ids=lambda case: case[0] if isinstance(case, list) else "",
)
def test_words_of_allowed_routes(
    routes: list[str], able: tuple[int, ...], admin: Admin, replicas: tuple[Endpoint, Endpoint]
) -> None:
    key = admin.generate(key=value(), models=["qwen3-32b"], allowed_routes=routes)
    http = Admin(replicas[0].url).http
    http.headers["Authorization"] = f"Bearer {key}"
    said = {"model": "qwen3-32b", "messages": [{"role": "user", "content": "x"}]}
    answers = http.get("/v1/models"), http.post("/v1/chat/completions", json=said), http.get("/key/info")
    assert tuple(answer.status_code for answer in answers) == able


@pytest.mark.parametrize(
    ("route", "makes"),
    [
        ("*", True),
        ("/*", True),
        ("/key/*", True),
        ("/key/generate", True),
        ("management_routes", False),
        ("/v1/*", False),
    ],
)
def test_a_route_that_takes_management_in_gives_it(
    route: str, makes: bool, admin: Admin, replicas: tuple[Endpoint, Endpoint]
) -> None:
    """What FleetHub calls so is what LiteLLM lets through."""
    key = admin.generate(key=value(), models=["qwen3-32b"], allowed_routes=[route])
    http = Admin(replicas[0].url).http
    http.headers["Authorization"] = f"Bearer {key}"
    assert (http.post("/key/generate", json={"models": ["qwen3-32b"]}).status_code == 200) == makes
    assert bool(keycall.manages([route])) == makes
