"""Git: whether it would take a secret file, and which commit the spec is at."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from fleethub.model.facts import GitReading


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


def _inside_work_tree(folder: Path) -> bool:
    try:
        return _run(folder, ["rev-parse", "--is-inside-work-tree"], (0,)).strip() == "true"
    except FileNotFoundError:
        return False
    except GitError as error:
        if "not a git repository" in str(error):
            return False
        raise  # "dubious ownership" and the like: there is one, and git does not tell


def _run(folder: Path, argv: list[str], good: tuple[int, ...], data: str | None = None) -> str:
    env = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")} | {"LC_ALL": "C"}
    try:
        done = subprocess.run(  # noqa: S603 - argv is ours, never a shell
            ["git", "-C", str(folder), *argv],  # noqa: S607 - the operator's git
            input=data,
            capture_output=True,
            text=True,
            timeout=20,
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
