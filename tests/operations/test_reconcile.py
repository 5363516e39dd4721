"""Two clones that changed the same thing: what is there decides, and what cannot be seen is not decided."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from fleethub.lockfile.conflict import conflict_of, marked
from fleethub.lockfile.text import dump, load
from fleethub.model.address import key
from fleethub.model.exit import Exit
from fleethub.stores import open_store
from tests.support import Place
from tests.test_laws import World
from tests.views.test_text import MODELS

WEB = '[keys.web]\nmodels = ["{}"]\n[keys.old]\nmodels = ["llama3.1-8b"]\n'
NODE = '[nodes.volta]\nhost = "volta"\nmodel = "{}"\n'
Two = tuple[Place, Place]


@pytest.fixture
def two(world: World, tmp_path: Path) -> Two:
    """Two folders of one fleet after its first apply, as two clones have them."""
    place = world.applied(tmp_path, MODELS + "\n" + WEB.format("qwen3-32b"))
    return place, place.clone(tmp_path / "other")


def apart(two: Two, here: str, there: str) -> None:
    """Each applies another scope of one key: the other one later, and the first one never hears of it."""
    one, other = two
    one.edit('models = ["qwen3-32b"]', f'models = ["{here}"]')
    one.apply()
    (other.folder / "fleet.lock").write_text((one.folder / "fleet.lock").read_text())
    other.edit('models = ["qwen3-32b"]', f'models = ["{there}"]')
    other.apply()


def test_the_mark_says_whose_apply_was_the_last(world: World, two: Two) -> None:
    one, other = two
    apart(two, "gpt-oss-20b", "llama3.1-8b")
    assert "state.behind" in one.run("plan", code=Exit.STALE)
    out = one.run("state", "reconcile", str(other.folder / "fleet.lock"), "--yes", code=0)
    assert "key.main.web: both did, otherwise: its mark is of that apply; taken: theirs" in out
    assert "fleet.lock has serial 4 now" in out
    lockfile = one.lockfile
    theirs = load((other.folder / "fleet.lock").read_text())
    assert lockfile.resources[key("main", "web")] == theirs.resources[key("main", "web")]
    assert (one.folder / ".fleethub/backups/00000002.lock").exists()
    (line,) = [line for line in open_store(one.folder).history() if line["action"] == "state reconcile"]
    assert line["changes"] == {"key.main.web": "theirs"}
    # the spec of this clone says otherwise, and the next plan says so; with the other's spec there is nothing to do
    assert "key.main.web" in one.run("plan")
    one.write((other.folder / "fleet.toml").read_text())
    one.plan_is_empty()


def test_what_cannot_be_looked_at_is_not_decided_and_nobody_is_denied(world: World, two: Two) -> None:
    one, other = two
    apart(two, "gpt-oss-20b", "llama3.1-8b")
    world.proxy.mangle = lambda path, body: b"{" if path.startswith("/key/list") else body
    try:
        out = one.run("state", "reconcile", str(other.folder / "fleet.lock"), "--yes", code=Exit.ERROR)
    finally:
        world.proxy.mangle = None
    assert "taken: both" in out
    assert "1 record could not be decided" in out
    record = one.lockfile.resources[key("main", "web")]
    assert record.pending is not None
    assert record.pending.phases == ("reconcile",)
    assert record.attrs.models != record.pending.attrs.models
    one.apply()
    one.plan_is_empty()
    assert one.lockfile.resources[key("main", "web")].pending is None
    assert world.admin.row("web")["models"] == ["gpt-oss-20b"]


def test_markers_are_read(world: World, two: Two) -> None:
    one = two[0]
    apart(two, "gpt-oss-20b", "llama3.1-8b")
    mine, theirs = ((place.folder / "fleet.lock").read_text() for place in two)
    (one.folder / "fleet.lock").write_text(marked(mine, theirs))
    assert "fleethub state reconcile" in one.run("plan", code=1)
    out = one.run("state", "reconcile", "--dry-run", code=0)
    assert "from the markers in line 1" in out
    assert "A dry run: nothing was written." in out
    assert conflict_of((one.folder / "fleet.lock").read_text()) is not None
    assert "not written: there is no terminal to ask on; add --yes" in one.run("state", "reconcile", code=1)
    lines = one.json("state", "reconcile", "--yes")
    assert [line["side"] for line in lines if line["type"] == "side"] == ["ours", "theirs"]
    assert lines[-1] == {"type": "summary", "exit": 0, "written": True, "serial": 4, "notes": []}
    (kept,) = (one.folder / ".fleethub/backups").glob("damaged-*.lock")
    assert kept.read_text() == marked(mine, theirs)
    assert "there is nothing to reconcile" in one.run("state", "reconcile", code=1)


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_an_unfinished_git_merge_is_reconciled_with_what_both_came_from(world: World, two: Two) -> None:
    one, other = two

    def git(*argv: str, good: tuple[int, ...] = (0,)) -> None:
        who = ["-c", "user.name=ops", "-c", "user.email=ops@here"]
        done = subprocess.run(["git", *who, *argv], cwd=one.folder, capture_output=True, text=True, check=False)
        assert done.returncode in good, done.stdout + done.stderr

    git("init", "-q", "--initial-branch=main")
    git("add", "fleet.lock")
    git("commit", "-q", "-m", "first")
    base = (one.folder / "fleet.lock").read_text()
    apart(two, "gpt-oss-20b", "llama3.1-8b")
    git("commit", "-q", "-am", "ours")
    git("checkout", "-q", "-b", "theirs", "HEAD~1")
    (one.folder / "fleet.lock").write_text((other.folder / "fleet.lock").read_text())
    git("commit", "-q", "-am", "theirs")
    git("checkout", "-q", "main")
    git("merge", "-q", "theirs", good=(1,))  # this clone's git knows no driver
    out = one.run("state", "reconcile", "--yes", code=0)
    assert f"both came from serial {load(base).serial}" in out
    assert "Next: git add fleet.lock, git commit, then fleethub plan" in out
    git("add", "fleet.lock")
    git("commit", "-q", "-m", "merged")
    assert "state.behind" not in one.run("plan", code=0)


def test_who_created_and_who_removed_is_seen_where_nothing_tells_what_both_came_from(world: World, two: Two) -> None:
    one, other = two
    base = load((one.folder / "fleet.lock").read_text())
    one.edit('[keys.old]\nmodels = ["llama3.1-8b"]\n', "")
    one.apply()  # removes old, which leaves no mark
    other.write((one.folder / "fleet.toml").read_text() + '[keys.new]\nmodels = ["llama3.1-8b"]\n')
    other.apply()  # makes new
    theirs = load((other.folder / "fleet.lock").read_text())
    assert theirs.serial == one.lockfile.serial
    old = key("main", "old")
    theirs = replace(theirs, resources={**theirs.resources, old: base.resources[old]})  # it planned before that
    (other.folder / "fleet.lock").write_text(dump(theirs))
    out = one.run("state", "reconcile", str(other.folder / "fleet.lock"), "--yes", code=0)
    assert "what both came from is not known" in out
    assert "key.main.old: both did, otherwise: it is gone; taken: ours" in out
    assert "key.main.new" in out
    assert {str(a) for a in one.lockfile.resources} == {"key.main.web", "key.main.new"}


def test_a_lockfile_of_another_fleet_is_refused(two: Two) -> None:
    one, other = two
    theirs = other.folder / "fleet.lock"
    theirs.write_text(theirs.read_text().replace(one.lockfile.lineage, "0" * 32))
    before = one.bytes()
    assert "the two lockfiles are not of one fleet" in one.run("state", "reconcile", str(theirs), "--yes", code=1)
    theirs.write_text("nothing")
    assert f"{theirs}: fleet.lock is not TOML" in one.run("state", "reconcile", str(theirs), "--yes", code=1)
    assert one.bytes() == before
