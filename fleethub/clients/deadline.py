"""A time limit for whole requests: httpcore limits each read and write, so a server that drips is listened to for ever.

What a thread does inside of ``within`` ends by its deadline, headers and all: every wait on the network takes what is
left of the time.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import httpcore

#: What a connection tells of itself: whether anything came over it since the last was sent.
HEARD = "heard"
PIECE = 1 << 14  # bytes of a request that are sent at a time; one call for all of them has no limit as a whole
_END: ContextVar[float | None] = ContextVar("end", default=None)


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """A deadline for the requests of this thread."""
    token = _END.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _END.reset(token)


def passed() -> bool:
    """Whether it is over."""
    end = _END.get()
    return end is not None and time.monotonic() > end


def _left(timeout: float | None, late: type[Exception]) -> float | None:
    """Seconds for one wait."""
    end = _END.get()
    if end is None:
        return timeout
    left = end - time.monotonic()
    if left <= 0:
        raise late("over the limit for the whole request")
    return left if timeout is None else min(left, timeout)


class Network(httpcore.NetworkBackend):
    """Opens connections."""

    def __init__(self, real: httpcore.NetworkBackend) -> None:
        self._real = real

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """As the real one, of which an address comes as a URL has it."""
        left = _left(timeout, httpcore.ConnectTimeout)
        return Stream(self._real.connect_tcp(host.strip("[]"), port, left, local_address, socket_options))

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None
    ) -> httpcore.NetworkStream:
        """As the real one."""
        left = _left(timeout, httpcore.ConnectTimeout)
        return Stream(self._real.connect_unix_socket(path, left, socket_options))

    def sleep(self, seconds: float) -> None:
        """As the real one."""
        self._real.sleep(seconds)


class Stream(httpcore.NetworkStream):
    """One connection."""

    def __init__(self, real: httpcore.NetworkStream) -> None:
        self._real, self._heard = real, False

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """As the real one."""
        data = self._real.read(max_bytes, _left(timeout, httpcore.ReadTimeout))
        self._heard = True
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """As the real one, in pieces."""
        self._heard = False
        for start in range(0, len(buffer), PIECE):
            self._real.write(buffer[start : start + PIECE], _left(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        """As the real one."""
        self._real.close()

    def start_tls(self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None) -> Any:
        """As the real one; Python's handshake takes the time-out for all of it."""
        name = server_hostname and server_hostname.strip("[]")
        return Stream(self._real.start_tls(ssl_context, name, _left(timeout, httpcore.ConnectTimeout)))

    def get_extra_info(self, info: str) -> Any:
        """As the real one, and HEARD."""
        return self._heard if info == HEARD else self._real.get_extra_info(info)
