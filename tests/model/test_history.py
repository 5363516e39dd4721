"""Lines of a history as entries: of an apply, an order, a proposal and an edit; damage is left out, never invented."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleethub.model.history import HistoryEntry, edit_entry, entry

WHEN = "2026-11-28T10:00:00+00:00"
FULL = HistoryEntry(
    WHEN, "apply", "ana@desk", "Updates 1 key.", 3, "ab12", plan="7fb4", planned_by="ben@ci", approved="a saved plan",
    owner="Volta", spec="sha256:00", commit="1a2b", version="0.1.0", part=True, changes={"key.main.a": "update"},
    failed=(("node.b/deliver", "no route"),), left=(("node.c", "waits"),), exit=6,
)  # fmt: skip


def test_an_entry_comes_back_from_its_line() -> None:
    assert entry({"ts": WHEN, **json.loads(json.dumps(FULL.line()))}) == FULL
    assert entry({"ts": WHEN, **HistoryEntry("", "apply").line()}) == HistoryEntry(WHEN, "apply")
    assert [FULL.concerns(a) for a in ("key.main.a", "node.b", "node.c", "node.d")] == [True, True, True, False]


@pytest.mark.parametrize(
    ("line", "made"),
    [
        (
            {"operation": "state rm", "serial": 4, "before": 3, "by": "ana@desk", "addresses": ["node.a"]},
            HistoryEntry(WHEN, "state rm", "ana@desk", serial=4, changes={"node.a": "state rm"}),
        ),
        (
            {"action": "propose", "agent": "claw", "project": "Volta", "address": "node.a", "edit": "assign"},
            HistoryEntry(WHEN, "propose", "claw", "assign", owner="Volta", changes={"node.a": "propose"}),
        ),
        ({"action": 3, "serial": "x", "exit": True, "changes": [], "failed": [1]}, HistoryEntry(WHEN, "3")),
        ({}, HistoryEntry(WHEN, "?")),
    ],
)
def test_others_lines(line: dict[str, object], made: HistoryEntry) -> None:
    assert entry({"ts": WHEN, **line}) == made


def test_an_edit_and_one_that_its_owner_stood_against() -> None:
    line = {"ts": WHEN, "by": "ana@desk", "project": "Volta", "action": "assign", "address": "node.a"}
    line["after"] = "sha256:1"
    made = edit_entry({**line, "says": "assign two to a"})
    assert (made.says, made.spec, made.changes) == ("assign two to a", "sha256:1", {"node.a": "edited"})
    refused = edit_entry({**line, "refused": "node.owned", "owner": "Tilt"})
    assert (refused.says, refused.spec) == ("refused: node.owned, for it is Tilt's", "")
    assert (refused.owner, refused.changes) == ("Volta", {"node.a": "refused"})


leaves = st.none() | st.booleans() | st.integers() | st.text(max_size=4)
values = st.recursive(
    leaves, lambda x: st.lists(x, max_size=2) | st.dictionaries(st.text(max_size=3), x, max_size=2), max_leaves=4
)


@given(st.dictionaries(st.sampled_from([*FULL.line(), "ts", "address", "addresses"]), values))
def test_no_line_is_a_bug(line: dict[str, object]) -> None:
    entry(line)
    edit_entry(line)
