"""Files that are there whole or not at all, and files of whole lines."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock


def create(path: Path, data: bytes, mode: int) -> None:
    """A new file that has its mode from its first byte, on disk by its name when this returns; raises FileExistsError.

    What could not be written whole is not there, and the OSError names it.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        _fill(descriptor, data, mode, path)
        _settle_folder(path.parent)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)


def replace(path: Path, data: bytes, mode: int) -> None:
    """Write a file so that it is there whole or not at all: temp, fsync, rename, fsync of the folder.

    Of several writers at once, in threads, processes or containers that share the folder, the last one's is there.
    What one that was killed left behind goes with the next write of the same file.
    """
    _clear(path)
    temp, descriptor = _held(path, mode)
    try:
        _fill(descriptor, data, mode, temp)
        temp.replace(path)
    except BaseException:
        temp.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)
    _settle_folder(path.parent)


def _held(path: Path, mode: int) -> tuple[Path, int]:
    """A new file beside the other, and its descriptor: locked, so that everybody sees that its writer lives."""
    while True:
        # not the pid: threads share it, and so do containers, each with its own pid 1
        temp = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
        descriptor = os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        try:
            _lock(descriptor, fcntl.LOCK_EX)
            if temp.exists():  # else somebody took it for one that was left behind, before it was locked
                return temp, descriptor
        except BaseException:
            temp.unlink(missing_ok=True)
            os.close(descriptor)
            raise
        os.close(descriptor)


def _clear(path: Path) -> None:
    """Remove what killed writers of a file left: only what has a name of ours and is held by nobody."""
    ours = re.compile(rf"\.{re.escape(path.name)}\.[0-9a-f]{{12}}\.tmp")
    with suppress(OSError):
        left = [entry.path for entry in os.scandir(path.parent) if ours.fullmatch(entry.name)]
        for name in left:
            with suppress(OSError):
                descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
                try:
                    if _lock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB):
                        Path(name).unlink()
                finally:
                    os.close(descriptor)


def _lock(descriptor: int, how: int) -> bool:
    """False where it is held, or the file system has no locks: then nothing is cleared there."""
    try:
        fcntl.flock(descriptor, how)
    except OSError:
        return False
    return True


def _fill(descriptor: int, data: bytes, mode: int, path: Path) -> None:
    """Mode and content of a new file, on disk; who makes it takes it away where this fails."""
    os.fchmod(descriptor, mode)
    _write(descriptor, data, path)
    _settle(descriptor, path)


def opened(path: Path, mode: int, flags: int = 0) -> int:
    """A descriptor of a file that is written in place, made where it is not there. Raises OSError for a link:
    one that came with a repository would lead what is written, and what is emptied, to any file of the user's.
    """
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | flags, mode)
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        raise OSError(error.errno, "it is a link, and nothing is written through one: remove it", str(path)) from None


class Lines:
    """A file that threads add lines to. What a crash or a full disk cut off stays a line of its own.

    Once it could not be brought to disk it takes no more. The system tells of a lost page once, and of a next wait
    that all is well: who only waited again, beside the one who was told, would take his line for kept.
    """

    def __init__(self, path: Path, mode: int) -> None:
        """Make it and its folder where they are not there; raises OSError."""
        path.parent.mkdir(parents=True, exist_ok=True)
        new = not os.path.lexists(path)
        self._path, self._file = path, opened(path, mode, os.O_APPEND)
        self._lost: OSError | None = None  # what the disk said when it took a line no more
        self._writing, self._settling = Lock(), Lock()
        self._written = self._settled = 0  # lines; those that are on disk
        if new:
            try:
                _settle_folder(path.parent)
            except OSError:
                self.close()
                raise

    def add(self, data: bytes, settle: bool = True) -> None:
        """Add a line, on disk when this returns; raises OSError. ``settle`` False: with the next one that is.

        Of lines that come at the same time one waits for the disk, for all that were written by then.
        """
        with self._writing:
            self._refuse_lost()
            end = os.fstat(self._file).st_size
            torn = end and os.pread(self._file, 1, end - 1) != b"\n"
            _write(self._file, (b"\n" if torn else b"") + data + b"\n", self._path)
            self._written += 1
            mine = self._written
        if not settle:
            return
        with self._settling:
            if self._settled < mine:
                self._refuse_lost()
                written = self._written
                try:
                    _settle(self._file, self._path)
                except OSError as error:
                    self._lost = error
                    raise
                self._settled = written

    def _refuse_lost(self) -> None:
        if (lost := self._lost) is not None:
            why = f"what was written before did not come to disk ({lost.strerror})"
            raise OSError(lost.errno, why, str(self._path))

    def close(self) -> None:
        """Give the file back."""
        os.close(self._file)


def _write(descriptor: int, data: bytes, path: Path) -> None:
    """All of it; the system's own error does not say which file had no room."""
    view = memoryview(data)
    with _named(path):
        while view:
            view = view[os.write(descriptor, view) :]


def _settle(descriptor: int, path: Path) -> None:
    """What was written is on disk when this returns."""
    with _named(path):
        os.fsync(descriptor)


def _settle_folder(folder: Path) -> None:
    """What is in a folder is there by its name after a crash, too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        _settle(descriptor, folder)
    finally:
        os.close(descriptor)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
