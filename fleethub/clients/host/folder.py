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
        return _look(folder, asked)
    except (OSError, ValueError):
        return None


def _look(folder: Path, asked: Sequence[str]) -> HostReading | None:
    if not _there(folder):
        return HostReading(exists=False)
    if not folders.is_folder(folder) or any(_there(folder / name) for name in UNDER_WAY):
        return None
    mark = _file(folder / MARK)
    files = {path: found for path in asked if (found := _file(folder / path)) is not None}
    applied = {path: _content(_file(folder / f"{APPLIED}{path}")) for path in asked}
    listener = _content(_file(folder / LISTENER))
    contents = [found.content for found in files.values()] + [*applied.values(), listener]
    if sum(len(blob.reveal()) for blob in contents if blob is not None) > LARGEST:
        return None
    compose = tuple(name for name in COMPOSE if folders.is_file(folder / name))
    if any(_there(folder / name) for name in UNDER_WAY) or _bytes(_file(folder / MARK)) != _bytes(mark):
        return None
    return HostReading(
        exists=True,
        files=files,
        mark=marked(mark),
        applied={path: blob for path, blob in applied.items() if blob is not None},
        compose=compose,
        listener=listening(listener),
    )


def _there(path: Path) -> bool:
    """Whether anything is there, be it a link to nothing; raises OSError where that cannot be seen."""
    try:
        path.lstat()
    except FileNotFoundError:
        up = path.parent
        while not os.path.lexists(up):
            path, up = up, up.parent
        if path.name in folders.listing(up):
            raise PermissionError(path.name) from None
        return False
    return True


def _file(path: Path) -> FileReading | None:
    """What is there; None: nothing. Raises OSError."""
    if not _there(path):
        return None
    mode = path.lstat().st_mode
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
