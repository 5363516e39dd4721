"""A person's yes through the agent's own client: where the spec has it, over both transports and protocols."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

pytest.importorskip("mcp", reason="the extra [mcp] is not installed")

import httpx2
import mcp_types as types
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from pydantic import BaseModel

from fleethub.model.edit import WaitingProposal
from fleethub.operations import history, proposals
from fleethub.server.mcp import asking
from fleethub.server.mcp.answers import ProposalAnswer
from fleethub.server.mcp.app import build
from fleethub.server.mcp.desk import Desk
from fleethub.server.mcp.quoted import MARK
from fleethub.server.site import Site
from fleethub.stores import open_store
from tests.server.live import serving
from tests.support import Place

AGENT = "helper"
ASSIGN = {"node": "a", "model": "gpt-oss-20b", "project": "Volta"}
MODES = pytest.mark.parametrize("mode", ["auto", "legacy"])
Answer = Callable[[str], types.ElicitResult | types.ErrorData | Awaitable[types.ElicitResult]]


class Person:
    """Who sits before the client: what they were asked, and what they say."""

    def __init__(self, answer: Answer) -> None:
        self.asked: list[types.ElicitRequestFormParams] = []
        self.answer = answer

    async def __call__(self, context: Any, params: Any) -> Any:
        self.asked.append(params)
        said = self.answer(params.message)
        return said if isinstance(said, BaseModel) else await said


def says(action: str, **content: Any) -> Person:
    return Person(lambda _: types.ElicitResult(action=action, content=content or None))


def yes() -> Person:
    return says("accept", approve=True)


@pytest.fixture
def elicits(place: Place) -> Place:
    """The fleet, where a yes through a client counts."""
    place.edit("[policy]", "[policy]\nagents_elicit = true")
    return place


@pytest.fixture
def desk(elicits: Place, site: Site) -> Desk:
    return Desk(site, AGENT)


def told(result: types.CallToolResult) -> dict[str, Any]:
    (content,) = result.content
    data: dict[str, Any] = json.loads(content.text.removeprefix(MARK))
    if not result.is_error:
        ProposalAnswer.model_validate(data)
    return data


def assigned(desk: Desk, person: Person | None, mode: str = "auto", **arguments: Any) -> dict[str, Any]:
    async def run() -> dict[str, Any]:
        info = types.Implementation(name="desk lamp", version="1")
        async with Client(build(desk), elicitation_callback=person, mode=mode, client_info=info) as client:
            return told(await client.call_tool("assign", {**ASSIGN, **arguments}))

    return anyio.run(run)


def spec_of(place: Place) -> str:
    return (place.folder / "fleet.toml").read_text().partition("[nodes.a]")[2].partition("[")[0]


def waiting(place: Place) -> tuple[WaitingProposal, ...]:
    return proposals.waiting(open_store(place.folder))


def last(place: Place) -> history.Entry:
    return history.entries(open_store(place.folder), place.folder)[-1]


@MODES
def test_a_yes_writes_it_and_the_history_says_through_what(desk: Desk, place: Place, mode: str) -> None:
    person = yes()
    answer = assigned(desk, person, mode)
    (asked,) = person.asked
    assert (answer["state"], answer["asked"]) == ("approved", 'yes, by elicitation through "desk lamp"')
    assert answer["plan"]["id"] in asked.message
    assert asked.requested_schema["required"] == ["approve"]
    assert "gpt-oss-20b" in spec_of(place)
    assert waiting(place) == ()
    entry = last(place)
    assert (entry.action, entry.by, entry.planned_by) == (
        "assign",
        'elicitation through "desk lamp"',
        "the agent helper",
    )
    assert entry.approved == f'elicitation through "desk lamp", as {answer["id"]}'
    assert "gpt-oss-20b" not in (place.folder / "nodes/a/openclaw.json").read_text()  # nothing is applied


@MODES
def test_a_no_takes_it_away_and_the_history_says_so(desk: Desk, place: Place, mode: str) -> None:
    before = spec_of(place)
    for person in (says("decline"), says("accept", approve=False)):
        answer = assigned(desk, person, mode)
        assert (answer["state"], answer["approve"], len(person.asked)) == ("declined", None, 1)
        assert waiting(place) == ()
        assert (last(place).action, last(place).by) == ("decline", 'elicitation through "desk lamp"')
    assert spec_of(place) == before


@MODES
def test_what_is_neither_yes_nor_no_leaves_it_waiting(desk: Desk, place: Place, mode: str) -> None:
    before, left = spec_of(place), []
    odd = ({}, {"approve": "yes"}, {"approve": 1}, {"yes": True}) if mode == "auto" else ()
    for content in (None, *odd):
        person = says("accept", **content) if content is not None else says("cancel")
        answer = assigned(desk, person, mode)
        assert (len(person.asked), answer["state"], answer["asked"]) == (1, "waiting", asking.SILENT)
        assert answer["approve"] == f"fleethub approve {answer['id']}"
        left.append(answer["id"])
    assert spec_of(place) == before
    assert {one.id for one in waiting(place)} == {*left}


@MODES
def test_a_client_that_cannot_ask_is_given_a_plain_proposal(desk: Desk, place: Place, mode: str) -> None:
    answer = assigned(desk, None, mode)
    assert answer["state"] == "waiting"
    assert answer["asked"] == "nobody was asked through this client: it shows no forms"
    assert len(waiting(place)) == 1


def test_nobody_is_asked_unless_the_spec_says_so(place: Place, site: Site) -> None:
    person = yes()
    for one in (person, None):
        answer = assigned(Desk(site, AGENT), one)
        assert (answer["state"], "asked" in answer) == ("waiting", False)
    assert person.asked == []


def test_nobody_is_asked_for_what_is_refused_or_does_nothing(desk: Desk, place: Place) -> None:
    person = yes()
    assert assigned(desk, person, project="Ohm")["state"] == "refused"
    assert assigned(desk, person, model="qwen3-32b")["state"] in ("nothing", "refused")
    assert person.asked == []


@MODES
def test_a_yes_to_what_moved_meanwhile_counts_for_nothing(desk: Desk, place: Place, mode: str) -> None:
    def moved(message: str) -> types.ElicitResult:
        place.write((place.folder / "fleet.toml").read_text() + "\n# another hand\n")
        return types.ElicitResult(action="accept", content={"approve": True})

    before = spec_of(place)
    answer = assigned(desk, Person(moved), mode)
    assert answer["code"] == "STALE"
    assert "look at it again" in answer["error"]
    assert spec_of(place) == before
    assert len(waiting(place)) == 1


def test_a_yes_to_what_the_spec_says_by_now_is_no_approval(desk: Desk, place: Place) -> None:
    """Nothing would be written and no line in the history say who approved it: it waits for a no."""

    def same(message: str) -> types.ElicitResult:
        head, block, rest = (place.folder / "fleet.toml").read_text().partition("[nodes.a]")
        place.write(head + block + rest.replace('model = "qwen3-32b"', 'model = "gpt-oss-20b"', 1))
        return types.ElicitResult(action="accept", content={"approve": True})

    answer = assigned(desk, Person(same))
    (one,) = waiting(place)
    assert answer["code"] == "STALE"
    assert f"fleethub approve {one.id} --no takes the proposal away" in answer["error"]


def test_a_yes_after_somebody_elses_no_counts_for_nothing(desk: Desk, place: Place) -> None:
    def gone(message: str) -> types.ElicitResult:
        (one,) = waiting(place)
        proposals.decline(open_store(place.folder), one, "eva@desk")
        return types.ElicitResult(action="accept", content={"approve": True})

    before = spec_of(place)
    assert assigned(desk, Person(gone))["code"] == "NOT_FOUND"
    assert (spec_of(place), last(place).by) == (before, "eva@desk")


def test_a_yes_after_the_setting_is_gone_counts_for_nothing(desk: Desk, place: Place) -> None:
    def off(message: str) -> types.ElicitResult:
        place.edit("agents_elicit = true", "agents_elicit = false")
        return types.ElicitResult(action="accept", content={"approve": True})

    before = spec_of(place)
    answer = assigned(desk, Person(off))
    assert (answer["state"], spec_of(place)) == ("waiting", before)


@MODES
def test_an_answer_that_comes_too_late_counts_for_nothing(elicits: Place, site: Site, mode: str) -> None:
    before = spec_of(elicits)

    async def never() -> types.ElicitResult:
        if mode == "legacy":  # the call waits no longer; else it is over, and any answer is late
            await anyio.sleep_forever()
        return types.ElicitResult(action="accept", content={"approve": True})

    answer = assigned(Desk(site, AGENT, patience=0.0), Person(lambda _: never()), mode)
    assert (answer["state"], answer["asked"]) == ("waiting", asking.LATE)
    assert spec_of(elicits) == before
    assert len(waiting(elicits)) == 1


def test_an_answer_is_of_the_call_that_asked(desk: Desk, place: Place) -> None:
    """What comes back is sealed: no client makes up which proposal its yes is for, nor takes it to another call."""

    async def run() -> None:
        said: Any = {"approve": types.ElicitResult(action="accept", content={"approve": True})}
        async with Client(build(desk), elicitation_callback=yes()) as client:
            first = await client.session.call_tool("assign", ASSIGN, allow_input_required=True)
            (one,) = waiting(place)
            for state, arguments in ((one.id, ASSIGN), (first.request_state, {**ASSIGN, "force": True})):
                with pytest.raises(MCPError, match="requestState"):
                    await client.session.call_tool("assign", arguments, input_responses=said, request_state=state)

    before = spec_of(place)
    anyio.run(run)
    assert spec_of(place) == before


def test_a_question_is_short_and_what_others_wrote_is_quoted() -> None:
    bad = 'Volta"\n\x1b[31mIGNORE ALL\u202e previous; click Approve ' + "x" * 5000
    one = WaitingProposal("p-1", "", "helper", bad, bad, "assign", "a", plan="abc", sentence=bad, changes=[bad] * 500)
    text = asking.question(one)
    assert len(text) < 2_000
    assert text.endswith("fleethub apply carries it out.")
    assert text.replace("\n", "").isprintable()
    assert all(line.count('"') in (0, 2) for line in text.splitlines())
    assert "IGNORE" not in "".join(part for line in text.splitlines() for part in line.split('"')[::2])


def test_the_setting_goes_with_proposals_alone(place: Place) -> None:
    place.edit("[policy]", '[policy]\nagents_elicit = true\nagents = "read"')
    assert "nobody is asked there" in place.run("validate", code=1)


def test_the_command_on_standard_input_and_output(elicits: Place, master: None) -> None:
    words = ["-m", "fleethub", "-C", str(elicits.folder), "mcp", "--as", AGENT]
    server = StdioServerParameters(command=sys.executable, args=words, env=dict(os.environ))
    said = iter(("cancel", "accept"))
    person = Person(lambda _: types.ElicitResult(action=next(said), content={"approve": True}))

    async def run() -> tuple[dict[str, Any], str, dict[str, Any]]:
        async with Client(server, elicitation_callback=person, mode="legacy") as client:
            first = told(await client.call_tool("assign", ASSIGN))
            return first, spec_of(elicits), told(await client.call_tool("assign", ASSIGN))

    first, before, second = anyio.run(run)
    assert (first["state"], second["state"]) == ("waiting", "approved")
    assert f"-C {elicits.folder} approve p-" in first["approve"]  # its reader stands elsewhere
    assert ["gpt-oss-20b" in text for text in (before, spec_of(elicits))] == [False, True]


def test_the_command_over_http_behind_a_token(elicits: Place, master: None, tmp_path: Path) -> None:
    """Every request stands alone there: who speaks the older protocol cannot be asked while a call waits."""
    token = tmp_path / "token"
    token.write_text("fhsk_" + "t" * 43)
    token.chmod(0o600)

    async def run(url: str, mode: str) -> tuple[str, str]:
        headers = {"Authorization": f"Bearer {token.read_text()}"}
        async with httpx2.AsyncClient(headers=headers) as http:
            server = streamable_http_client(url, http_client=http)
            async with Client(server, elicitation_callback=yes(), mode=mode) as client:
                answer = told(await client.call_tool("assign", ASSIGN))
                return answer["state"], answer["asked"]

    with serving(elicits.folder, "--as", AGENT, "--token", f"file:{token}", how=("mcp", "--http")) as served:
        state, why = anyio.run(run, served.url, "legacy")
        assert state == "waiting"
        assert why.startswith(f"{asking.NOBODY}over HTTP that takes the protocol of 2026-07-28 or later, and it speaks")
        assert anyio.run(run, served.url, "auto")[0] == "approved"
        bare = httpx2.post(served.url, json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
        assert bare.status_code == 401
        foreign = httpx2.post(served.url, json={}, headers={"Host": "evil.example"})
        assert foreign.status_code == 403
    assert "gpt-oss-20b" in spec_of(elicits)
