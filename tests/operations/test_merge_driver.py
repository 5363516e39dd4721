"""What git calls to merge what an apply wrote, and how a clone comes to call it."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from fleethub.lockfile.conflict import conflict_of
from fleethub.lockfile.text import dump, load
from fleethub.model.exit import Exit
from fleethub.operations import merge_driver
from tests.lockfile.test_merge import BASE, A, B, after, records
from tests.support import Place

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


def at(folder: Path) -> Place:
    place = Place.__new__(Place)
    place.folder, place.trusts = folder, False
    return place


def test_the_command_writes_the_merge_in_the_place_of_ours(tmp_path: Path) -> None:
    for name, side in (("base", BASE), ("ours", A), ("theirs", B)):
        (tmp_path / name).write_text(dump(side))
    names = [str(tmp_path / name) for name in ("base", "ours", "theirs")]
    at(tmp_path).run("state", "merge-driver", *names, "fleets/monad/fleet.lock", code=0)
    found = load((tmp_path / "ours").read_text())
    assert found.serial == 9
    assert found.resources == {**BASE.resources, **records("a", "new"), **records("b", "other")}
    out = at(tmp_path).run("state", "merge-driver", *names[:2], code=1)
    assert "name BASE, OURS and THEIRS" in out


def test_what_both_changed_is_a_conflict_with_the_command_that_decides_it() -> None:
    done = merge_driver.run(dump(BASE), dump(A), dump(after(BASE, "b", records("a", "other"))), "fleet.lock")
    assert done.exit is Exit.ERROR
    assert done.data.says.startswith("both clones changed key.main.a, node.a: fleethub state reconcile")
    assert conflict_of(done.data.text) is not None


@pytest.mark.parametrize(
    ("base", "theirs", "says"),
    [
        ("", dump(replace(B, lineage="other")), "not of one fleet"),
        (dump(BASE), "fleet.lock is no TOML", "fleet.lock is not TOML"),
        (dump(BASE), dump(replace(B, seed="fp1:other")), "of two seeds"),
    ],
)
def test_what_is_no_pair_is_left_whole_between_markers(base: str, theirs: str, says: str) -> None:
    done = merge_driver.run(base, dump(A), theirs, "fleet.lock")
    assert done.exit is Exit.ERROR
    assert says in done.data.says
    found = conflict_of(done.data.text)
    assert found is not None
    assert (found.ours, found.theirs.strip()) == (dump(A), theirs.strip())


def test_the_document_stays_for_the_next_apply_writes_it() -> None:
    done = merge_driver.run("", "mine", "theirs", "fleets/monad/FLEETHUB.md")
    assert (done.exit, done.data.text) == (Exit.FINE, "mine")


@needs_git
def test_a_clone_that_does_not_know_the_driver_is_told_what_to_type(tmp_path: Path) -> None:
    git = ["git", "-C", str(tmp_path)]
    assert merge_driver.missing(tmp_path) == ""
    (tmp_path / ".gitattributes").write_text("*.png binary")  # without an end of line
    assert merge_driver.attribute(tmp_path)
    assert not merge_driver.attribute(tmp_path)
    lines = (tmp_path / ".gitattributes").read_text().splitlines()
    assert lines == ["*.png binary", "fleet.lock merge=fleethub", "FLEETHUB.md merge=fleethub"]
    assert merge_driver.missing(tmp_path) == ""  # it is in no clone
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    *_, command = merge_driver.missing(tmp_path).partition(": ")
    assert command == "fleethub state merge-driver --install"
    out = at(tmp_path).run(*shlex.split(command)[1:], code=0)
    assert "git merges fleet.lock here with: " in out
    assert merge_driver.missing(tmp_path) == ""
    said = subprocess.run([*git, "config", "merge.fleethub.driver"], capture_output=True, text=True, check=True)
    assert said.stdout.strip().endswith("state merge-driver %O %A %B %P")


def test_a_fleethub_that_is_on_no_path_is_named_by_its_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    assert merge_driver.program() == f"{shlex.quote(sys.executable)} -m fleethub"
