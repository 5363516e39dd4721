"""A disk that loses what it was given: what hangs on it does not go on, and is written anew, never asked for again."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from fleethub.clients.host import HostError, Target
from tests.clients.test_placing import NEW, PATHS, SEEN, bundle, by_hand, by_script, nodes, old_set, tree

__all__ = ["nodes"]
#: As a disk does: it says once that it lost what was written.
LOSES = """
#include <errno.h>
int fsync(int descriptor) { errno = EIO; return -1; }
"""


class Disk:
    """``sync`` of this machine, on PATH, whose n-th call finds a disk that fails. ``calls``: what each was asked."""

    def __init__(self, folder: Path) -> None:
        compiler, sync = shutil.which("cc"), shutil.which("sync", path="/usr/bin:/bin")
        if not compiler or not sync:
            pytest.skip("no C compiler (cc) to have a real sync fail, or no sync")
        (folder / "bin").mkdir(parents=True)
        argv = [compiler, "-shared", "-fPIC", "-x", "c", "-", "-o", str(folder / "loses.so")]
        subprocess.run(argv, input=LOSES, text=True, check=True)
        self._at, self._calls = folder / "at", folder / "calls"
        (folder / "bin/sync").write_text(
            f'#!/bin/sh\necho "$*" >>{self._calls}\n'
            f'[ "$(wc -l <{self._calls})" -ne "$(cat {self._at})" ] || export LD_PRELOAD={folder}/loses.so\n'
            f'exec {sync} "$@"\n'
        )
        (folder / "bin/sync").chmod(0o755)
        self.path = str(folder / "bin")
        self.fails(0)

    def fails(self, n: int) -> None:
        """The n-th call from now on; 0: none."""
        self._calls.write_text("")
        self._at.write_text(str(n))

    @property
    def calls(self) -> list[str]:
        return self._calls.read_text().splitlines()


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Disk:
    made = Disk(tmp_path / "tools")
    monkeypatch.setenv("PATH", made.path, prepend=os.pathsep)
    by_script(monkeypatch)
    return made


def sets(node: Target) -> dict[str, bytes]:
    return {path: what[-1] for path, what in tree(node).items() if path in PATHS}


@pytest.mark.parametrize("before", [old_set, pytest.param(by_hand, marks=pytest.mark.long)])
def test_no_set_is_committed_that_did_not_come_to_disk(
    before: Callable[[Path], None], nodes: Callable[[str], Target], disk: Disk
) -> None:
    whole = nodes("whole")
    before(Path(whole.path))
    disk.fails(0)
    whole.deliver(bundle(NEW, 2))
    every, kept = len(disk.calls), before is by_hand
    assert every == 2 + kept
    for n in range(1, every + 1):
        node = nodes(f"n{n}")
        before(Path(node.path))
        old = sets(node)
        disk.fails(n)
        committed = n == every
        says = "committed, and not finished" if committed else "cannot be kept" if kept and n == 1 else "Input/output"
        with pytest.raises(HostError, match=says):
            node.deliver(bundle(NEW, 2))
        assert len(disk.calls) == n, "nothing went on, and nobody asked a second time"
        assert sets(node) == (sets(whole) if committed else old)
        assert not (Path(node.path) / ".fleethub/incoming").exists()
        disk.fails(0)
        node.deliver(bundle(NEW, 2))
        assert sets(node) == sets(whole)
        assert any("incoming/files/.env" in call for call in disk.calls), "it was written anew"


def test_what_comes_back_is_on_disk_before_it_is_committed(nodes: Callable[[str], Target], disk: Disk) -> None:
    node = nodes("n")
    old_set(Path(node.path))
    old = sets(node)
    node.deliver(bundle(NEW, 2, expects=SEEN))
    new = sets(node)
    disk.fails(1)
    with pytest.raises(HostError, match="does not come to disk"):
        node.back(0)
    assert sets(node) == new
    disk.fails(0)
    node.back(0)
    assert sets(node) == old
    synced = disk.calls[0].split()
    inside = {str(path.relative_to(node.path)) for path in (Path(node.path) / ".fleethub/applied").rglob("*")}
    assert {path.replace(".fleethub/applied", ".fleethub/incoming/applied", 1) for path in inside} <= set(synced)


def test_a_mark_that_did_not_come_to_disk_is_no_mark(nodes: Callable[[str], Target], disk: Disk) -> None:
    node = nodes("n")
    old_set(Path(node.path))
    mark = (Path(node.path) / ".fleethub/mark.json").read_bytes()
    disk.fails(1)
    with pytest.raises(HostError, match="cannot write the mark"):
        node.stamp({"lineage": "l", "serial": 2})
    assert (Path(node.path) / ".fleethub/mark.json").read_bytes() == mark
    disk.fails(0)
    node.stamp({"lineage": "l", "serial": 2})
    assert (Path(node.path) / ".fleethub/mark.json").read_bytes() != mark


def test_where_the_system_cannot_say_it_of_a_folder_all_of_it_is_waited_for(
    nodes: Callable[[str], Target], disk: Disk, tmp_path: Path
) -> None:
    """As file systems in user space do: EINVAL is no loss."""
    lib = tmp_path / "tools/loses.so"
    text = LOSES.replace("EIO", "EINVAL")
    subprocess.run(["cc", "-shared", "-fPIC", "-x", "c", "-", "-o", str(lib)], input=text, text=True, check=True)
    node = nodes("n")
    disk.fails(1)
    node.deliver(bundle())
    assert disk.calls[1] == ""
