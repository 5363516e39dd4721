"""Two git clones that apply to different nodes, in turn and at once: git and the merge driver do the rest."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fleethub.model.exit import Exit
from fleethub.operations import merge_driver
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
    who = ["-c", "user.name=ops", "-c", "user.email=ops@here", "-c", "core.editor=true", "-c", "pull.rebase=false"]
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


def at_once(*clones: Clone) -> list[int]:
    """Apply in all of them, each in a process of its own; their exit codes."""
    for clone in clones:
        clone.run("validate", code=0)  # this machine trusts what it names
    applies = [fleethub("-C", str(clone.folder), "apply", "--auto-approve", env=os.environ) for clone in clones]
    return [apply.wait() for apply in applies]


def a_round(a: Clone, b: Clone, number: int) -> None:
    """In turn, then at once; each node of each clone gets another model."""
    turn = [ALIASES[(number + n) % 3] for n in range(3)]
    a.assign("a", turn[1])
    a.apply()
    a.commit()
    a.pull()
    b.pull()
    b.assign("b", turn[1])
    b.apply()
    b.commit()
    b.pull()
    a.pull()
    a.assign("a", turn[2])
    b.assign("c", turn[2])
    codes = at_once(a, b)
    # whoever reads after the other one's first mark is told that it is behind, and has written nothing
    assert Exit.FINE in codes
    assert set(codes) <= {Exit.FINE, Exit.STALE}
    a.commit()
    b.commit()
    a.pull()
    b.pull()
    a.pull()
    for clone, code in zip((a, b), codes, strict=True):
        if code is Exit.STALE:
            clone.apply()
            clone.commit()
            clone.pull()
    a.pull()
    b.pull()
    assert (a.folder / "fleet.lock").read_bytes() == (b.folder / "fleet.lock").read_bytes()


@pytest.mark.parametrize("rounds", [1, pytest.param(20, marks=pytest.mark.long)])
def test_rounds_of_applies_from_two_clones_without_a_hand_edit(clones: tuple[Clone, Clone], rounds: int) -> None:
    a, b = clones
    before = a.lockfile.serial
    for number in range(rounds):
        a_round(a, b, number)
        for clone in clones:
            clone.plan_is_empty()
    assert a.lockfile.serial >= before + 5 * rounds - 2
    # FLEETHUB.md is of a moment before the last merge, and an apply of the empty plan writes it again
    a.apply()
    a.plan_is_empty()
    assert "FLEETHUB.md" not in a.run("plan", code=0)
