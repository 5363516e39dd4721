"""A target that is a folder of this machine, read without a process: what ``read.sh`` would answer of it.

Only what is plain to see is told. Where anything is unusual (a delivery under way or broken off, something that may not
be looked at, a mark that changes meanwhile) the answer is None and the script is asked, which can wait, finish, and say
what is wrong.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path

from fleethub import folders
from fleethub.clients.host.reading import APPLIED, COMPOSE, LISTENER, MARK, listening, marked
from fleethub.clients.process import LARGEST
from fleethub.model.facts import FileReading, HostReading
from fleethub.model.secret import Blob

UNDER_WAY = (".fleethub/lock", ".fleethub/next")


def look(folder: Path, asked: Sequence[str]) -> HostReading | None:
    """The folder's files, its mark and the applied set; None: ask the script."""
    try:
        return _look(str(folder), asked)
    except (OSError, ValueError):
        return None


def _look(folder: str, asked: Sequence[str]) -> HostReading | None:
    if _mode(folder) is None:
        return HostReading(exists=False)
    if folders.kind(Path(folder)) != "folder" or _under_way(folder):
        return None
    mark = _file(f"{folder}/{MARK}")
    files = {path: found for path in asked if (found := _file(f"{folder}/{path}")) is not None}
    applied = {path: _content(_file(f"{folder}/{APPLIED}{path}")) for path in asked}
    listener = _content(_file(f"{folder}/{LISTENER}"))
    contents = [found.content for found in files.values()] + [*applied.values(), listener]
    if sum(len(blob.reveal()) for blob in contents if blob is not None) > LARGEST:
        return None
    compose = tuple(name for name in COMPOSE if folders.is_file(Path(folder, name)))
    if _under_way(folder) or _bytes(_file(f"{folder}/{MARK}")) != _bytes(mark):
        return None
    return HostReading(
        exists=True,
        files=files,
        mark=marked(mark),
        applied={path: blob for path, blob in applied.items() if blob is not None},
        compose=compose,
        listener=listening(listener),
    )


def _under_way(folder: str) -> bool:
    return any(_mode(f"{folder}/{name}") is not None for name in UNDER_WAY)


def _mode(path: str) -> int | None:
    """The mode of what is there, be it a link to nothing; None: nothing. Raises OSError where that cannot be seen."""
    try:
        return os.lstat(path).st_mode
    except FileNotFoundError:
        up, _, name = path.rpartition("/")
        while up and not os.path.lexists(up):
            up, _, name = up.rpartition("/")
        if name in folders.listing(Path(up or "/")):
            raise PermissionError(name) from None
        return None


def _file(path: str) -> FileReading | None:
    """What is there; None: nothing. Raises OSError."""
    if (mode := _mode(path)) is None:
        return None
    if stat.S_ISLNK(mode):
        return FileReading(None, 0, "link")
    if not stat.S_ISREG(mode):
        return FileReading(None, 0, "folder" if stat.S_ISDIR(mode) else "other")
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as stream:
        seen = os.fstat(stream.fileno())
        return FileReading(Blob(stream.read(LARGEST + 1)), stat.S_IMODE(seen.st_mode), owner=seen.st_uid)


def _content(file: FileReading | None) -> Blob | None:
    return file.content if file is not None else None


def _bytes(file: FileReading | None) -> bytes | None:
    blob = _content(file)
    return blob.reveal() if blob is not None else None
