"""What lies at a path or in a folder, where that can be told; else the OSError that says why not.

``Path.glob`` takes a folder that it may not list for an empty one, and ``exists()``, ``is_file()`` and ``is_dir()``
(all errors from Python 3.14 on, some before) what they may not look at for what is not there. Here only what is seen
not to be there is absent. Symbolic links are followed.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from errno import EFBIG, EINVAL, ENOENT
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal


def kind(path: Path) -> Literal["", "file", "folder", "other"]:
    """What is there; empty: nothing. Raises OSError."""
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116 - Path.stat() is the same; this module is about what the system says
    except (FileNotFoundError, NotADirectoryError):
        return ""
    return "file" if stat.S_ISREG(mode) else "folder" if stat.S_ISDIR(mode) else "other"


def exists(path: Path) -> bool:
    """Whether something is there; raises OSError."""
    return kind(path) != ""


def is_file(path: Path) -> bool:
    """Whether an ordinary file is there; raises OSError."""
    return kind(path) == "file"


def is_folder(path: Path) -> bool:
    """Whether a folder is there; raises OSError."""
    return kind(path) == "folder"


def content(path: Path, most: int) -> bytes:
    """What is in an ordinary file of at most so many bytes. Raises OSError, also where something else is there: a pipe
    would be waited for, a device has no end.
    """
    with open(path, "rb", opener=_at_once) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(EINVAL, "it is no ordinary file", str(path))
        data = file.read(most + 1)
    if len(data) > most:
        raise OSError(EFBIG, os.strerror(EFBIG), str(path))
    return data


def _at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)


def listing(folder: Path) -> list[str]:
    """The names in a folder, sorted; raises OSError, also where it is not there."""
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries)


def kinds(folder: str) -> dict[str, str]:
    """What is in a folder, by name: file, folder, link or other; raises OSError, also where it is not there."""
    with os.scandir(folder) as entries:
        return {entry.name: _entry(entry) for entry in entries}


def _entry(entry: os.DirEntry[str]) -> str:
    """What the listing itself tells, so that most are not asked for one by one."""
    if entry.is_symlink():
        return "link"
    if entry.is_file(follow_symlinks=False):
        return "file"
    if entry.is_dir(follow_symlinks=False):
        return "folder"
    entry.stat(follow_symlinks=False)  # it may be gone by now
    return "other"


def files(root: Path, pattern: str) -> list[Path]:
    """The files below ``root`` that a pattern names, sorted; ``*``, ``?``, ``[…]``, and ``**`` for any depth.

    Hidden names are left out, and ``**`` follows no links. Raises OSError for a folder on the way that cannot be
    listed, and for a link to nothing, which may be a file on what is not mounted.
    """
    return sorted({path for path in _walk(root, pattern.split("/")) if _seen(path) == "file"})


def _walk(folder: Path, parts: Sequence[str]) -> Iterator[Path]:
    first, rest = parts[0], parts[1:]
    if first == "**":
        if rest:
            yield from _walk(folder, rest)
        for name in _shown(folder):
            below = folder / name
            if not below.is_symlink() and _seen(below) == "folder":
                yield from _walk(below, parts)
    elif not any(c in first for c in "*?["):
        below = folder / first
        if rest:
            if exists(below):
                yield from _walk(below, rest)
        elif exists(below):
            yield below
    else:
        for name in _shown(folder):
            below = folder / name
            if not fnmatchcase(name, first):
                continue
            if not rest:
                yield below
            elif _seen(below) == "folder":
                yield from _walk(below, rest)


def _shown(folder: Path) -> list[str]:
    return [name for name in listing(folder) if not name.startswith(".")]


def _seen(path: Path) -> str:
    """What a name that was listed is; raises OSError for a link to nothing."""
    found = kind(path)
    if not found:
        raise FileNotFoundError(ENOENT, "a link to what is not there", str(path))
    return found
