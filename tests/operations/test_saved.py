"""Plans in a fleet's state: the latest are kept, and what is not kept is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleethub.model.plan import Plan
from fleethub.operations import saved
from fleethub.operations.held import UnknownPlan
from fleethub.planfile.document import Asked, Made, SavedPlan
from fleethub.stores.file import FileStore
from fleethub.stores.interface import StoreError


def made(name: str, at: str) -> SavedPlan:
    return SavedPlan(Plan(name, "x", "Nothing."), Asked(), (), Made(at, "ana@desk"))


def test_the_latest_are_kept(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    old, now = "2026-01-01T00:00:00+00:00", "2026-03-01T00:00:00+00:00"
    saved.keep(store, made("old", old), old)
    for number in range(saved.MOST + 5):
        saved.keep(store, made(f"p{number:03}", f"2026-02-28T00:{number:02}:00+00:00"), now)
    assert len(store.names("plans")) == saved.MOST
    assert saved.kept(store, f"p{saved.MOST + 4:03}").made.by == "ana@desk"
    for gone in ("old", "p000", "no/name"):
        with pytest.raises(UnknownPlan, match="is kept"):
            saved.kept(store, gone)


@pytest.mark.parametrize(
    ("word", "file"),
    [
        ("fleet.plan", True),
        ("plans/monday.json", True),
        ("./monday", True),
        ("/tmp/monday", True),
        ("node.volta", False),
        ("volta", False),
        ("key.main.my.plan", False),
        ("openai/gpt-4o", False),
        ("route.main.openai/gpt-4o", False),
        ("kept/there", True),
        ("node.there.plan", True),
    ],
)
def test_a_word_is_a_file_or_an_address(word: str, file: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "kept").mkdir()
    for name in ("kept/there", "node.there.plan"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    assert saved.is_named(word) is file


def test_a_damaged_plan_is_told_by_its_file_and_keeps_no_other_out(tmp_path: Path) -> None:
    store, now = FileStore(tmp_path), "2026-03-01T00:00:00+00:00"
    saved.keep(store, made("broken", now), now)
    (tmp_path / ".fleethub/plans/broken.json.gz").write_bytes(b"null\n")
    with pytest.raises(StoreError, match=r"broken\.json\.gz is damaged"):
        saved.kept(store, "broken")
    saved.keep(store, made("next", now), now)
    assert store.names("plans") == ("broken", "next")
