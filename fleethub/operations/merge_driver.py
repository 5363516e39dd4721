"""How git merges what an apply wrote: a driver that it calls for ``fleet.lock``, and the setting that tells it so.

Which files it is for stands in ``.gitattributes``, which is committed; what it runs stands in each clone's own
configuration, for git runs no command that came with a repository.
"""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path

from fleethub import folders
from fleethub.clients import git
from fleethub.model.dataclass import dataclass
from fleethub.model.errors import FleetHubError
from fleethub.model.exit import Exit
from fleethub.operations.outcome import Outcome

#: What an apply writes of itself anew (``views.document``).
DOCUMENT = "FLEETHUB.md"
ATTRIBUTES = ".gitattributes"
#: What both files say of themselves to git.
LINES = ("fleet.lock merge=fleethub", f"{DOCUMENT} merge=fleethub")
SETTING = "merge.fleethub.driver"
ARGUMENTS = "state merge-driver %O %A %B %P"


@dataclass(frozen=True, slots=True)
class MergeResult:
    """What became of one file: ``text`` is what belongs in its place, ``says`` why it is not decided (empty: it is)."""

    text: str
    says: str = ""


def run(base: str, ours: str, theirs: str, path: str) -> Outcome[MergeResult]:
    """Merge three texts of the file ``path``; ``base`` is empty where both sides added it. Exit 1: a conflict is left.

    What FleetHub can write anew from the lockfile (FLEETHUB.md) stays as it is here, until the next apply.
    """
    if Path(path).name == DOCUMENT:
        return Outcome(MergeResult(ours))
    from fleethub.lockfile.conflict import marked
    from fleethub.lockfile.errors import LockfileError
    from fleethub.lockfile.merge import merge
    from fleethub.lockfile.text import dump_merged, load

    try:
        merged = merge(load(base) if base.strip() else None, load(ours), load(theirs))
    except LockfileError as error:
        return Outcome(MergeResult(marked(ours, theirs), str(error)), Exit.ERROR)
    if not merged.conflicts:
        return Outcome(MergeResult(dump_merged(merged)))
    names = ", ".join(map(str, merged.conflicts))
    says = f"both clones changed {names}: fleethub state reconcile looks at what is there, and decides"
    return Outcome(MergeResult(dump_merged(merged), says), Exit.ERROR)


@dataclass(frozen=True, slots=True)
class DriverInstalled:
    """``written``: the attributes had to be added; ``command``: what git runs (empty: the folder is in no clone)."""

    written: bool
    command: str


def install(folder: Path) -> DriverInstalled:
    """Add the attributes, and tell this clone's git what to run. Raises OSError; FleetHubError where git refuses."""
    folder = folder if folders.is_folder(folder) else folder.parent
    written = attribute(folder)
    command = f"{program()} {ARGUMENTS}"
    try:
        if not git.inside(folder):
            return DriverInstalled(written, "")
        git.configure(folder, "merge.fleethub.name", "what FleetHub applied, record by record")
        git.configure(folder, SETTING, command)
    except git.GitError as error:
        raise FleetHubError(f"this clone's git could not be told how to merge fleet.lock: {error}") from None
    return DriverInstalled(written, command)


def attribute(folder: Path) -> bool:
    """Add the lines that are missing in ``.gitattributes``; False where none is. Raises OSError."""
    from fleethub.atomic import replace

    path = folder / ATTRIBUTES
    there = path.read_bytes() if folders.exists(path) else b""
    missing = [line for line in LINES if line.encode() not in there.splitlines()]
    if missing:
        end = b"" if there.endswith(b"\n") or not there else b"\n"
        replace(path.resolve(), there + end + "".join(f"{line}\n" for line in missing).encode(), 0o644)
    return bool(missing)


def missing(folder: Path) -> str:
    """What is to be done where the attributes name the driver and this clone's git does not know it; else empty."""
    try:
        if LINES[0].encode() not in (folder / ATTRIBUTES).read_bytes().splitlines():
            return ""
        if git.setting(folder, SETTING) or not git.inside(folder):
            return ""
    except (OSError, git.GitError):
        return ""
    return (
        "this clone's git does not know how to merge fleet.lock, so a git pull after two applies would end in a "
        "conflict: fleethub state merge-driver --install"
    )


def program() -> str:
    """How git's shell finds this FleetHub."""
    return "fleethub" if shutil.which("fleethub") else f"{shlex.quote(sys.executable)} -m fleethub"
