"""Why a call is refused: each cause is told apart from the others, and nothing else is called shut."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fleethub.model.address import key, node
from fleethub.model.endpoint import Failure, Reply
from fleethub.model.finding import Finding
from fleethub.model.readings.proxy import Deployment, KeyRow, ProxyReading, Team
from fleethub.verifying.refused import Gate, RefusedQuery, RefusedResult, State, gates
from fleethub.verifying.view import refused_text
from fleethub.views.style import Style

ROW = KeyRow("volta", "t" * 64, ("one",), {"max_budget": 20.0}, {}, spend=3.0, left=9e5, allowed_routes=())
TEAM = Team("t1", "agents", ("one", "two"), spend=1.0, max_budget=5.0)
READING = ProxyReading(frozenset({"one", "two"}), (Deployment("gpt-*", "openai/gpt-*", "1"),), {}, teams={"t1": TEAM})
LISTS = {"http://a": Reply(200, names=frozenset({"one"})), "http://b": Reply(200, names=frozenset({"one"}))}
GOOD = RefusedQuery("main", "volta", "one", READING, ROW, LISTS, 60.0)


def shut(query: RefusedQuery) -> list[str]:
    return [gate.what for gate in gates(query) if gate.state == "shut"]


def row(**fields: Any) -> RefusedQuery:
    return replace(GOOD, row=replace(ROW, **fields))


def team(**fields: Any) -> RefusedQuery:
    return replace(row(team="t1"), reading=replace(READING, teams={"t1": replace(TEAM, **fields)}))


def test_nothing_refuses_a_good_key() -> None:
    assert {gate.state for gate in gates(GOOD)} == {"open"}
    assert {gate.state for gate in gates(team())} == {"open"}


@pytest.mark.parametrize(
    ("query", "what"),
    [
        (replace(GOOD, row=None), "the key is there"),
        (row(blocked=True), "not blocked"),
        (row(left=-60.0), "not expired"),
        (row(allowed_routes=("/key/info",)), "its routes"),
        (row(limits={"rpm_limit": 0}), "no limit of zero"),
        (row(spend=20.0), "its budget"),
        (row(models=("two",)), "the key's models"),
        (team(blocked=True), "its team is not blocked"),
        (team(spend=5.0), "its team's budget"),
        (team(models=("two",)), "its team's models"),
        (replace(GOOD, reading=replace(READING, models=frozenset({"two"}))), "the proxy has the model"),
        (replace(GOOD, lists={**LISTS, "http://b": Reply(200, names=frozenset())}), "http://b knows it"),
        (replace(GOOD, lists={**LISTS, "http://b": Reply(401, says="no such key")}), "http://b knows it"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_cause_is_told_apart(query: RefusedQuery, what: str) -> None:
    assert shut(query) == [what]
    assert all(gate.hint for gate in gates(query) if gate.state != "open")


def test_what_is_not_known_is_neither_open_nor_shut() -> None:
    for query in (
        replace(GOOD, reading=None, row=None, lists={}, unread="no answer"),
        row(team="t9"),
        row(models=("beta",), groups=("beta",)),
        row(spend=None),
        replace(GOOD, lists={"http://a": Reply(failure=Failure.CONNECT)}),
    ):
        states = {gate.state for gate in gates(query)}
        assert "unknown" in states
        assert "shut" not in states


@pytest.mark.parametrize("models", [(), ("*",), ("all-proxy-models",), ("gpt-*",)])
def test_a_key_of_everything_or_a_wildcard_reaches_what_the_proxy_has(models: tuple[str, ...]) -> None:
    assert shut(replace(row(models=models), model="gpt-4", lists={})) == []


def test_what_no_node_calls_is_answered_with_how_to_have_it_called() -> None:
    (gate,) = [g for g in gates(replace(GOOD, model="two", wired=False)) if g.state == "shut"]
    assert "assign" in gate.hint


def test_what_the_node_lacks_says_nothing_of_a_proxy_that_was_not_asked() -> None:
    """It was said that the proxy would take the calls, of one that did not answer."""
    wrong = Finding("verify.not-applied", "the node has no .env", node("volta"))

    def last(*states: State) -> str:
        call = RefusedResult("main", key("main", "volta"), "one", tuple(Gate("a question", state) for state in states))
        return refused_text(node("volta"), [call], [wrong], Style(False)).splitlines()[-1]

    assert last("open") == "The proxy would take the calls; what is wrong is the node itself."
    assert last("open", "unknown") == (
        "Whether the proxy would take the calls is not known; what is wrong is the node itself."
    )
