"""The kept brief: whole or not used at all, and it tells which of its files are others by now."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fleethub.state.session_summary import read, save, stamps
from fleethub.views.session_text import KnownFleet, session_text

BRIEF: dict[str, Any] = {
    "fleet": "monad",
    "at": "2026-11-26T10:00:00+00:00",
    "serial": 3,
    "applied_at": "2026-11-26T09:00:00+00:00",
    "applied_by": "ops@cursatory",
    "pending": "",
    "trouble": [{"kind": "drift", "about": "node.volta", "line": "node.volta: .env by hand"}],
    "consumers": [{"names": ["volta"], "about": "node.volta", "who": "volta", "says": "runs a", "more": ["has b"]}],
    "backends": ["monad-1"],
    "models": ["a"],
    "proxies": ["main"],
    "refused": [],
}
NAMES = ("fleet.toml", "nodes/", "nodes/a.toml", "fleet.lock")


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    (tmp_path / "nodes").mkdir()
    (tmp_path / "fleet.toml").write_text("x")
    (tmp_path / "nodes/a.toml").write_text("x")
    save(tmp_path, BRIEF, stamps(tmp_path, NAMES))
    return tmp_path


def test_nothing_changed(fleet: Path) -> None:
    brief, since = read(fleet)
    assert brief is not None
    assert {name: brief[name] for name in BRIEF} == BRIEF
    assert since == ""


def test_each_change_is_told(fleet: Path) -> None:
    (fleet / "nodes/.b.toml.swp").write_text("an editor's")
    (fleet / "nodes/volta").mkdir()  # a target, not a file of the spec
    assert read(fleet)[1] == ""
    (fleet / "nodes/b.toml").write_text("a node more")
    assert read(fleet)[1] == "the spec was edited (nodes/)"
    (fleet / "nodes/a.toml").unlink()
    assert read(fleet)[1] == "the spec was edited (nodes/a.toml)"
    (fleet / "fleet.lock").write_text("pulled")
    assert read(fleet)[1].endswith(" and an apply or a git pull changed fleet.lock")


def test_what_changes_while_it_is_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "fleet.toml").write_text("x")
    taken = stamps(tmp_path, ["fleet.toml"])
    (tmp_path / "fleet.toml").write_text("edited while the network was read")
    save(tmp_path, BRIEF, taken)
    assert read(tmp_path)[1] == "the spec was edited (fleet.toml)"


def test_never_observed_is_not_the_same_as_unreadable(fleet: Path) -> None:
    kept = fleet / ".fleethub/context.json"
    kept.write_text('{"format": 1}')
    assert read(fleet) == (None, "what was observed was not kept in a form that can be read")
    kept.unlink()
    assert read(fleet) == (None, "never observed")
    kept.mkdir()
    assert read(fleet)[1].startswith("what was observed cannot be read: ")


odd = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["names", "kind", "x"]), inner),
    max_leaves=4,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from([*BRIEF, "files", "format"]), odd)
def test_whatever_is_in_it_is_shown_or_left(fleet: Path, name: str, value: object) -> None:
    kept = {"format": 1, **BRIEF, "files": {"fleet.toml": None}, name: value}
    (fleet / ".fleethub/context.json").write_text(json.dumps(kept))
    brief, since = read(fleet)
    text = session_text([KnownFleet("/one", brief, 1.0, since)], frozenset({"volta"}), "text")
    assert "Inference fleet" in text


@pytest.mark.parametrize("name", ["\0", "a" * 5000, "../" * 900, ""])
def test_odd_names_of_files_are_files_that_changed(fleet: Path, name: str) -> None:
    kept = {"format": 1, **BRIEF, "files": {name: [1, 2]}}
    (fleet / ".fleethub/context.json").write_text(json.dumps(kept))
    brief, since = read(fleet)
    assert (brief is None) or since
