"""A target that is a folder of this machine, read without a process: what ``read.sh`` would answer of it.

Only what is plain to see is told. Where anything is unusual (a delivery under way or broken off, a link on the way,
something that may not be looked at, a mark that changes meanwhile) the answer is None and the script is asked, which
can wait, finish, and say what is wrong. Each folder is listed once: a fleet has many, and each look at a name costs.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path

from fleethub import folders
from fleethub.clients.host.inside import KEPT, OWN
from fleethub.clients.host.reading import APPLIED, COMPOSE, LISTENER, MARK, Once, listening, marked
from fleethub.clients.process import LARGEST
from fleethub.model.readings.host import FileReading, HostReading
from fleethub.model.secret import Blob

UNDER_WAY = ("lock", "next")
#: Of each file in these there is one beside ``.fleethub``, or was, which a script would put in its place.
SETS = (f"{OWN}/applied/", f"{OWN}/previous/")
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_ENTER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


def look(folder: str, asked: Sequence[str], inside: str = "", once: Once | None = None) -> HostReading | None:
    """The folder's files, its mark and the applied set; None: ask the script.

    ``inside``: the folder that it must not lead out of; empty: itself. ``once``: see ``Once``.
    """
    try:
        real = _real(folder)
        if inside and not f"{real}/".startswith(f"{_real(inside).rstrip('/')}/"):
            return None
        return _look(real, asked, once or Once()) if os.path.lexists(real) else _missing(folder)
    except (OSError, ValueError):
        return None


def _real(folder: str) -> str:
    """Where a folder is, without links: as the system tells it, which is quicker than going through each part."""
    try:
        descriptor = os.open(folder, _ENTER)
    except FileNotFoundError:
        return os.path.realpath(folder)
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}")  # noqa: PTH115 - no folder's own path
    except OSError:
        return os.path.realpath(folder)
    finally:
        os.close(descriptor)


def _missing(folder: str) -> HostReading | None:
    """The answer of a folder that is not there: the first that is listed does not have it. Raises OSError."""
    up, _, name = folder.rpartition("/")
    while up and not os.path.lexists(up):
        up, _, name = up.rpartition("/")
    return None if name in folders.listing(Path(up or "/")) else HostReading(exists=False)


def _look(folder: str, asked: Sequence[str], once: Once) -> HostReading | None:
    tree = _Tree(folder)
    if OWN in tree.names("") and not _plain(tree):
        return None
    if tree.kind(MARK) not in ("file", ""):
        return None
    mark = tree.file(MARK)
    files = {path: found for path in asked if (found := tree.file(path, once)) is not None}
    applied = {path: _content(tree.file(APPLIED + path, once)) for path in asked}
    listener = _content(tree.file(LISTENER))
    contents = [found.content for found in files.values()] + [*applied.values(), listener]
    if sum(len(blob.reveal()) for blob in contents if blob is not None) > LARGEST:
        return None
    there = tree.names("")
    compose = tuple(name for name in COMPOSE if name in there and folders.is_file(Path(folder, name)))
    if not _still(folder, OWN in there, mark):
        return None
    return HostReading(
        exists=True,
        files=files,
        mark=marked(mark),
        applied={path: blob for path, blob in applied.items() if blob is not None},
        compose=compose,
        listener=listening(listener),
    )


def _still(folder: str, kept: bool, mark: FileReading | None) -> bool:
    """Whether no delivery came in between. ``kept``: something was kept there before."""
    if not kept:
        return not os.path.lexists(f"{folder}/{OWN}")
    after = _Tree(f"{folder}/{OWN}")
    if any(name in after.names("") for name in UNDER_WAY):
        return False
    return _bytes(after.file(MARK.removeprefix(f"{OWN}/"))) == _bytes(mark)


class _Tree:
    """A folder as it is listed: what is not in a listing, and is not found by its name either, is not there.

    Raises OSError for what cannot be listed or read, ValueError for what is no plain path.
    """

    def __init__(self, root: str) -> None:
        self._root = root
        self._listed: dict[str, dict[str, str]] = {}

    def names(self, below: str) -> dict[str, str]:
        """What is in a folder below: file, folder, link or other, by name."""
        if below not in self._listed:
            self._listed[below] = folders.kinds(f"{self._root}/{below}")
        return self._listed[below]

    def kind(self, path: str) -> str:
        """What is at a path; empty: nothing. Raises ValueError for one that goes through what is no folder."""
        up, _, name = path.rpartition("/")
        if name in ("", ".", ".."):
            raise ValueError(path)
        if up and (above := self.kind(up)) != "folder":
            if above:
                raise ValueError(path)
            return ""
        found = self.names(up).get(name, "")
        if not found and os.path.lexists(f"{self._root}/{path}"):  # by another spelling, or only since
            raise ValueError(path)
        return found

    def file(self, path: str, once: Once | None = None) -> FileReading | None:
        """What is there; None: nothing."""
        kind = self.kind(path)
        return _file(f"{self._root}/{path}", kind, once) if kind else None


def _plain(tree: _Tree) -> bool:
    """Whether nothing in ``.fleethub`` is a link or under way, and no file of its sets is beyond a link."""
    if tree.kind(OWN) != "folder" or any(name in tree.names(OWN) for name in UNDER_WAY):
        return False
    left = [OWN]
    while left:
        at = left.pop()
        for name, kind in tree.names(at).items():
            path = f"{at}/{name}"
            if kind == "link":
                return False
            if kind != "folder" or path == f"{OWN}/{KEPT}":
                continue
            left.append(path)
            for of in SETS:
                if path.startswith(of) and tree.kind(path.removeprefix(of)) not in ("folder", ""):
                    return False
    return True


def _file(path: str, kind: str, once: Once | None) -> FileReading:
    """What is at a path, which was seen to be this. Raises OSError, also where it changed since."""
    if kind != "file":
        return FileReading(None, 0, kind)
    descriptor = os.open(path, _READ)
    try:
        seen = os.fstat(descriptor)
        data = os.read(descriptor, min(seen.st_size, LARGEST) + 1)
    finally:
        os.close(descriptor)
    if not stat.S_ISREG(seen.st_mode) or len(data) != seen.st_size:
        raise OSError(path)
    return FileReading(once.blob(data) if once else Blob(data), stat.S_IMODE(seen.st_mode), owner=seen.st_uid)


def _content(file: FileReading | None) -> Blob | None:
    return file.content if file is not None else None


def _bytes(file: FileReading | None) -> bytes | None:
    blob = _content(file)
    return blob.reveal() if blob is not None else None
