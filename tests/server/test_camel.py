"""``?case=camel``, and a project that is named by TangleClaw's number."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from fleethub.server.camel import NAMED, camel, snake, translated
from tests.support import Place

WORD = st.from_regex(r"[a-z][a-z0-9]*(_[a-z][a-z0-9]*)*", fullmatch=True)


def keys(value: Any) -> set[str]:
    if isinstance(value, list):
        return set().union(*map(keys, value))
    if not isinstance(value, dict):
        return set()
    return set(value).union(*(keys(one) for key, one in value.items() if key not in NAMED))


@given(WORD)
def test_a_word_goes_there_and_back(word: str) -> None:
    assert "_" not in camel(word)
    assert snake(camel(word)) == word


@pytest.mark.parametrize("name", ["my-node", "node.a_b", "Qwen3_Coder", "_x", "", "URL"])
def test_what_is_no_word_of_the_api_stays(name: str) -> None:
    assert camel(name) == snake(name) == name


def test_what_somebody_named_stays() -> None:
    assert translated({"key_use": [{"labels": {"my_team": "a"}}]}, camel) == {"keyUse": [{"labels": {"my_team": "a"}}]}


@pytest.mark.parametrize("path", ["", "/plan", "/nodes/a", "/history", "/capacity", "/nodes/none"])
def test_an_answer_is_the_same_in_other_words(client: TestClient, path: str) -> None:
    plain, other = client.get(f"/api/fleet{path}"), client.get(f"/api/fleet{path}?case=camel")
    assert (plain.status_code, plain.headers["content-type"]) == (other.status_code, other.headers["content-type"])
    assert other.json() == translated(plain.json(), camel)
    assert not [key for key in keys(other.json()) if "_" in key]
    assert client.get(f"/api/fleet{path}?case=snake").json() == plain.json()


def test_a_question_is_taken_in_them(client: TestClient) -> None:
    asked = client.get("/api/fleet/capacity?case=camel&model=qwen3-32b&backend=gpu&kvType=q8_0")
    assert asked.status_code == 200
    assert asked.json()["answer"]


def test_another_case_is_refused_and_a_cached_answer_is_none(client: TestClient) -> None:
    assert client.get("/api/fleet?case=kebab").json()["code"] == "VALIDATION"
    first = client.get("/api/fleet?case=camel")
    again = client.get("/api/fleet?case=camel", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert client.get("/healthz?case=camel").json()["ok"]


@pytest.mark.parametrize("field", ["projectId", "project_id"])
@pytest.mark.parametrize("number", [7, "7"])
def test_a_project_is_known_by_its_number(client: TestClient, place: Place, field: str, number: object) -> None:
    kept = place.folder / ".fleethub" / "tangleclaw.json"
    kept.write_text(json.dumps({"projects": {"7": "volta"}}))
    body = {"node": "a", "model": "gpt-oss-20b", field: number}
    done = client.post("/api/fleet/assign?case=camel", json=body).json()
    assert (done["project"], done["projectId"], done["changed"]) == ("Volta", "7", True)


def test_a_number_that_nobody_knows_is_no_name(client: TestClient, place: Place) -> None:
    before = (place.folder / "fleet.toml").read_bytes()
    for body in ({"node": "a", "model": "gpt-oss-20b"}, {"name": "b2", "host": "b2", "model": "gpt-oss-20b"}):
        way = "nodes" if "host" in body else "assign"
        answer = client.post(f"/api/fleet/{way}?case=camel", json={**body, "projectId": 99})
        assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")
        assert "what it is called is not known here" in answer.json()["error"]
    assert (place.folder / "fleet.toml").read_bytes() == before


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"projectId": 7, "project": "Volta"}, "named once: by project, or by projectId"),
        ({"projectId": "x"}, "projectId is the number"),
        ({"projectId": True}, "projectId is the number"),
        ({}, "project: Field required"),
    ],
)
def test_two_names_no_number_or_none_are_refused(client: TestClient, body: dict[str, object], says: str) -> None:
    answer = client.post("/api/fleet/assign?case=camel", json={"node": "a", "model": "gpt-oss-20b", **body})
    assert (answer.status_code, answer.json()["code"]) == (400, "VALIDATION")
    assert says in answer.json()["error"]


def test_the_owner_of_an_entry_has_his_number_too(client: TestClient, place: Place) -> None:
    (place.folder / ".fleethub" / "tangleclaw.json").write_text(json.dumps({"projects": {"7": "volta"}}))
    answer = client.post("/api/fleet/release?case=camel", json={"node": "a", "project": "Other"})
    assert (answer.status_code, answer.json()["owner"]["projectId"]) == (409, "7")
