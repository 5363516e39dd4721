"""Files that are there whole or not at all, and files of whole lines."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def create(path: Path, data: bytes, mode: int) -> None:
    """A new file that has its mode from its first byte, on disk when this returns; raises FileExistsError.

    What could not be written whole is not there, and the OSError names it.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        os.fchmod(descriptor, mode)
        _write(descriptor, data, path)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)


def replace(path: Path, data: bytes, mode: int) -> None:
    """Write a file so that it is there whole or not at all: temp, fsync, rename, fsync of the folder.

    Of several writers at once, in threads, processes or containers that share the folder, the last one's is there.
    """
    # not the pid: threads share it, and so do containers, each with its own pid 1
    temp = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    try:
        create(temp, data, mode)
        temp.replace(path)
    except BaseException:
        temp.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


class Lines:
    """A file that lines are added to. What a crash or a full disk cut off stays a line of its own."""

    def __init__(self, path: Path, mode: int) -> None:
        """Make it and its folder where they are not there; raises OSError."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path, self._file = path, os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, mode)

    def add(self, data: bytes) -> None:
        """Add a line, on disk when this returns; raises OSError."""
        end = os.fstat(self._file).st_size
        torn = end and os.pread(self._file, 1, end - 1) != b"\n"
        _write(self._file, (b"\n" if torn else b"") + data + b"\n", self._path)

    def close(self) -> None:
        """Give the file back."""
        os.close(self._file)


def _write(descriptor: int, data: bytes, path: Path) -> None:
    """All of it, on disk; the system's own error does not say which file had no room."""
    view = memoryview(data)
    try:
        while view:
            view = view[os.write(descriptor, view) :]
        os.fsync(descriptor)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
