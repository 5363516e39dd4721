"""``state.behind``: the command that its hint names helps, in each case in which it is told."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from fleethub.model.exit import Exit
from tests.support import Place
from tests.test_laws import World
from tests.views.test_text import MODELS

WEB = '[keys.web]\nmodels = ["qwen3-32b"]\n'


@pytest.fixture
def place(world: World, tmp_path: Path) -> Place:
    return world.applied(tmp_path, f"{MODELS}\n{WEB}")


def hint(place: Place) -> str:
    (found,) = [line for line in place.json("plan") if line.get("code") == "state.behind"]
    assert place.code == Exit.STALE
    return str(found["hint"])


def applied(place: Place, model: str) -> None:
    place.write(re.sub(r'models = \["[^"]*"\]', f'models = ["{model}"]', (place.folder / "fleet.toml").read_text()))
    place.apply()


def test_what_this_folder_applied_itself_is_restored(place: Place) -> None:
    before = (place.folder / "fleet.lock").read_text()
    applied(place, "gpt-oss-20b")
    (place.folder / "fleet.lock").write_text(before)  # git checkout, a backup of the machine
    says = hint(place)
    assert says.startswith("it was applied from this very folder, and fleet.lock was put back since: ")
    assert "git pull" not in says
    found = re.search(r"fleethub (state restore \d+)", says)
    assert found is not None
    place.run(*shlex.split(found[1]), "--yes", code=0)
    place.plan_is_empty()


def test_of_two_applies_of_one_serial_the_one_that_wrote_is_named(place: Place) -> None:
    before = (place.folder / "fleet.lock").read_text()
    applied(place, "gpt-oss-20b")
    mine = place.lockfile.apply
    (place.folder / "fleet.lock").write_text(before.replace("serial = 1", "serial = 2"))
    says = hint(place)
    assert f"fleethub state restore 2 --apply {mine}" in says
    place.run("state", "restore", "2", "--apply", mine, "--yes", code=0)
    place.plan_is_empty()


def test_outside_git_the_others_file_is_taken_in(place: Place, tmp_path: Path) -> None:
    other = place.clone(tmp_path / "other")
    applied(other, "gpt-oss-20b")
    assert "this folder is in no git clone" in hint(place)
    place.write((other.folder / "fleet.toml").read_text())
    place.run("state", "reconcile", str(other.folder / "fleet.lock"), "--yes", code=0)
    place.plan_is_empty()


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_in_a_clone_git_brings_it(place: Place, tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(place.folder)], check=True)
    other = place.clone(tmp_path / "other")
    applied(other, "gpt-oss-20b")
    assert hint(place).startswith("git pull, then plan again; where that brings nothing: fleethub state reconcile")
    # and both at once, of one serial
    path = place.folder / "fleet.lock"
    path.write_text(path.read_text().replace("serial = 1", "serial = 2"))
    assert hint(place).startswith("both clones reached this serial: commit fleet.lock, git pull, then plan again")
