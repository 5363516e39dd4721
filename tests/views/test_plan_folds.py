"""Forty nodes of which the same is to be said are one line; ``--full`` names each."""

from __future__ import annotations

import re

from fleethub.model.address import key, node
from fleethub.model.finding import Finding, SourceLocation
from fleethub.model.plan import Action, Change, Drift, FieldChange, Plan
from fleethub.views.plan import plan_text
from fleethub.views.style import Style

NAMES = [f"n{number:02}" for number in range(40)]
DRIFT = tuple(Drift(node(name), ".env is gone", repaired=False) for name in NAMES)
STOPPED = tuple(
    Finding(
        "drift.stopped", f"node.{n} was changed by hand: .env is gone", node(n), SourceLocation("f.toml", 1, 1), "x"
    )
    for n in NAMES
)
PLAN = Plan("p", "monad", "Nothing can be done now.", drift=DRIFT, findings=STOPPED)


def test_what_is_the_same_of_many_is_said_once() -> None:
    text = plan_text(PLAN, Style(False))
    assert "≠ 40 nodes: n00, n01, n02, n03 …: .env is gone (stays as it is)" in text
    said = "warning drift.stopped node.*: node.* was changed by hand: .env is gone (40 nodes: n00, n01, n02, n03 …)"
    assert said in text
    assert len(text.splitlines()) < 12
    assert plan_text(PLAN, Style(False), full=True).count("changed by hand") == 40


def test_findings_stand_in_the_order_of_the_lines() -> None:
    lines = (100, 20, 3)
    found = tuple(Finding("drift.stopped", f"at {n}", None, SourceLocation("f.toml", n, 1)) for n in lines)
    text = plan_text(Plan("p", "monad", "", findings=found), Style(False))
    assert re.findall("at [0-9]+", text) == ["at 3", "at 20", "at 100"]


def test_a_command_is_shown_as_it_is_typed() -> None:
    field = FieldChange(("command",), ["op", "edit", "a b"], ["op", "edit", "c"])
    text = plan_text(Plan("p", "monad", "", changes=(Change(node("a"), Action.UPDATE, (field,)),)), Style(False))
    assert "command: op edit 'a b' → op edit c" in text


def test_what_differs_is_said_of_each() -> None:
    drift = (Drift(node("a"), ".env is gone"), Drift(key("main", "a"), "it is gone"), Drift(node("b"), "other"))
    text = plan_text(Plan("p", "monad", "", drift=drift), Style(False))
    assert [line for line in text.splitlines() if "≠" in line] == [
        "  ≠ node.a: .env is gone (will be repaired)",
        "  ≠ key.main.a: it is gone (will be repaired)",
        "  ≠ node.b: other (will be repaired)",
    ]


def test_what_others_wrote_begins_no_line_of_its_own() -> None:
    fields = (
        FieldChange(("tags",), ["x"], ["x\n  + key.main.evil", "y\u2028z"]),
        FieldChange(("openclaw.json", "a\n  - node.b"), 1, 2),
    )
    forged = (Drift(key("main", "a"), "renamed to a\n  + key.main.b", fields), Drift(node("b"), "other"))
    lines = plan_text(Plan("p", "monad", "", drift=forged), Style(False)).splitlines()
    assert [line[:3] for line in lines if line.startswith("  ")] == ["  ≠", "   ", "   ", "  ≠"]
    assert "      tags: x → x\\n  + key.main.evil, y\\u2028z" in lines


def test_what_is_let_go_of_is_more_than_a_record() -> None:
    changes = (
        Change(key("main", "a"), Action.RECORD, consequence="it gets its models back (one)"),
        Change(key("main", "b"), Action.RECORD),
    )
    lines = plan_text(Plan("p", "monad", "", changes=changes), Style(False)).splitlines()
    assert "  = key.main.a  → it gets its models back (one)" in lines
    assert "  = key.main.b  (only the lockfile is behind)" in lines
