"""What agents proposed, over HTTP and on the page: seen by everybody, decided by a person with a token of their own."""

from __future__ import annotations

import html
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import TypeVar

import click
import pytest
from starlette.testclient import TestClient

from fleethub.cli.listening import people_of
from fleethub.model.edit import Assign, WaitingProposal
from fleethub.model.secret import Secret
from fleethub.operations import proposals
from fleethub.operations.edit import EditInput, propose
from fleethub.operations.workplace import Workplace
from fleethub.server import approving, kept
from fleethub.server import site as site_module
from fleethub.server.access import AccessPolicy
from fleethub.server.site import Site
from fleethub.stores.interface import Store, StoreError
from tests.server.conftest import client_of
from tests.support import Place

T = TypeVar("T")
EVA = "fhsk_" + "e" * 43
PEOPLE = AccessPolicy(people={"eva": Secret(EVA)})
AS_EVA = {"Authorization": f"Bearer {EVA}"}


@pytest.fixture
def one(site: Site, place: Place) -> WaitingProposal:
    """A proposal that waits."""
    with Workplace(place.folder) as workplace:
        asked = EditInput(Assign("a", "gpt-oss-20b"), "Volta")
        done = proposals.offer(
            lambda it: propose(place.folder, it, site.snapshots.latest.facts),
            workplace.store, workplace.fleet, "helper", asked, datetime.now(UTC),
        )  # fmt: skip
    assert done.data.waiting is not None
    return done.data.waiting


@pytest.fixture
def client(site: Site) -> TestClient:
    return client_of(site, PEOPLE)


def test_a_disk_that_takes_no_decision_is_no_bug_and_the_proposal_waits_on(
    client: TestClient, one: WaitingProposal, place: Place
) -> None:
    (place.folder / ".fleethub/history.ndjson").mkdir()
    before = place.bytes()
    path, yes = f"/api/fleet/proposals/{one.id}", {"decision": "approve", "plan": one.plan}
    answer = client.post(path, json=yes, headers=AS_EVA)
    assert (answer.status_code, answer.json()["code"]) == (503, "UNWRITABLE")
    assert "history.ndjson: Is a directory" in answer.json()["error"]
    assert place.bytes() == before
    (place.folder / ".fleethub/history.ndjson").rmdir()
    assert client.post(path, json=yes, headers=AS_EVA).status_code == 200


def test_only_a_person_decides(client: TestClient, one: WaitingProposal, site: Site) -> None:
    path = f"/api/fleet/proposals/{one.id}"
    (seen,) = client.get("/api/fleet/proposals").json()["proposals"]
    assert (seen["id"], seen["plan"]) == (one.id, one.plan)
    nobody = client.post(path, json={"decision": "approve", "plan": one.plan})
    assert (nobody.status_code, nobody.json()["code"]) == (403, "NO_PERSON")
    wrong = client.post(path, json={"decision": "decline"}, headers={"Authorization": "Bearer fhsk_x"})
    assert wrong.status_code == 401
    token_only = client_of(site, AccessPolicy(token=Secret("fhsk_" + "t" * 43)))
    agent = token_only.post(path, json={"decision": "decline"}, headers={"Authorization": "Bearer fhsk_" + "t" * 43})
    assert agent.json()["code"] == "NO_PERSON"


def test_a_yes_is_bound_to_the_plan_that_was_seen(client: TestClient, one: WaitingProposal, place: Place) -> None:
    path, spec = f"/api/fleet/proposals/{one.id}", place.folder / "fleet.toml"
    before = spec.read_text()
    spec.write_text(f"{before}\n# another hand\n")
    stale = client.post(path, json={"decision": "approve", "plan": one.plan}, headers=AS_EVA)
    assert (stale.status_code, stale.json()["code"]) == (409, "STALE")
    assert spec.read_text() == f"{before}\n# another hand\n"
    done = client.post(path, json={"decision": "approve", "plan": stale.json()["plan"]}, headers=AS_EVA)
    assert done.json()["approved"] == one.id
    assert "gpt-oss-20b" in spec.read_text().partition("[nodes.a]")[2].partition("[")[0]
    assert client.get("/api/fleet/proposals").json()["proposals"] == []
    assert client.post(path, json={"decision": "decline"}, headers=AS_EVA).status_code == 404


def test_what_the_spec_says_by_now_is_not_approved_by_any_way(
    client: TestClient, one: WaitingProposal, place: Place
) -> None:
    head, block, rest = (place.folder / "fleet.toml").read_text().partition("[nodes.a]")
    place.write(head + block + rest.replace('model = "qwen3-32b"', 'model = "gpt-oss-20b"', 1))
    stale = client.post(
        f"/api/fleet/proposals/{one.id}", json={"decision": "approve", "plan": one.plan}, headers=AS_EVA
    )
    assert (stale.status_code, stale.json()["code"]) == (409, "STALE")
    assert "would change nothing by now" in stale.json()["error"]
    for words in (["--yes"], []):
        said = place.run("approve", one.id, *words, code=4)
        assert f"fleethub approve {one.id} --no takes the proposal away" in said
    place.run("approve", one.id, "--no")


def test_the_page_shows_what_waits_and_a_button_to_a_person_alone(client: TestClient, one: WaitingProposal) -> None:
    page = client.get("/").text
    assert one.id in page
    shown = html.unescape(page.partition("data-diff>")[2].partition("</pre>")[0])
    assert shown.splitlines() == list(one.diff)
    assert 'value="approve"' not in page
    assert 'value="approve"' in client.get("/", headers=AS_EVA).text
    ask = client.get("/person", follow_redirects=False)
    assert (ask.status_code, "Basic" in ask.headers["www-authenticate"]) == (401, True)
    back = client.get("/person", headers=AS_EVA, follow_redirects=False)
    assert (back.status_code, back.headers["location"]) == (303, "./#proposals-h")


def test_the_page_shows_what_a_program_asked_for_just_before(client: TestClient, one: WaitingProposal) -> None:
    assert client.get("/api/fleet/proposals").status_code == 200  # what is read there is fresh for a while
    assert one.id in client.get("/", headers=AS_EVA).text


def test_the_page_tells_what_was_done_and_who_proposed_and_approved(client: TestClient, one: WaitingProposal) -> None:
    body = {"decision": "approve", "plan": one.plan}
    assert client.post(f"/api/fleet/proposals/{one.id}", json=body, headers=AS_EVA).status_code == 200
    page = html.unescape(client.get("/").text.partition('id="history"')[2])
    first, then, *_ = page.split("<li>")[1:]
    assert f"proposed or planned by the agent {one.agent}" in first
    assert f"approved: eva, as {one.id}" in first
    assert one.says in then
    assert ">propose<" in then


def test_one_that_cannot_be_read_takes_no_page_away(client: TestClient, one: WaitingProposal, site: Site) -> None:
    with Workplace(site.path) as workplace:
        workplace.store.put("proposals", "p-later", {"of_a_later_version": True})
    page = client.get("/", headers=AS_EVA)
    assert page.status_code == 200
    assert one.id in page.text
    assert "fleethub approve p-later --no" in page.text
    approved = client.post("/api/fleet/proposals/p-later", json={"decision": "approve"}, headers=AS_EVA)
    assert "cannot be read" in approved.json()["error"]
    declined = client.post("/api/fleet/proposals/p-later", json={"decision": "decline"}, headers=AS_EVA)
    assert declined.json() == {"declined": "p-later"}


def test_what_programs_show_is_no_persons_token(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(EVA)
    (tmp_path / "token").chmod(0o600)
    with pytest.raises(click.UsageError, match="programs and agents show too"):
        people_of(tmp_path, ["eva=file:token"], Secret(EVA))
    assert set(people_of(tmp_path, ["eva=file:token"], Secret("fhsk_" + "t" * 43))) == {"eva"}


def test_a_store_that_does_not_answer_takes_no_page_away(
    client: TestClient, one: WaitingProposal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(store: object) -> tuple[WaitingProposal, ...]:
        raise StoreError("the database does not answer")

    monkeypatch.setattr(proposals, "waiting", lost)
    page = client.get("/")
    assert page.status_code == 200
    assert "the database does not answer" in page.text
    assert "Proposed by agents: nothing" not in page.text


def test_a_store_that_hangs_holds_no_page_up(
    client: TestClient, one: WaitingProposal, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers, asked, now, real = Event(), [], 0.0, proposals.waiting

    def slow(store: Store) -> tuple[WaitingProposal, ...]:
        asked.append(now)
        assert answers.wait(60)
        return real(store)

    monkeypatch.setattr(kept, "PATIENCE", 0.05)
    for module in (approving, kept, site_module):
        monkeypatch.setattr(module, "clock", lambda: now)
    with client:
        assert one.id in client.get("/", headers=AS_EVA).text
        monkeypatch.setattr(proposals, "waiting", slow)
        now = 29.0  # it is read again, and what was told just before stands in
        assert all(one.id in client.get("/", headers=AS_EVA).text for _ in range(5))
        now = 31.0
        late = client.get("/", headers=AS_EVA)
        assert late.status_code == 200
        assert "has not answered yet" in late.text
        assert one.id not in late.text
        assert client.get("/api/fleet").status_code == 200
        assert len(asked) == 1
        answers.set()
        assert one.id in until(lambda: one.id in (text := client.get("/", headers=AS_EVA).text) and text)


def until(true: Callable[[], T]) -> T:
    while not (found := true()):
        pass
    return found
