"""One apply at a time in a fleet's folder: flock says who holds it, the file says who that is."""

from __future__ import annotations

import fcntl
import getpass
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from fleethub.atomic import opened
from fleethub.stores.interface import LockedError


def who() -> str:
    """``user@host`` of this process."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


@contextmanager
def local_lock(path: Path, operation: str) -> Iterator[int]:
    """Hold the lock; a process that dies gives it back. Gives the descriptor that holds it (``still_held``).

    Raises LockedError at once when it is held.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = opened(path, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LockedError(_holder(path)) from None
        os.ftruncate(descriptor, 0)
        since = datetime.now(UTC).isoformat(timespec="seconds")
        holder = {"who": who(), "pid": os.getpid(), "operation": operation, "since": since}
        try:
            os.write(descriptor, json.dumps(holder).encode())
        except OSError as error:  # the disk is full: an apply must not begin
            raise OSError(error.errno, error.strerror, str(path)) from error
        try:
            yield descriptor
        finally:
            os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def still_held(path: Path, descriptor: int) -> bool:
    """Whether the lock is the file that others lock: not when somebody removed it, as one does with a dead one's."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _holder(path: Path) -> dict[str, object]:
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return held if isinstance(held, dict) else {}
