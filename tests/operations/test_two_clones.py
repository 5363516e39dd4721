"""Two git clones that apply to different nodes, in turn and at once: git and the merge driver do the rest."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from fleethub.model.exit import Exit
from fleethub.operations import merge_driver
from fleethub.testing.server import Record
from tests.fleets import fleet
from tests.forked import fleethub
from tests.support import MASTER, Place
from tests.test_laws import World
from tests.views.test_text import MODELS

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
ALIASES = ("qwen3-32b", "gpt-oss-20b", "llama3.1-8b")
#: What a login to the nodes' machine runs, runs here.
SSH = """\
#!/bin/sh
case " $* " in *" -G "*) printf 'hostname far\\nport 22\\nuser ops\\n'; exit ;; esac
for last; do :; done
exec sh -c "$last"
"""


def git(folder: Path, *argv: str) -> str:
    """Git as an operator's, who edits nothing by hand."""
    who = ["-c", "user.name=ops", "-c", "user.email=ops@here", "-c", "core.editor=true"]
    done = subprocess.run(["git", *who, *argv], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


class Clone(Place):
    """A clone; the nodes are on one machine for all."""

    def assign(self, node: str, model: str) -> None:
        """What ``fleethub assign`` writes."""
        text = f'[nodes.{node}]\nhost = "{node}"\nmodel = "{model}"\n'
        (self.folder / f"nodes.d/{node}.toml").write_text(text)

    def commit(self) -> None:
        """All of it."""
        git(self.folder, "add", "-A")
        git(self.folder, "commit", "-q", "-m", "applied")

    def pull(self) -> None:
        """And push, so that the other one has both."""
        git(self.folder, "pull", "-q")
        git(self.folder, "push", "-q")


@pytest.fixture
def clones(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Clone, Clone]:
    """Two clones of one fleet of four nodes, as ``fleethub init`` sets them up."""
    # git's driver is this FleetHub, whatever is installed
    monkeypatch.setattr(merge_driver, "program", lambda: f"{sys.executable} -m fleethub")
    monkeypatch.setenv("LITELLM_MASTER_KEY", MASTER)
    for name, value in (("COUNT", "1"), ("KEY_0", "pull.rebase"), ("VALUE_0", "false")):
        monkeypatch.setenv(f"GIT_CONFIG_{name}", value)
    git(tmp_path, "init", "-q", "--bare", "hub.git", "--initial-branch=main")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/ssh").write_text(SSH)
    (tmp_path / "bin/ssh").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)
    made = fleet(world.proxy.url, ollama=world.ollama.url, overcommit="warn").table("fleet", ssh_program=True)
    made = made.table("defaults.node", type="envfile", target=f"ssh://far{tmp_path}/nodes/{{name}}", activate="never")
    text = f'include = ["nodes.d/*.toml"]\n{made.text}\n{MODELS}\n'
    world.admin.wipe()
    found = []
    for name in ("a", "b"):
        folder = tmp_path / name
        git(tmp_path, "clone", "-q", "hub.git", name)
        clone = Clone(folder, text)
        if name == "a":
            (folder / "nodes.d").mkdir()
            for node in "abcd":
                clone.assign(node, ALIASES[0])
            clone.run("init", code=0)
            clone.apply()
            clone.commit()
            git(folder, "push", "-q", "origin", "HEAD:main")
        else:
            clone.run("init", code=0)
        found.append(clone)
    git(found[0].folder, "checkout", "-q", "-B", "main", "--track", "origin/main")
    return found[0], found[1]


def at_once(world: World, *clones: Clone) -> None:
    """Apply in all of them, each in a process of its own; none sends its first write before all have planned."""
    planned, writes = threading.Barrier(len(clones)), itertools.count()

    def before(record: Record) -> None:
        if record.method == "POST" and next(writes) < len(clones):
            planned.wait(120)  # for processes that start while the machine is busy

    for clone in clones:
        clone.run("validate", code=0)  # this machine trusts what it names
    world.proxy.before = before
    try:
        applies = [fleethub("-C", str(clone.folder), "apply", "--auto-approve") for clone in clones]
        assert [apply.wait() for apply in applies] == [0] * len(clones)
    finally:
        world.proxy.before = None


def in_turn(a: Clone, b: Clone, model: str) -> None:
    """One after the other, each with what the other did."""
    a.assign("a", model)
    a.apply()
    a.commit()
    a.pull()
    b.pull()
    b.assign("b", model)
    b.apply()
    b.commit()
    b.pull()
    a.pull()


def both(world: World, a: Clone, b: Clone, model: str) -> None:
    """Each without the other's; then whoever comes second merges."""
    a.assign("a", model)
    b.assign("c", model)
    at_once(world, a, b)
    serial = a.lockfile.serial
    assert b.lockfile.serial == serial
    a.commit()
    b.commit()
    a.pull()
    assert "state.behind" in a.run("plan", code=Exit.STALE)  # b has not pushed yet
    b.pull()
    a.pull()
    assert a.lockfile.serial == serial + 1
    assert (a.folder / "fleet.lock").read_bytes() == (b.folder / "fleet.lock").read_bytes()


@pytest.mark.parametrize("rebase", ["false", pytest.param("true", marks=pytest.mark.long)])
def test_applies_at_once_from_two_clones_are_one_lockfile(
    world: World, clones: tuple[Clone, Clone], rebase: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", rebase)
    both(world, *clones, ALIASES[1])
    b = clones[1]
    b.plan_is_empty()
    # FLEETHUB.md is of a moment before the merge, and an apply of the empty plan writes it again
    assert "FLEETHUB.md is not as an apply left it" in b.out
    assert "FLEETHUB.md tells what was applied" in b.apply()
    b.plan_is_empty()
    assert "FLEETHUB.md" not in b.out


@pytest.mark.soak
@pytest.mark.long
def test_twenty_rounds_in_turn_and_at_once_need_no_hand_edit(world: World, clones: tuple[Clone, Clone]) -> None:
    a, b = clones
    before = a.lockfile.serial
    for number in range(20):
        in_turn(a, b, ALIASES[(2 * number + 1) % 3])
        both(world, a, b, ALIASES[(2 * number + 2) % 3])
        for clone in clones:
            clone.plan_is_empty()
    assert a.lockfile.serial == before + 20 * 4  # two in turn, one at once, one merge
