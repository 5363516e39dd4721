"""One apply at a time in a fleet's folder: flock says who holds it, the file says who that is."""

from __future__ import annotations

import fcntl
import getpass
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from fleethub.atomic import opened
from fleethub.model.text import flat
from fleethub.stores.interface import Holder, LockedError

#: Seconds between two looks at a lock that is waited for: more each time.
LOOKS = (0.05, 0.1, 0.2, 0.5, 1.0)


def who() -> str:
    """``user@host`` of this process."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return flat(f"{user}@{socket.gethostname()}")  # $LOGNAME may be anything


def myself(operation: str, message: str = "") -> Holder:
    """This process as a holder, from now on."""
    return Holder(who(), os.getpid(), operation, datetime.now(UTC).isoformat(timespec="seconds"), message)


def pauses(wait: float) -> Iterator[None]:
    """Once, and then, pausing more and more, until ``wait`` seconds are over: for trying to get a lock."""
    end = time.monotonic() + wait
    tries = 0
    while True:
        yield
        left = end - time.monotonic()
        if left <= 0:
            return
        time.sleep(min(left, LOOKS[min(tries, len(LOOKS) - 1)]))
        tries += 1


@contextmanager
def local_lock(path: Path, operation: str, wait: float = 0) -> Iterator[int]:
    """Hold the lock; a process that dies gives it back. Gives the descriptor that holds it (``still_held``).

    Raises LockedError when it is held for ``wait`` seconds more; OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    for _ in pauses(max(wait, LOOKS[0])):  # twice at least: who only looks (``holding``) holds it for a moment
        descriptor = _taken(path)
        if descriptor is not None:
            break
    else:
        raise LockedError(said(path))
    try:
        os.ftruncate(descriptor, 0)
        try:
            os.write(descriptor, json.dumps(myself(operation).as_dict()).encode())
        except OSError as error:  # the disk is full: an apply must not begin
            raise OSError(error.errno, error.strerror, str(path)) from error
        try:
            yield descriptor
        finally:
            os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def _taken(path: Path) -> int | None:
    """The descriptor that holds the lock; None where somebody else does."""
    while True:
        descriptor = opened(path, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        except BaseException:
            os.close(descriptor)
            raise
        if still_held(path, descriptor):
            return descriptor
        os.close(descriptor)  # it was taken away between opening and locking: nobody else would see this one


def still_held(path: Path, descriptor: int) -> bool:
    """Whether the lock is the file that others lock: not when somebody removed it, as one does with a dead one's."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def holding(path: Path) -> Holder | None:
    """Who holds a lock now; None: nobody. Takes nothing, and makes no file; raises OSError."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    try:
        # shared, so that two who look do not see one another
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return said(path)
    finally:
        os.close(descriptor)
    return None


def rob(path: Path) -> Holder | None:
    """Take a lock from whoever holds it: what is locked next is another file. Says who that was; raises OSError."""
    found = holding(path)
    if found is not None:
        with suppress(FileNotFoundError):
            path.unlink()
    return found


def said(path: Path) -> Holder:
    """Who the file says holds it."""
    try:
        return Holder.of(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, RecursionError):
        return Holder()
