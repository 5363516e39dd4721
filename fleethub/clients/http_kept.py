"""Connections that are kept for the next request to the same place; one request at a time has each.

httpcore's own pool asks the kernel about every idle connection twice in every request, which of twenty is two thirds of
what the request takes. Here the one that was used last is taken, and asked about alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore, Lock

import httpcore

from fleethub.clients.http_place import Place

Kept = tuple[float, httpcore.ConnectionInterface]


class Connections:
    """``make`` opens one; at most ``limit`` are in use at a time, and as many are kept, for ``seconds``."""

    def __init__(self, make: Callable[[Place], httpcore.ConnectionInterface], limit: int, seconds: float) -> None:
        self._make, self._limit, self._seconds = make, limit, seconds
        self._free: dict[str, list[Kept]] = {}
        self._kept = 0
        self._slots, self._lock = BoundedSemaphore(limit), Lock()

    @contextmanager
    def to(self, place: Place) -> Iterator[httpcore.ConnectionInterface]:
        """A connection for one request, kept afterwards where its answer was read to the end."""
        with self._slots:
            connection = self._taken(place.at) or self._make(place)
            try:
                yield connection
            finally:
                if not connection.is_available() or not self._given_back(place.at, connection):
                    connection.close()

    def close(self) -> None:
        """Close all that are kept."""
        self._let_go(float("inf"))

    def _taken(self, at: str) -> httpcore.ConnectionInterface | None:
        """The one that was used last, if the server has not closed it meanwhile."""
        while True:
            with self._lock:
                free = self._free.get(at)
                if not free:
                    return None
                _, connection = free.pop()
                self._kept -= 1
            if not connection.has_expired():
                return connection
            connection.close()

    def _given_back(self, at: str, connection: httpcore.ConnectionInterface) -> bool:
        now = time.monotonic()
        free = self._free.get(at)
        if self._kept >= self._limit or (free and free[0][0] < now - self._seconds):
            self._let_go(now - self._seconds)
        with self._lock:
            if self._kept >= self._limit:
                return False
            self._free.setdefault(at, []).append((now, connection))
            self._kept += 1
        return True

    def _let_go(self, before: float) -> None:
        """Close those that were used before that moment and not since."""
        with self._lock:
            old = [one for free in self._free.values() for then, one in free if then < before]
            for free in self._free.values():
                free[:] = [kept for kept in free if kept[0] >= before]
            self._kept -= len(old)
        for one in old:
            one.close()
