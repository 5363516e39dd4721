"""Git: whether it would take a secret file, which commit the spec is at, and commits of edits."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from fleethub import folders
from fleethub.model.readings.host import GitReading

SECONDS = 20
COMMIT_SECONDS = 120  # hooks run, and a signature may be asked for
#: Of git's own variables those that say who commits; the others could lead to another repository.
KEPT = ("GIT_AUTHOR_", "GIT_COMMITTER_")


class GitError(Exception):
    """git is there and does not answer."""


def read(folder: Path, paths: Sequence[str]) -> GitReading:
    """Which of ``paths`` git tracks or would not ignore; outside a work tree neither. Raises GitError."""
    if not _inside_work_tree(folder):
        return GitReading(frozenset(), frozenset())
    listed = _run(folder, ["ls-files", "-z", "--", *paths], (0,))
    data = "\0".join(paths) + "\0"
    ignored = _run(folder, ["check-ignore", "-z", "--stdin"], (0, 1), data)
    tracked = frozenset(p for p in listed.split("\0") if p) & frozenset(paths)
    unignored = frozenset(paths) - frozenset(ignored.split("\0")) - tracked
    return GitReading(tracked, unignored)


def commit(folder: Path) -> str:
    """The commit that is checked out, with ``-dirty`` when the spec's folder differs; empty without git."""
    try:
        if not _inside_work_tree(folder):
            return ""
        head = _run(folder, ["rev-parse", "--short=12", "HEAD"], (0,)).strip()
        dirty = _run(folder, ["status", "--porcelain", "--", "*.toml"], (0,)).strip()
    except GitError:
        return ""
    return head + ("-dirty" if dirty else "")


def inside(folder: Path) -> bool:
    """Whether the folder is in a work tree; False without git. Raises GitError."""
    return _inside_work_tree(folder)


def setting(folder: Path, name: str) -> str:
    """A setting as git takes it in this folder; empty where there is none. Raises GitError."""
    return _run(folder, ["config", "--get", name], (0, 1)).strip()


def configure(folder: Path, name: str, value: str) -> None:
    """Set it for this clone. Raises GitError."""
    _run(folder, ["config", "--local", name, value], (0,))


def stages(folder: Path, path: str) -> dict[int, str]:
    """The texts of a file that a merge left open: 1 what both sides came from, 2 ours, 3 theirs. Raises GitError."""
    if not _inside_work_tree(folder):
        return {}
    listed = _run(folder, ["ls-files", "-u", "-z", "--", *_exact([path])], (0,))
    found = {}
    for entry in listed.split("\0"):
        told, _, _ = entry.partition("\t")
        if told:
            _, blob, stage = told.split()
            found[int(stage)] = _run(folder, ["cat-file", "blob", blob], (0,))
    return found


def hidden(folder: Path, names: Sequence[str]) -> tuple[Path, tuple[str, ...]] | None:
    """This clone's own list of what git leaves alone (``info/exclude``), and the lines that would add ``names`` to it.

    ``names`` are below the folder, and may have patterns. None outside a work tree. Raises GitError.
    """
    if not _inside_work_tree(folder):
        return None
    file, prefix = (
        _run(folder, ["rev-parse", option, *more], (0,)).rstrip("\n")
        for option, *more in (("--git-path", "info/exclude"), ("--show-prefix",))
    )
    above = re.sub(r"([\\*?\[\]!# ])", r"\\\1", prefix)
    return (folder / file).resolve(), tuple(f"/{above}{name}" for name in names)


def uncommitted(folder: Path, paths: Sequence[str]) -> tuple[str, ...]:
    """Of ``paths``, the tracked ones that differ from the last commit. Raises GitError."""
    if not _inside_work_tree(folder):
        return ()
    return tuple(p for p in paths if _run(folder, ["status", "--porcelain", "-z", "-uno", "--", *_exact([p])], (0,)))


def committed_text(folder: Path, path: str) -> bytes | None:
    """A file as the last commit has it; None where it has none. Raises GitError."""
    try:
        return _run(folder, ["show", f"HEAD:./{path}"], (0,)).encode()
    except GitError:
        return None  # no commit yet, or not in it


def differing(folder: Path) -> frozenset[str]:
    """Tracked files below the folder that are not as in the last commit, by their names below it. Raises GitError."""
    listed = _run(folder, ["diff", "--name-only", "-z", "--relative", "HEAD", "--", "."], (0, 128))
    return frozenset(name for name in listed.split("\0") if name)


def last(folder: Path, path: str) -> tuple[str, str]:
    """Author and short commit of the last commit that changed a file; empty for none. Raises GitError."""
    told = _run(folder, ["log", "-1", "--format=%an%x00%h", "--", *_exact([path])], (0, 128)).strip()
    author, _, commit = told.partition("\0")
    return author, commit


def blame(folder: Path, path: str) -> dict[int, tuple[str, str]]:
    """Author and short commit of each line, from 1, of a file as it is on disk; both empty for what is in no commit.

    Empty for a file that git does not track. Raises GitError.
    """
    if path not in _run(folder, ["ls-files", "-z", "--", *_exact([path])], (0,)).split("\0"):
        return {}
    found: dict[int, tuple[str, str]] = {}
    authors: dict[str, str] = {}
    commit, number = "", 0
    for line in _run(folder, ["blame", "--porcelain", "--", path], (0,)).splitlines():
        words = line.split(" ")
        if line.startswith("\t"):
            author = authors.get(commit, "")
            found[number] = (author, commit[:8]) if set(commit) != {"0"} else ("", "")
        elif line.startswith("author "):
            authors[commit] = line.removeprefix("author ")
        elif len(words) >= 3 and len(words[0]) in (40, 64) and words[2].isdecimal():
            commit, number = words[0], int(words[2])
    return found


def committed(folder: Path, paths: Sequence[str]) -> frozenset[str]:
    """Of ``paths``, those that git has as they are on disk. Raises GitError."""
    if not _inside_work_tree(folder):
        return frozenset()
    listed = set(_run(folder, ["ls-files", "-z", "--", *_exact(paths)], (0,)).split("\0"))
    return frozenset(paths) & frozenset(listed) - frozenset(uncommitted(folder, paths))


def commit_only(folder: Path, paths: Sequence[str], message: str) -> str:
    """Commit the files as they are now and nothing else, whatever is staged; its short id. Raises GitError."""
    if not _inside_work_tree(folder):
        raise GitError("the fleet's folder is in no git work tree")
    listed = set(_run(folder, ["ls-files", "-z", "--", *_exact(paths)], (0,)).split("\0"))
    try:
        new = [p for p in paths if p not in listed and folders.exists(folder / p)]
    except OSError as error:
        raise GitError(f"{error.filename} cannot be looked at: {error.strerror}") from None
    if new:
        _run(folder, ["add", "--intent-to-add", "--", *_exact(new)], (0,))
    known = [p for p in paths if p in listed or p in new]  # what was never committed and is gone is nothing to git
    if not known:
        raise GitError("git tracks none of the files")
    try:
        _run(folder, ["commit", "--quiet", "--only", "-m", message, "--", *_exact(known)], (0,), seconds=COMMIT_SECONDS)
    except GitError:
        if new:
            _run(folder, ["reset", "--quiet", "--", *_exact(new)], (0, 1, 128))
        raise
    return _run(folder, ["rev-parse", "--short=12", "HEAD"], (0,)).strip()


def _exact(paths: Sequence[str]) -> list[str]:
    return [f":(literal){path}" for path in paths]


def _inside_work_tree(folder: Path) -> bool:
    try:
        return _run(folder, ["rev-parse", "--is-inside-work-tree"], (0,)).strip() == "true"
    except FileNotFoundError:
        return False
    except GitError as error:
        if "not a git repository" in str(error):
            return False
        raise  # "dubious ownership" and the like: there is one, and git does not tell


def _run(folder: Path, argv: list[str], good: tuple[int, ...], data: str | None = None, seconds: int = SECONDS) -> str:
    env = {k: v for k, v in os.environ.items() if not k.startswith("GIT_") or k.startswith(KEPT)}
    env |= {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0"}
    try:
        done = subprocess.run(  # noqa: S603 - argv is ours, never a shell
            ["git", "-C", str(folder), *argv],  # noqa: S607 - the operator's git
            input=data or "",  # never ours: a hook would wait for it
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
            env=env,
        )
    except FileNotFoundError:
        if argv[0] == "rev-parse":
            raise
        raise GitError("git is not installed") from None
    except (subprocess.TimeoutExpired, OSError, ValueError) as error:
        raise GitError(f"git {argv[0]}: {error}") from None
    if done.returncode not in good:
        raise GitError(f"git {argv[0]} ended with {done.returncode}: {done.stderr.strip()[:200]}")
    return done.stdout
