"""The routes that tell: shapes, ETag, honesty, and no side effect whatever is asked."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from starlette.types import ASGIApp, Receive, Scope, Send

from fleethub import __version__
from fleethub.operations import snapshots
from fleethub.server import app, encoded
from fleethub.server import site as site_module
from fleethub.server.app import api
from fleethub.server.site import Site, site_of
from fleethub.views.fleet_status import status_data
from tests.server.conftest import client_of
from tests.support import Place, recorded

READS = [
    *("/api/fleet", "/api/fleet/plan", "/api/fleet/capacity", "/healthz", "/metrics", "/openapi.json", "/"),
    *("/api/fleet/capacity?backend=gpu&model=gpt-oss-120b&context=8192", "/?model=gpt-oss-120b", "/nowhere"),
]


def test_the_fleet_is_the_survey_with_how_far_to_trust_it(client: TestClient, site: Site) -> None:
    answer = client.get("/api/fleet")
    body = answer.json()
    seen = body.pop("observation")
    assert site.snapshots.latest.fleet_status is not None
    assert body == json.loads(json.dumps(status_data(site.snapshots.latest.fleet_status), default=list))
    assert seen == {"at": body["at"], "problem": "", "findings": [], "stale_after": 180.0}
    assert int(answer.headers["age"]) >= 0
    assert answer.headers["content-type"] == "application/json"


def test_the_etag(client: TestClient, place: Place) -> None:
    first = client.get("/api/fleet")
    tag = first.headers["etag"]
    for matches in (tag, f"W/{tag}", f'"x", {tag}', "*"):
        again = client.get("/api/fleet", headers={"If-None-Match": matches})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert client.get("/api/fleet", headers={"If-None-Match": '"x"'}).status_code == 200
    place.edit("rpm = 60", "rpm = 61")
    changed = client.get("/api/fleet", headers={"If-None-Match": tag})
    assert changed.status_code == 200
    assert changed.headers["etag"] != tag


def test_it_is_encoded_once_for_each_look_and_zipped_for_who_asks(
    client: TestClient, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    for module, name in ((site_module, "fleet_body"), (encoded.gzip, "compress")):
        real = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *told, r=real, n=name, **more: (made.append(n), r(*told, **more))[1])
    site.snapshots.refresh()
    with client, ThreadPoolExecutor(8) as pool:  # one loop for all of them, as a server has
        zipped = list(pool.map(lambda _: client.get("/api/fleet", headers={"Accept-Encoding": "br, gzip"}), range(24)))
    plain = client.get("/api/fleet", headers={"Accept-Encoding": "gzip;q=0"})
    assert made == ["fleet_body", "compress"]
    assert {one.headers["content-encoding"] for one in zipped} == {"gzip"}
    assert {one.content for one in zipped} == {plain.content}
    assert "content-encoding" not in plain.headers
    assert zipped[0].headers["vary"] == plain.headers["vary"] == "Accept-Encoding"
    tag = zipped[0].headers["etag"]
    assert tag != plain.headers["etag"]
    for given in (tag, plain.headers["etag"]):
        again = client.get("/api/fleet", headers={"Accept-Encoding": "gzip", "If-None-Match": given})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)


def test_all_who_ask_in_one_turn_share_a_look_at_the_files_and_a_plan_of_what_changed(
    site: Site, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    for name in ("changed", "current"):
        real = getattr(site.snapshots, name)
        monkeypatch.setattr(site.snapshots, name, lambda r=real, n=name: (done.append(n), r())[1])

    async def turns() -> None:
        await asyncio.gather(*(site.latest() for _ in range(20)))
        assert done == ["changed"]
        place.edit('owner = "Volta"', 'owner = "Nimbus"')
        found = await asyncio.gather(*(site.latest() for _ in range(20)))
        assert {one.fleet.nodes["a"].owner for one in found if one.fleet} == {"Nimbus"}
        assert done.count("current") == 1

    asyncio.run(turns())


@pytest.mark.parametrize("path", ["/api/fleet", "/"])
def test_what_most_ask_for_passes_the_routes_by_and_is_answered_as_they_answer(
    site: Site, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    now = snapshots.clock() + 7
    monkeypatch.setattr(snapshots, "clock", lambda: now)
    entered: list[str] = []

    def counted(*told: Any) -> ASGIApp:
        routes = api(*told)

        async def entering(scope: Scope, receive: Receive, send: Send) -> None:
            entered.append(scope["path"])
            await routes(scope, receive, send)

        return entering

    monkeypatch.setattr(app, "api", counted)
    client = client_of(site)
    client.headers["Accept-Encoding"] = "identity"
    for headers in ({}, {"Accept-Encoding": "gzip"}, {"If-None-Match": "*"}):
        ready, routed = (client.get(path + query, headers=headers) for query in ("", "?other="))
        assert (ready.status_code, ready.headers) == (routed.status_code, routed.headers)
        assert ready.content == routed.content
    assert entered == [path] * 3


@pytest.mark.parametrize(
    ("accepted", "takes"),
    [
        ("", False),
        ("gzip", True),
        ("br;q=1, GZIP ; q=0.5", True),
        ("gzip;q=0", False),
        ("gzip; q=0.0", False),
        ("*", True),
        ("*, gzip;q=0", False),
        ("*;q=0, gzip", True),
        ("br, *;q=0", False),
    ],
)
def test_who_takes_gzip(accepted: str, takes: bool) -> None:
    assert encoded.takes_gzip(accepted) is takes


def test_the_plan_follows_the_spec_on_disk(client: TestClient, place: Place) -> None:
    assert client.get("/api/fleet/plan").json()["changes"] == []
    place.edit("rpm = 60", "rpm = 61")
    body = client.get("/api/fleet/plan").json()
    assert [(c["address"], c["action"]) for c in body["changes"]] == [("key.main.a", "update")]
    assert body["plan"]["sentence"].startswith("Updates 1 key")
    assert body["observation"]["at"] is not None


def test_capacity_of_all_of_one_and_of_a_model(client: TestClient) -> None:
    everything = client.get("/api/fleet/capacity").json()["backends"]
    assert [b["backend"] for b in everything] == ["gpu"]
    assert client.get("/api/fleet/capacity?backend=gpu").json()["backends"] == everything
    answer = client.get("/api/fleet/capacity?backend=gpu&model=gpt-oss-120b&context=8192").json()["answer"]
    assert answer["verdict"]["fit"] == "does not fit"
    assert answer["verdict"]["checks"]
    places = client.get("/api/fleet/capacity?model=llama3.1-8b").json()["places"]
    assert [p["fit"] for p in places] == ["fits"]


def test_capacity_of_what_is_installed_and_not_in_the_spec(client: TestClient) -> None:
    answer = client.get("/api/fleet/capacity?backend=gpu&model=qwen3-coder:30b&context=8192").json()["answer"]
    assert answer["model"]["bytes"] > 0


def test_capacity_of_what_is_not_there_yet(client: TestClient) -> None:
    asked = "/api/fleet/capacity?backend=gpu&model=new"
    assert client.get(asked).status_code == 404
    assert "params=32B" in client.get(asked).json()["error"]
    assert client.get(f"{asked}&params=3B&quant=q4_k_m&context=4096").json()["answer"]["verdict"]["fit"] == "fits"


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("context=0&model=x", 400, "VALIDATION"),
        ("context=many&model=x", 400, "VALIDATION"),
        ("modell=x", 400, "VALIDATION"),
        ("context=1", 409, "QUESTION"),
        ("model=x&quant=Q4_0", 409, "QUESTION"),
        ("model=x&params=0B", 400, "VALIDATION"),
        ("model=x&params=3B&quant=Q99", 400, "VALIDATION"),
        ("kv_type=f64&model=x", 400, "VALIDATION"),
        ("backend=nowhere", 404, "NOT_FOUND"),
        ("backend=gpu&model=qwen3-32b&params=3B", 409, "QUESTION"),
    ],
)
def test_questions_that_cannot_be_answered(client: TestClient, query: str, status: int, code: str) -> None:
    answer = client.get(f"/api/fleet/capacity?{query}")
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.json()["error"]


def test_a_value_that_is_refused_is_not_repeated(client: TestClient) -> None:
    answer = client.get("/api/fleet/capacity", params={"backend": "sk-secretsecretsecret!"})
    assert answer.status_code == 400
    assert "secretsecret" not in answer.text


def test_reads_change_no_byte_and_ask_nobody(client: TestClient, place: Place) -> None:
    before = {p: p.read_bytes() for p in sorted(place.folder.rglob("*")) if p.is_file()}
    with recorded() as sent:
        for path in READS:
            client.get(path)
    assert sent == []
    assert {p: p.read_bytes() for p in sorted(place.folder.rglob("*")) if p.is_file()} == before


def test_never_observed_is_told_as_such(place: Place, master: None) -> None:
    client = client_of(site_of(place.folder, 60.0))
    answer = client.get("/api/fleet")
    assert "age" not in answer.headers
    body = answer.json()
    assert body["observation"]["at"] is None
    assert "Never observed" in body["sentence"]
    assert {n["state"] for n in body["nodes"]} == {"unknown"}
    assert client.get("/api/fleet/plan").json()["plan"] is None
    asked = client.get("/api/fleet/capacity?backend=gpu&model=qwen3-32b").json()["answer"]
    assert asked["verdict"]["fit"] == "unknown"


def test_a_broken_spec_is_told_beside_the_last_good_view(client: TestClient, place: Place) -> None:
    before = client.get("/api/fleet").json()
    place.write("[fleet\n")
    body = client.get("/api/fleet").json()
    assert body["nodes"] == before["nodes"]
    assert "does not hold together" in body["observation"]["problem"]
    assert [f["code"] for f in body["observation"]["findings"]] == ["spec.syntax"]


def test_a_spec_that_never_held_together(tmp_path: Path) -> None:
    (tmp_path / "fleet.toml").write_text("[fleet\n")
    client = client_of(site_of(tmp_path, 60.0))
    for path in ("/api/fleet", "/api/fleet/plan", "/api/fleet/capacity"):
        answer = client.get(path)
        assert (answer.status_code, answer.json()["code"]) == (503, "SPEC_BROKEN")
        assert answer.json()["findings"][0]["place"].startswith("fleet.toml:1")
    assert client.get("/").status_code == 200
    assert client.get("/healthz").json() == {"ok": True, "version": __version__}
    assert "fleethub_observed 0" in client.get("/metrics").text


def test_the_unknown_route_and_the_wrong_method(client: TestClient) -> None:
    answer = client.get("/api/nowhere")
    assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")
    answer = client.delete("/api/fleet")
    assert (answer.status_code, answer.json()["code"]) == (405, "METHOD_NOT_ALLOWED")
    assert answer.headers["allow"] == "GET"


def test_head_is_answered_as_get_is(client: TestClient) -> None:
    for path in READS:
        assert client.head(path).status_code == client.get(path).status_code, path


def test_a_bug_in_a_route_is_told_once_and_without_what_is_inside(
    client: TestClient, site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def breaks(*_: object) -> None:
        raise RuntimeError("sk-inside")

    monkeypatch.setattr(site.snapshots, "changed", lambda: False)
    monkeypatch.setattr("fleethub.server.reading.plan_body", breaks)
    answer = client.get("/api/fleet/plan")
    assert (answer.status_code, answer.json()["code"]) == (500, "INTERNAL_ERROR")
    assert "sk-inside" not in answer.text + caplog.text
    assert "RuntimeError" in caplog.text
