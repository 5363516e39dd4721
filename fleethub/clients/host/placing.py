"""A delivery to a folder of this machine without a process: the steps of ``deliver.sh`` where nothing is in the way.

On disk both are one protocol (``scripts/target.sh`` says what lies in ``.fleethub/``), so what a crash leaves behind is
taken up by whoever comes next. What is unusual is left to the script: somebody else's file in the place of one, a lock
or a delivery that is there, a check that is a program, all that is refused. So there is one place that repairs, keeps
and refuses, and here is nothing but the way that nearly every delivery takes.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

from fleethub.clients.host.bundle import Bundle, mark_bytes
from fleethub.clients.process import LARGEST
from fleethub.model.dataclass import dataclass

OWN = ".fleethub"
LISTENER = "applied/.fleethub/listener"
OPEN = 0o755
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


class Committed(Exception):
    """The new set is committed and not all in its place: whoever comes next goes on."""


class _Unusual(Exception):
    """Something that is the script's: nothing was changed but for folders that the set needs."""


def place(folder: str, bundle: Bundle, holder: str) -> bool:
    """Whether it is delivered; False: nothing was, the script is to do it. Raises Committed. ``holder``: for people."""
    if bundle.checks or bundle.owners or (bundle.restart and bundle.port):
        return False
    try:
        _folders(None, f"{folder}/{OWN}")
        with ExitStack() as ends:
            at = ends.enter_context(_opened(folder, None))
            own = ends.enter_context(_opened(OWN, at))
            ends.enter_context(_locked(own, holder))
            _Place(at, own, bundle).run()
    except (OSError, _Unusual):
        return False
    return True


@dataclass(frozen=True, slots=True)
class _Place:
    """``at`` and ``own``: descriptors of the target and of its ``.fleethub``. All paths are relative to one of them."""

    at: int
    own: int
    bundle: Bundle

    def run(self) -> None:
        """All steps, in the script's order; raises OSError and _Unusual before the commit, Committed after it."""
        if _mode(self.own, "next") is not None:
            raise _Unusual
        self.judge()
        self.keeps()
        for path in self.bundle.folders:
            if _folders(self.at, path) and os.geteuid() == 0:
                os.chown(path, self.bundle.uid, self.bundle.uid, dir_fd=self.at, follow_symlinks=False)
        _remove(self.own, "incoming")
        try:
            self.receive()
            self.judge()  # writing it to disk may have taken a while
            os.rename("incoming", "next", src_dir_fd=self.own, dst_dir_fd=self.own)
        except BaseException:
            _remove(self.own, "incoming")
            raise
        try:
            self.forward()
        except OSError as error:
            raise Committed from error

    def judge(self) -> None:
        """Raise _Unusual where somebody wrote there since the plan, or another apply did."""
        if (data := _content(self.own, "mark.json")) is not None and not _older(data, self.bundle.mark):
            raise _Unusual
        for path, blob in self.bundle.expects.items():
            if _content(self.at, path) != (blob.reveal() if blob is not None else None):
                raise _Unusual

    def keeps(self) -> None:
        """Raise _Unusual where a file would be replaced that FleetHub did not write, or cannot be."""
        going = [path for path in self.bundle.stale if _mode(self.at, path) is not None]
        if any(not os.access(path, os.W_OK, dir_fd=self.at) for path in going):
            raise _Unusual
        for path, content, _ in self.bundle.renamed():
            there = _content(self.at, path)
            if there is not None and there not in (content, _content(self.own, f"applied/{path}")):
                raise _Unusual
            if there is not None and not os.access(path, os.W_OK, dir_fd=self.at):
                raise _Unusual
            up = os.path.dirname(path)  # noqa: PTH120 - relative to a descriptor
            while up and _mode(self.at, up) is None:
                up = os.path.dirname(up)  # noqa: PTH120
            folder = stat.S_ISDIR(os.stat(up or ".", dir_fd=self.at).st_mode)
            if not folder or not os.access(up or ".", os.W_OK, dir_fd=self.at):
                raise _Unusual

    def receive(self) -> None:
        """Write the set beside the old one, on disk when this returns: what ``forward`` reads of Bundle.pack."""
        own, bundle = self.own, self.bundle
        entries = [(name, data, 0o600) for name, data in bundle.committed().items()]
        entries += bundle.contents()
        if (listener := b"" if bundle.restart else _content(own, LISTENER)) is not None:
            entries.append(("applied/.fleethub/listener", listener, 0o600))
        os.mkdir("incoming", 0o700, dir_fd=own)
        with _opened("incoming", own) as into:
            made = {""}
            for path, content, mode in entries:
                _above(into, path, made)
                whose = bundle.uid if path.partition("/")[2] in bundle.private and os.geteuid() == 0 else None
                _create(into, path, content, mode, whose)
                made.add(path)
            for path in made:  # after all is written: the first takes the others along
                _settle(path or ".", into)

    def forward(self) -> None:
        """Put what is committed in its place; every step may be done twice."""
        own, at = self.own, self.at
        for path, _, _ in self.bundle.renamed():
            if up := os.path.dirname(path):  # noqa: PTH120
                _folders(at, up)
            os.rename(f"next/files/{path}", path, src_dir_fd=own, dst_dir_fd=at)
        for path, blob in self.bundle.stale.items():
            if _is(at, path, blob.reveal()):
                os.unlink(path, dir_fd=at)
        if _mode(own, "applied") is not None:
            _remove(own, "previous")
            os.rename("applied", "previous", src_dir_fd=own, dst_dir_fd=own)
        os.rename("next/applied", "applied", src_dir_fd=own, dst_dir_fd=own)
        os.rename("next/mark.json", "mark.json", src_dir_fd=own, dst_dir_fd=own)
        os.fsync(at)
        os.fsync(own)
        _remove(own, "next/files")
        _remove(own, "next", "order", "stale")


@contextmanager
def _opened(path: str, at: int | None) -> Iterator[int]:
    """A descriptor of a folder; of one in another only where it is no link."""
    descriptor = os.open(path, FOLDER | (os.O_NOFOLLOW if at is not None else 0), dir_fd=at)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def _locked(own: int, holder: str) -> Iterator[None]:
    """Hold the target's lock; raises FileExistsError where it is held, or was by one that died."""
    os.mkdir("lock", 0o700, dir_fd=own)
    try:
        _create(own, "lock/holder", f"{os.getpid()} {holder}\n".encode(), 0o600)
        yield
    finally:
        with suppress(OSError):  # that it stays makes nothing undone that was delivered
            _remove(own, "lock", "holder")


def _mode(at: int, path: str) -> int | None:
    """The mode of what is there, be it a link; None: nothing. Raises OSError where that cannot be seen."""
    try:
        return os.stat(path, dir_fd=at, follow_symlinks=False).st_mode
    except FileNotFoundError:
        return None


def _content(at: int, path: str) -> bytes | None:
    """What is in a file; None: nothing is there. Raises _Unusual for anything else, a link too, and OSError."""
    try:
        descriptor = os.open(path, FILE, dir_fd=at)
    except FileNotFoundError:
        return None
    with os.fdopen(descriptor, "rb") as stream:
        seen = os.fstat(descriptor)
        if not stat.S_ISREG(seen.st_mode) or seen.st_size > LARGEST:
            raise _Unusual
        return stream.read()


def _is(at: int, path: str, content: bytes) -> bool:
    """Whether it is a file with this content."""
    try:
        return _content(at, path) == content
    except (OSError, _Unusual):
        return False


def _older(data: bytes, mark: Mapping[str, Any]) -> bool:
    """Whether a mark is as FleetHub writes one, and of another lineage or of no later apply."""
    try:
        there = json.loads(data)
        if not isinstance(there, dict) or mark_bytes(there) != data:
            return False
    except (ValueError, RecursionError):
        return False
    mine, serial = mark.get("serial"), there.get("serial")
    return there.get("lineage") != mark.get("lineage") or (
        isinstance(mine, int) and isinstance(serial, int) and serial <= mine
    )


def _folders(at: int | None, path: str) -> bool:
    """Make a folder and those above it, for all to read; False: it was there. Raises OSError."""
    try:
        os.mkdir(path, OPEN, dir_fd=at)
    except FileNotFoundError:
        if not (up := os.path.dirname(path)):  # noqa: PTH120
            raise
        _folders(at, up)
        os.mkdir(path, OPEN, dir_fd=at)
    except FileExistsError:
        if not stat.S_ISDIR(os.stat(path, dir_fd=at).st_mode):
            raise
        return False
    mode = os.stat(path, dir_fd=at, follow_symlinks=False).st_mode
    if mode & OPEN != OPEN:  # our own umask is narrower
        with _opened(path, at) as made:  # never what a link leads to that somebody put there in between
            os.fchmod(made, stat.S_IMODE(mode) | OPEN)
    return True


def _above(at: int, path: str, made: set[str]) -> None:
    """Make the folders above a path, for nobody else to read."""
    up = os.path.dirname(path)  # noqa: PTH120
    if up not in made:
        _above(at, up, made)
        os.mkdir(up, 0o700, dir_fd=at)
        made.add(up)


def _create(at: int, path: str, data: bytes, mode: int, uid: int | None = None) -> None:
    """A new file with this content."""
    descriptor = os.open(path, NEW, 0o600, dir_fd=at)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
        if mode != 0o600:
            os.fchmod(descriptor, mode)
        if uid is not None:
            os.fchown(descriptor, uid, uid)
    finally:
        os.close(descriptor)


def _settle(path: str, at: int) -> None:
    """What a file or folder has is on disk when this returns."""
    descriptor = os.open(path, FILE, dir_fd=at)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(at: int, folder: str, *known: str) -> None:
    """Take a folder away. ``known``: the files that should be all it has; whatever else is in it goes as well."""
    try:
        for name in known:
            os.unlink(f"{folder}/{name}", dir_fd=at)
        os.rmdir(folder, dir_fd=at)
    except OSError:
        with suppress(FileNotFoundError):
            shutil.rmtree(folder, dir_fd=at)
