"""The routes that edit: ownership, capacity, compare-and-swap, what is recorded, and that nothing is applied."""

from __future__ import annotations

import json
import select
import socket
import tomllib
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit

import pytest
from starlette.testclient import TestClient

from fleethub.operations import edit_write
from fleethub.server.site import Site, site_of
from fleethub.stores.history import read
from fleethub.stores.lock import local_lock
from tests.server.conftest import client_of
from tests.server.live import serving
from tests.support import MASTER, Place, recorded
from tests.test_laws import World


def post(client: TestClient, what: str, status: int, **body: Any) -> dict[str, Any]:
    answer = client.post(f"/api/fleet/{what}", json=body)
    assert answer.status_code == status, answer.text
    found: dict[str, Any] = answer.json()
    if status >= 400:
        assert found["error"]
        assert found["code"]
    return found


def history(place: Place) -> list[dict[str, Any]]:
    return read(place.folder / ".fleethub/history.ndjson")


def test_assign_edits_the_spec_and_applies_nothing(client: TestClient, place: Place) -> None:
    files = {name: data for name, data in place.bytes().items() if name != "fleet.toml"}
    with recorded() as sent:
        body = post(client, "assign", 200, node="a", model="gpt-oss-20b", project="Volta")
    assert not [one for one in sent if one[0] != "GET"]
    assert body["changed"]
    assert body["node"]["model"] == "gpt-oss-20b"
    assert '+model = "gpt-oss-20b"' in body["diff"]
    assert body["plan"]["sentence"].startswith("Moves a from qwen3-32b to gpt-oss-20b")
    assert "nothing is applied yet" in body["next"]
    assert {name: data for name, data in place.bytes().items() if name != "fleet.toml"} == files
    assert 'model = "gpt-oss-20b"' in (place.folder / "fleet.toml").read_text()
    assert [n["chain"][0] for n in client.get("/api/fleet").json()["nodes"]] == ["gpt-oss-20b"]
    assert [(h["action"], h["project"], h["address"]) for h in history(place)] == [("assign", "Volta", "node.a")]


def test_assigning_what_is_so_already_is_no_conflict(client: TestClient, place: Place) -> None:
    before = place.bytes()
    body = post(client, "assign", 200, node="a", model="qwen3-32b", project="volta")
    assert not body["changed"]
    assert body["diff"] == []
    assert place.bytes() == before


@pytest.mark.parametrize("what", ["assign", "release", "nodes"])
def test_anothers_entry_is_refused_with_the_whole_of_it(client: TestClient, place: Place, what: str) -> None:
    before = place.bytes()
    more = {"assign": {"node": "a", "model": "gpt-oss-20b"}, "release": {"node": "a"}, "nodes": {"name": "a"}}[what]
    body = post(client, what, 409, project="TiltClaw", **more)
    assert body["code"] == "OWNED"
    owner = body["owner"]
    assert (owner["node"], owner["owner"], owner["host"], owner["model"]) == ("a", "Volta", "a", "qwen3-32b")
    assert owner["place"].startswith("fleet.toml:")
    assert place.bytes() == before
    assert [(h["refused"], h["owner"]) for h in history(place)] == [("node.owned", "Volta")]


def test_an_owner_is_known_by_letters_and_digits(client: TestClient, place: Place) -> None:
    for project in ("VOL ta", "vol-ta", "Volta!"):
        post(client, "assign", 200, node="a", model="qwen3-32b", project=project)
    for project in ("Volta 2", "Vota", "-"):
        assert post(client, "assign", 409, node="a", model="qwen3-32b", project=project)["code"] == "OWNED"
    assert 'owner = "Volta"' in (place.folder / "fleet.toml").read_text()


def test_a_release_of_what_never_was_is_no_error(client: TestClient, place: Place) -> None:
    before = place.bytes()
    body = post(client, "release", 200, node="never", project="Volta")
    assert (body["changed"], body["notes"]) == (False, ["there is no node never in the spec"])
    assert place.bytes() == before


def test_force_takes_over_and_is_recorded_with_whose_it_was(client: TestClient, place: Place) -> None:
    body = post(client, "assign", 200, node="a", model="gpt-oss-20b", project="TiltClaw", force=True)
    assert body["forced"]["displaced"] == "Volta"
    assert body["forced"]["owner"]["model"] == "qwen3-32b"
    assert body["node"]["owner"] == "TiltClaw"
    assert [(h["force"], h["displaced"], h["project"]) for h in history(place)] == [(True, "Volta", "TiltClaw")]


def test_no_room_is_refused_with_the_arithmetic(client: TestClient, place: Place) -> None:
    before = place.bytes()
    body = post(client, "assign", 409, node="a", model="gpt-oss-120b", project="Volta")
    assert body["code"] == "CAPACITY_CONFLICT"
    (conflict,) = body["capacity"]
    assert conflict["backend"] == "gpu"
    assert conflict["finding"]["code"] == "capacity.exceeded"
    assert any("weights" in line for line in conflict["finding"]["detail"])
    (answer,) = conflict["answers"]
    assert answer["largest_context"] is None
    assert answer["verdict"]["checks"]
    assert place.bytes() == before
    assert post(client, "assign", 409, node="a", model="gpt-oss-120b", project="Volta", force=True)["code"] == (
        "CAPACITY_CONFLICT"
    ), "force is about owners alone"


def test_release_says_that_the_next_apply_deletes(client: TestClient, place: Place) -> None:
    body = post(client, "release", 200, node="a", project="Volta")
    assert "the next fleethub apply deletes node.a" in body["next"]
    assert body["node"] is None
    assert "[nodes.a]" not in (place.folder / "fleet.toml").read_text()
    assert (place.folder / "nodes/a/openclaw.json").exists()
    (left,) = client.get("/api/fleet").json()["nodes"]
    assert (left["name"], left["chain"]) == ("a", []), "it runs until that apply, so it is not passed over in silence"
    again = post(client, "release", 200, node="a", project="Volta")
    assert (again["changed"], again["node"]) == (False, None)
    assert again["next"].startswith("nothing is written: there is no node a in the spec")


def test_registering_and_renewing(client: TestClient, place: Place) -> None:
    fields = {"name": "b", "host": "b.example.ts.net", "model": "llama3.1-8b", "project": "TiltClaw"}
    body = post(client, "nodes", 201, **fields, labels={"pattern": "A"}, fallbacks=[])
    assert body["node"]["owner"] == "TiltClaw"
    assert body["node"]["labels"] == {"pattern": "A"}
    again = post(client, "nodes", 200, **fields, labels={"pattern": "A"}, fallbacks=[])
    assert not again["changed"]
    moved = post(client, "nodes", 200, **fields | {"host": "c.example.ts.net"})
    assert moved["changed"]
    assert moved["node"]["host"] == "c.example.ts.net"
    place.run("validate", code=0)
    assert post(client, "nodes", 409, **fields | {"project": "Volta"})["code"] == "OWNED"


def test_a_node_that_would_not_hold_together_is_refused_with_findings(client: TestClient, place: Place) -> None:
    before = place.bytes()
    body = post(client, "nodes", 409, name="b", project="B")
    assert body["code"] == "REFUSED"
    assert {f["code"] for f in body["findings"]} == {"spec.missing"}
    assert place.bytes() == before


@pytest.mark.parametrize(
    ("what", "body"),
    [
        ("assign", {"node": "a", "model": "qwen3-32b"}),
        ("assign", {"node": "a", "model": "qwen3-32b", "project": ""}),
        ("assign", {"node": "a", "model": 3, "project": "Volta"}),
        ("assign", {"node": "A!", "model": "qwen3-32b", "project": "Volta"}),
        ("assign", {"node": "a", "model": "qwen3-32b", "project": "Volta", "force": "true"}),
        ("assign", {"node": "a", "model": "qwen3-32b", "project": "Volta", "focre": True}),
        ("release", {"node": "a"}),
        ("nodes", {"name": "b", "host": "b", "model": "qwen3-32b", "project": "x\ny"}),
        ("nodes", {"name": "b", "port": "18789", "project": "B"}),
        ("nodes", {"name": "b", "port": 70000, "project": "B"}),
        ("nodes", []),
    ],
)
def test_what_is_not_valid_is_refused_with_its_place(
    client: TestClient, place: Place, what: str, body: dict[str, Any] | list[Any]
) -> None:
    before = place.bytes()
    answer = client.post(f"/api/fleet/{what}", json=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "VALIDATION")
    assert all(p["at"].startswith("body") for p in answer.json()["problems"])
    assert place.bytes() == before


def test_a_model_or_node_that_is_not_there(client: TestClient) -> None:
    body = post(client, "assign", 404, node="a", model="qwen4", project="Volta")
    assert body["known"] == ["gpt-oss-120b", "gpt-oss-20b", "llama3.1-8b", "qwen3-32b"]
    assert post(client, "assign", 404, node="z", model="qwen3-32b", project="Volta")["code"] == "NOT_FOUND"


@pytest.mark.parametrize("times", [1, 99])
def test_an_edit_that_another_overtook_is_made_anew_a_few_times(
    client: TestClient, place: Place, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    original, overtaken = edit_write.write, 0

    def late(proposal: Any) -> Any:
        nonlocal overtaken
        if overtaken < times:
            overtaken += 1
            place.edit(f"rpm = {59 + overtaken}", f"rpm = {60 + overtaken}")
        return original(proposal)

    monkeypatch.setattr(edit_write, "write", late)
    if times == 1:
        post(client, "assign", 200, node="a", model="gpt-oss-20b", project="Volta")
        assert "rpm = 61" in (place.folder / "fleet.toml").read_text()
        return
    assert post(client, "assign", 409, node="a", model="gpt-oss-20b", project="Volta")["code"] == "STALE"
    assert overtaken == edit_write.TRIES
    assert 'model = "qwen3-32b"' in (place.folder / "fleet.toml").read_text()


def test_an_edit_of_what_is_somebody_elses_by_then_is_refused(
    client: TestClient, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = edit_write.write

    def late(proposal: Any) -> Any:
        place.edit('owner = "Volta"', 'owner = "Ohm"')
        return original(proposal)

    monkeypatch.setattr(edit_write, "write", late)
    assert post(client, "assign", 409, node="a", model="gpt-oss-20b", project="Volta")["code"] == "OWNED"


def test_of_edits_at_once_none_is_lost_and_none_sent_away(client: TestClient, place: Place) -> None:
    def add(name: str) -> int:
        body = {"name": name, "host": name, "target": f"nodes/{name}", "model": "qwen3-32b", "project": "Ohm"}
        return client.post("/api/fleet/nodes", json=body).status_code

    names = [f"n{number}" for number in range(4)]
    with ThreadPoolExecutor(len(names)) as pool:
        assert list(pool.map(add, names)) == [201] * len(names)
    assert set(names) <= set(tomllib.loads((place.folder / "fleet.toml").read_text())["nodes"])


def test_while_another_edit_is_written_the_caller_is_told_to_ask_again(
    client: TestClient, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edit_write, "WAIT", 0)
    with local_lock(place.folder / ".fleethub/edit.lock", "another"):
        body = post(client, "assign", 409, node="a", model="gpt-oss-20b", project="Volta")
    assert body["code"] == "LOCKED"


def test_a_spec_that_is_broken_now_is_not_edited(client: TestClient, place: Place) -> None:
    place.write((place.folder / "fleet.toml").read_text() + "[x\n")
    body = post(client, "assign", 503, node="a", model="gpt-oss-20b", project="Volta")
    assert body["code"] == "SPEC_BROKEN"
    assert body["findings"][0]["code"] == "spec.syntax"


def test_the_first_write_looks_before_it_judges(place: Place, master: None) -> None:
    site = site_of(place.folder, 60.0)
    assert site.snapshots.latest.facts is None
    body = post(client_of(site), "assign", 409, node="a", model="gpt-oss-120b", project="Volta")
    assert body["code"] == "CAPACITY_CONFLICT"


def test_a_write_is_not_judged_from_what_is_stale(site: Site, world: World) -> None:
    site.stale_after = -1.0
    looked = site.snapshots.refreshes
    post(client_of(site), "assign", 200, node="a", model="gpt-oss-20b", project="Volta")
    assert site.snapshots.refreshes == looked + 1


def test_a_model_that_was_pulled_since_the_last_look_is_looked_at(
    place: Place, master: None, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = world.ollama.models
    pulled = models.pop("gpt-oss:120b")
    try:
        site = site_of(place.folder, 60.0)
        site.snapshots.refresh()
    finally:
        models["gpt-oss:120b"] = pulled
    body = post(client_of(site), "assign", 409, node="a", model="gpt-oss-120b", project="Volta")
    assert body["code"] == "CAPACITY_CONFLICT"


def test_a_spec_that_cannot_be_written_says_so(
    client: TestClient, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("fleethub.operations.edit_write.write_file", denied)
    body = post(client, "assign", 503, node="a", model="gpt-oss-20b", project="Volta")
    assert body["code"] == "UNWRITABLE"
    assert "Permission denied" in body["error"]


def test_a_refusal_that_cannot_be_recorded_is_still_told_with_the_owner(
    client: TestClient, place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    (place.folder / ".fleethub/history.ndjson").mkdir()
    body = post(client, "assign", 409, node="a", model="gpt-oss-20b", project="TiltClaw")
    assert (body["code"], body["owner"]["owner"]) == ("OWNED", "Volta")
    assert "could not be recorded" in caplog.text
    before = place.bytes()
    assert post(client, "assign", 503, node="a", model="gpt-oss-20b", project="Volta")["code"] == "UNWRITABLE"
    assert place.bytes() == before, "what cannot be recorded is not written"


def test_writers_who_wait_for_the_network_do_not_keep_readers_waiting(place: Place) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=64) as silent, ExitStack() as stack:
        text = (place.folder / "fleet.toml").read_text()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        place.write(text.replace('url = "http://', f'url = "{url}" # http://', 1))
        served = stack.enter_context(serving(place.folder, LITELLM_MASTER_KEY=MASTER))
        order = json.dumps({"node": "a", "model": "gpt-oss-20b", "project": "Volta"})
        waiting = []
        for _ in range(50):
            one = stack.enter_context(socket.create_connection(("127.0.0.1", urlsplit(served.url).port)))
            head = f"POST /api/fleet/assign HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(order)}\r\n\r\n"
            one.sendall((head + order).encode())
            waiting.append(one)
        with urllib.request.urlopen(served.url, timeout=300) as answer:
            assert answer.status == 200
        answered, _, _ = select.select(waiting, [], [], 0)
        assert answered == []


def test_a_target_outside_the_policy_is_refused_with_what_is_allowed(client: TestClient, place: Place) -> None:
    before = place.bytes()
    new = {"name": "newnode", "host": "newnode", "model": "qwen3-32b", "project": "Mine"}
    for target in ("ssh://root@elsewhere.example/etc/x", "somewhere/newnode"):
        with recorded() as sent:
            body = post(client, "nodes", 409, **new, target=target)
        assert body["code"] == "REFUSED"
        assert body["findings"][0]["code"] == "node.target-policy"
        assert "nodes/*" in body["error"]
        assert sent == [], "nothing is asked there"
    post(client, "nodes", 400, **new, labels={f"l{n}": "x" for n in range(33)})
    assert place.bytes() == before
    post(client, "nodes", 201, **new, target="nodes/elsewhere")


def test_a_project_may_be_named_by_tangleclaws_id_and_the_owner_is_told_in_porthubs_words(
    client: TestClient, place: Place
) -> None:
    (place.folder / ".fleethub").mkdir(exist_ok=True)
    (place.folder / ".fleethub/tangleclaw.json").write_text('{"projects": {"7": "Volta"}}')
    assert post(client, "assign", 404, node="a", model="gpt-oss-20b", project="8")["code"] == "NOT_FOUND"
    refused = post(client, "assign", 409, node="a", model="gpt-oss-20b", project="Other")
    assert refused["owner"]["project"] == refused["owner"]["owner"] == "Volta"
    assert post(client, "assign", 200, node="a", model="gpt-oss-20b", project="7")["project"] == "Volta"


def test_a_node_and_the_history_by_themselves(client: TestClient, place: Place) -> None:
    post(client, "assign", 200, node="a", model="gpt-oss-20b", project="Volta")
    one = client.get("/api/fleet/nodes/a").json()
    assert (one["node"]["name"], one["node"]["chain"][0]) == ("a", "gpt-oss-20b")
    assert [key["name"] for key in one["keys"]] == ["a"]
    missing = client.get("/api/fleet/nodes/nobody")
    assert (missing.status_code, missing.json()["code"], "a" in missing.json()["known"]) == (404, "NOT_FOUND", True)
    (first, *_) = client.get("/api/fleet/history").json()["entries"]
    assert (first["action"], first["owner"]) == ("assign", "Volta")
    assert client.get("/api/fleet/history?address=node.nobody").json() == {"entries": []}
    assert client.get("/api/fleet/history?limit=0").status_code == 400
