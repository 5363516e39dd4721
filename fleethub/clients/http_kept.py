"""Connections that are kept for the next request to the same place; one request at a time has each.

httpcore's own pool asks the kernel about every idle connection twice in every request, which of twenty is two thirds of
what the request takes. Here the one that was used last is taken, and asked about alone. ``Transport`` is what httpx
has for this: a client sends by it what it has made, and gets its answer, whose stream gives the connection back.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from threading import BoundedSemaphore, Lock

import httpcore
import httpx

from fleethub.clients.deadline import HEARD
from fleethub.clients.http_way import Place, place_of

Kept = tuple[float, httpcore.ConnectionInterface]


class Connections:
    """``make`` opens one; at most ``limit`` are in use at a time, and as many are kept, for ``seconds``."""

    def __init__(self, make: Callable[[Place], httpcore.ConnectionInterface], limit: int, seconds: float) -> None:
        self._make, self._limit, self._seconds = make, limit, seconds
        self._free: dict[Place, list[Kept]] = {}
        self._kept = 0
        self._slots, self._lock = BoundedSemaphore(limit), Lock()

    @contextmanager
    def to(self, place: Place) -> Iterator[httpcore.ConnectionInterface]:
        """A connection for one request, kept afterwards where its answer was read to the end."""
        with self._slots:
            connection = self._taken(place) or self._make(place)
            try:
                yield connection
            finally:
                if not connection.is_available() or not self._given_back(place, connection):
                    connection.close()

    def close(self) -> None:
        """Close all that are kept."""
        with self._lock:
            old = self._old(float("inf"))
        for one in old:
            one.close()

    def _taken(self, place: Place) -> httpcore.ConnectionInterface | None:
        """The one that was used last, if the server has not closed it meanwhile."""
        while True:
            with self._lock:
                free = self._free.get(place)
                if not free:
                    return None
                _, connection = free.pop()
                self._kept -= 1
            if not connection.has_expired():
                return connection
            connection.close()

    def _given_back(self, place: Place, connection: httpcore.ConnectionInterface) -> bool:
        now = time.monotonic()
        old: list[httpcore.ConnectionInterface] = []
        with self._lock:
            free = self._free.setdefault(place, [])
            if self._kept >= self._limit or (free and free[0][0] < now - self._seconds):
                old = self._old(now - self._seconds)
            room = self._kept < self._limit
            if room:
                free.append((now, connection))
                self._kept += 1
        for one in old:
            one.close()
        return room

    def _old(self, before: float) -> list[httpcore.ConnectionInterface]:
        """Those that were used before that moment and not since, which are kept no more. The lock is held."""
        old = [one for free in self._free.values() for then, one in free if then < before]
        for free in self._free.values():
            free[:] = [kept for kept in free if kept[0] >= before]
        self._kept -= len(old)
        return old


class Transport(httpx.BaseTransport):
    """Sends by connections that are kept. Raises what httpcore does."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send it; the answer has the connection until it is closed."""
        url, place = request.url, place_of(request.url)
        sent = httpcore.Request(
            request.method,
            httpcore.URL(scheme=place.scheme, host=place.written, port=url.port, target=url.raw_path),
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )
        with ExitStack() as ends:
            connection = ends.enter_context(self._connections.to(place))
            answer = connection.handle_request(sent)
            ends.callback(answer.close)
            if answer.extensions["network_stream"].get_extra_info(HEARD) is False:
                # a server said more than one answer before: what is left of that is no answer to this request
                raise httpcore.RemoteProtocolError("an answer from before its request")
            stream = Stream(answer, ends.pop_all())
        return httpx.Response(answer.status, headers=answer.headers, stream=stream, extensions=answer.extensions)

    def close(self) -> None:
        """Close what is kept."""
        self._connections.close()


class Stream(httpx.SyncByteStream):
    """The body of an answer, and what is to be done at its end."""

    def __init__(self, answer: httpcore.Response, ends: ExitStack) -> None:
        self._answer, self._ends = answer, ends

    def __iter__(self) -> Iterator[bytes]:
        return self._answer.iter_stream()

    def close(self) -> None:
        """Give the connection back."""
        self._ends.close()
