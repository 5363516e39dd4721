"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def create(path: Path, data: bytes, mode: int) -> None:
    """A new file that has its mode from its first byte, on disk when this returns; raises FileExistsError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        os.fchmod(descriptor, mode)
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
        os.fsync(descriptor)
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
