"""What ``git add -A`` would take of a hook's files: their names go to the clone's own list, ``.git/info/exclude``.

The settings hold a path of this machine, their backup whatever was in them before: somebody's token, perhaps. A project
that TangleClaw made has no ``.gitignore``, and its wrap adds everything and opens a pull request by itself. The
project's own files are its people's, so none of them is written.
"""

from __future__ import annotations

from pathlib import Path

from fleethub import folders
from fleethub.atomic import replace
from fleethub.clients import git
from fleethub.integrations.claude_code.hook import MARK, HookError
from fleethub.model.dataclass import dataclass

ABOUT = "# FleetHub's hook for Claude, which is of this machine, and what was in that file before"


@dataclass(frozen=True, slots=True)
class Kept:
    """``lines`` that ``file`` lacks (none: nothing is to do), and ``notes`` of what cannot be kept out by them."""

    file: Path | None = None
    lines: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def look(project: Path, settings: Path) -> Kept:
    """What git would take of ``settings`` and its backups, in a project's folder. Changes nothing, raises nothing."""
    name = settings.relative_to(project.resolve()).as_posix() if settings.is_relative_to(project.resolve()) else ""
    if not name:
        return Kept()  # a link leads elsewhere: what is there is not the project's
    backup = f"{name}{MARK}0.bak"
    try:
        found = git.read(project, [name, backup])
        place = git.hidden(project, [name, f"{name}{MARK}*"])
    except git.GitError as error:
        return Kept(notes=(f"whether git would take {settings} is not known: {error}",))
    if place is None:
        return Kept()
    file, (own, backups) = place
    tracked = [f"git tracks {settings}: what is written there is committed with it"] if name in found.tracked else []
    lines = [line for path, line in ((name, own), (backup, backups)) if path in found.unignored]
    return Kept(file, tuple(lines), tuple(tracked))


def carry_out(kept: Kept) -> None:
    """Add the lines; raises HookError."""
    if kept.file is None or not kept.lines:
        return
    try:
        there = kept.file.read_bytes() if folders.exists(kept.file) else b""
        joint = b"\n" if there and not there.endswith(b"\n") else b""
        kept.file.parent.mkdir(parents=True, exist_ok=True)
        lines = "\n".join((ABOUT, *kept.lines))
        replace(kept.file.resolve(), there + joint + lines.encode() + b"\n", 0o644)
    except OSError as error:
        says = f"{kept.file} cannot be written ({error.strerror}), so nothing was: git would take what is written"
        raise HookError(says) from None
