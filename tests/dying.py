"""Programs that kill the script which calls them: the n-th of them takes the whole session with it, before or after."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

NAMES = ("mkdir", "mv", "cp", "rm", "tar", "sync", "cat", "sha256sum", "rmdir", "chown")
#: All that a delivery may start.
ALL = (*NAMES, "cmp", "id", "ls", "awk", "sed", "date", "find", "chmod", "ln", "ss", "grep", "tail", "head", "tr")
#: ``kill -9 0`` ends the process group, which is the session's own; ``cut`` ends the sshd above it.
PROGRAM = """#!/bin/sh
echo >>{count}; n=$(($(wc -l <{count})))
case "$(cat {at})" in
  "$n before") {kill};;
  "$n after") {real} "$@"; {kill};;
esac
exec {real} "$@"
"""
KILL = "kill -9 0"
#: The connection goes, the script goes on as far as it can.
CUT = 'p=$(ps -o ppid= -p $(ps -o sid= -p $$)); case "$(ps -o comm= -p $p)" in sshd*) kill -9 $p;; esac 2>/dev/null'


def points(every: int) -> list[Any]:
    """Where rows of deaths start that go on in steps of ``every``: the first is a sample, the others are long.

    All together they are every point, none of them twice.
    """
    return [1, *(pytest.param(first, marks=pytest.mark.long) for first in range(2, every + 1))]


class Dying:
    """``folder`` goes first on the PATH; ``at(n)`` arms it."""

    def __init__(self, folder: Path, state: Path, kill: str = KILL, names: Sequence[str] = NAMES) -> None:
        self.folder = folder
        state.mkdir(parents=True, exist_ok=True)
        self._count, self._at = state / "count", state / "at"
        self._at.write_text("never")
        cat = shutil.which("cat") or "/bin/cat"
        for name in names:
            real = shutil.which(name, path="/usr/bin:/bin")
            if real is None:
                continue
            text = PROGRAM.format(count=self._count, at=self._at, real=real, kill=kill).replace("$(cat ", f"$({cat} ")
            path = folder / name
            path.write_text(text)
            path.chmod(0o755)

    def at(self, n: int, when: str) -> None:
        """The n-th program kills ``before`` or ``after`` it did its work."""
        self._count.unlink(missing_ok=True)
        self._at.write_text(f"{n} {when}")

    def disarm(self) -> None:
        """No more deaths."""
        self._at.write_text("never")

    @property
    def ran(self) -> int:
        """Programs since ``at``: a line each, so that it may be read while a script goes on."""
        return len(self._count.read_text()) if self._count.exists() else 0
