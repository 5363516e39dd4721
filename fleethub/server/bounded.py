"""Connections that take their time: uvicorn's HTTP/1.1 with limits that it has none for.

uvicorn waits for ever for a request line, a header, a body or a reader of its answer; its keep-alive limit ends with
the first byte of the next request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from fleethub.model.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds for a whole request to come in, and for an answer to go out once its reader lags; most connections."""

    receive: float = 20.0
    send: float = 60.0
    connections: int = 200


LIMITS = Limits()


class Bounded(H11Protocol):
    """One connection. What is over its limit is hung up on, with whatever was still to be sent."""

    def __init__(self, *args: Any, limits: Limits = LIMITS, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._limits = limits
        self._receiving: asyncio.TimerHandle | None = None
        self._sending: asyncio.TimerHandle | None = None
        self._since = 0.0  # by the loop's clock: the connection, or the first byte of its latest request

    @property
    def answering(self) -> bool:
        """Whether a whole request came in, and its answer has not gone out."""
        return self._receiving is None and self.cycle is not None and not self.cycle.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Make room by ending who has kept the server waiting longest; who is being answered stays."""
        idle = [c for c in self.connections if isinstance(c, Bounded) and not c.answering]
        full = len(self.connections) >= self._limits.connections
        super().connection_made(transport)
        self._since = self.loop.time()
        self._receiving = self._after(self._limits.receive, transport.abort)
        if full:
            (min(idle, key=lambda c: c._since) if idle else self).transport.abort()

    def data_received(self, data: bytes) -> None:
        """The time of a request runs from the connection or from its first byte, and is never put off. One that comes
        in whole, as nearly all do, needs no timer.
        """
        if self._receiving is None:
            self._since = self.loop.time()
        if self._sending is not None and not self.transport.get_write_buffer_size():
            self._sending.cancel()
            self._sending = None
        super().data_received(data)
        if self.conn.their_state in (h11.IDLE, h11.SEND_BODY):
            if self._receiving is None:
                self._receiving = self._after(self._limits.receive, self.transport.abort)
        elif self._receiving is not None:
            self._receiving.cancel()
            self._receiving = None

    def pause_writing(self) -> None:
        """The reader lags: the time for all of the answer runs from here."""
        super().pause_writing()
        self._wait_for_reader()

    def on_response_complete(self) -> None:
        """What the application is done with may still have to go out."""
        if self.transport.get_write_buffer_size():
            self._wait_for_reader()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is left to wait for."""
        for timer in (self._receiving, self._sending):
            _cancel(timer)
        super().connection_lost(exc)

    def _wait_for_reader(self) -> None:
        if self._sending is None:
            self._sending = self._after(self._limits.send, self._has_read)

    def _has_read(self) -> None:
        self._sending = None
        if self.transport.get_write_buffer_size():
            self.transport.abort()

    def _after(self, seconds: float, act: Callable[[], None]) -> asyncio.TimerHandle:
        return self.loop.call_later(seconds, act)


def _cancel(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()
