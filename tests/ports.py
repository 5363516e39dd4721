"""Ports for servers that have to know theirs before they start: each process of tests has a block of its own.

Below the range of outgoing connections, so that what is free stays so. The block is held by a lock on a file, so
that other test runs on this machine keep out of it.
"""

from __future__ import annotations

import fcntl
import socket
import tempfile
from functools import lru_cache
from itertools import cycle
from pathlib import Path
from typing import IO

FIRST, SIZE, BLOCKS = 19200, 220, 60
_held: list[IO[str]] = []


@lru_cache(maxsize=1)
def _block() -> cycle[int]:
    folder = Path(tempfile.gettempdir()) / "fleethub-test-ports"
    folder.mkdir(mode=0o777, exist_ok=True)
    for number in range(BLOCKS):
        try:
            file = (folder / str(number)).open("a")
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            continue
        _held.append(file)
        start = FIRST + number * SIZE
        return cycle(range(start, start + SIZE))
    raise AssertionError(f"{BLOCKS} processes of tests hold all ports: see {folder}")


def free(count: int = 1) -> list[int]:
    """Ports on which nothing listens, and which are not given out again soon."""
    found: list[int] = []
    for port, _ in zip(_block(), range(SIZE), strict=False):
        if len(found) == count:
            break
        with socket.socket() as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trial.bind(("127.0.0.1", port))
            except OSError:
                continue
        found.append(port)
    assert len(found) == count, "no ports are free"
    return found
