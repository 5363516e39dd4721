"""Where models should lie, over HTTP: what ``place --json`` says, from the last observation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from fleethub.operations import place as placing
from fleethub.server.site import Site
from tests.server.conftest import client_of
from tests.support import Place
from tests.test_laws import World

PATH = "/api/fleet/place"


@pytest.mark.parametrize("drain", [(), ("gpu",)])
def test_it_is_what_the_command_prints(client: TestClient, place: Place, drain: tuple[str, ...]) -> None:
    words = [word for name in drain for word in ("--drain", name)]
    *lines, last = place.json("place", *words)
    answer = client.get(PATH, params={"drain": drain})
    body = answer.json()
    assert body["proposal"] == [line for line in lines if line["type"] != "finding"]
    assert {"type": "summary", **body["summary"]} == last
    assert body["observation"]["problem"] == ""
    assert int(answer.headers["age"]) >= 0
    assert (last["exit"] == 3) == bool(drain)


def test_a_model_is_ranked_as_capacity_ranks_it(client: TestClient) -> None:
    asked = {"model": "gpt-oss-20b", "context": 8192}
    assert client.get(PATH, params=asked).json() == client.get("/api/fleet/capacity", params=asked).json()


@pytest.mark.parametrize(
    ("question", "code"),
    [
        ("drain=gpu-9", "NOT_FOUND"),
        ("model=gpt-oss-20b&drain=gpu", "QUESTION"),
        ("context=8192", "QUESTION"),
        ("model=nothing", "NOT_FOUND"),
        ("backend=gpu", "VALIDATION"),
    ],
)
def test_a_question_that_cannot_be_answered(client: TestClient, question: str, code: str) -> None:
    assert client.get(f"{PATH}?{question}").json()["code"] == code


def test_a_backend_that_does_not_answer_is_named(site: Site, place: Place, world: World) -> None:
    place.edit(world.ollama.url, "http://127.0.0.1:9")
    site.snapshots.refresh()
    body = client_of(site).get(PATH).json()
    assert body["summary"]["unobserved"] == ["gpu"]
    assert [line["backend"] for line in body["proposal"] if line["type"] == "unobserved"] == ["gpu"]


def test_it_is_reckoned_once_for_each_look_and_question(
    client: TestClient, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[tuple[str, ...]] = []
    real: Callable[..., Any] = placing.propose

    def spy(*told: Any) -> Any:
        done.append(told[2])
        return real(*told)

    monkeypatch.setattr(placing, "propose", spy)
    for _ in range(3):
        client.get(PATH)
    client.get(PATH, params={"drain": "gpu"})
    site.snapshots.refresh()
    client.get(PATH, params={"drain": "gpu"})
    assert done == [(), ("gpu",), ("gpu",)]
