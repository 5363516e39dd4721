"""Clients that take their time, over real sockets: each is hung up on, and others are answered meanwhile.

A limit that a test waits for is short; one that must not matter in it is ten minutes.
"""

from __future__ import annotations

import asyncio
import socket
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from fleethub.server.access import AccessGuard, AccessPolicy
from fleethub.server.bounded import Bounded, Limits

LONG, SHORT = 600.0, 0.3
HANGS = 300  # seconds after which a socket of a test is given up
STATES: dict[int, uvicorn.server.ServerState] = {}
HEAD = b"Host: localhost\r\n"
WRITE = b"POST /echo HTTP/1.1\r\n" + HEAD + b"Content-Type: application/json\r\n"


async def echo(request: Request) -> Response:
    return PlainTextResponse(await request.body())


async def large(request: Request) -> Response:
    return PlainTextResponse(b"x" * (16 << 20))


@contextmanager
def server(limits: Limits) -> Iterator[int]:
    """The port of a served application, behind the real guards."""
    app = Starlette(routes=[Route("/echo", echo, methods=["GET", "POST"]), Route("/large", large)])
    protocol = partial(Bounded, limits=limits)
    config = uvicorn.Config(AccessGuard(app, AccessPolicy()), http=protocol, lifespan="off", ws="none", log_config=None)  # type: ignore[arg-type]
    running = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=asyncio.run, args=(running.serve(sockets=[listening]),))
        thread.start()
        port = listening.getsockname()[1]
        STATES[port] = running.server_state
        try:
            yield port
        finally:
            running.should_exit = running.force_exit = True
            thread.join()


def connections(port: int) -> int:
    """How many the server has."""
    return len(STATES[port].connections)


def connected(port: int, said: bytes) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", port), timeout=HANGS)
    client.sendall(said)
    return client


def rest(client: socket.socket) -> bytes:
    """All that comes until the server hangs up."""
    data = bytearray()
    try:
        while piece := client.recv(1 << 16):
            data += piece
    except ConnectionResetError:
        pass
    return bytes(data)


SLOW = {
    "nothing": b"",
    "half-a-line": b"GET /ec",
    "half-the-headers": b"GET /echo HTTP/1.1\r\n" + HEAD,
    "no-body": WRITE + b"Content-Length: 10\r\n\r\n",
    "less-than-the-length": WRITE + b"Content-Length: 10\r\n\r\n{}",
    "an-open-chunk": WRITE + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n",
    "expects-to-be-asked": WRITE + b"Expect: 100-continue\r\nContent-Length: 10\r\n\r\n",
    "a-read-with-a-body": b"GET /echo HTTP/1.1\r\n" + HEAD + b"Content-Length: 10\r\n\r\n{",
}


@pytest.mark.parametrize("said", SLOW.values(), ids=SLOW.keys())
def test_half_a_request_is_hung_up_on(said: bytes) -> None:
    with server(Limits(SHORT, LONG)) as port, connected(port, said) as client:
        answered = rest(client)
    assert b" 200 " not in answered


@pytest.mark.parametrize("first", [b"", b"GET /echo HTTP/1.1\r\n" + HEAD + b"\r\n"], ids=["first", "kept"])
def test_dripping_puts_nothing_off(first: bytes) -> None:
    """Each byte comes in time, and also as the second request of a connection they are hung up on."""
    with server(Limits(SHORT, LONG)) as port, connected(port, first + b"GET /echo HTTP/1.1\r\nX: ") as client:
        client.settimeout(0.05)
        over = False
        while not over:
            try:
                client.sendall(b"x")
                over = client.recv(1 << 16) == b""
            except TimeoutError:
                continue
            except (ConnectionResetError, BrokenPipeError):
                over = True


def test_a_reader_that_does_not_read_is_hung_up_on() -> None:
    ask = b"GET /large HTTP/1.1\r\n" + HEAD + b"\r\n"
    with server(Limits(LONG, SHORT)) as port, connected(port, ask) as lagging:
        assert lagging.recv(1)
        while connections(port):  # nothing tells a client that does not read
            time.sleep(0.02)
        assert len(rest(lagging)) < 16 << 20


def test_fifty_slow_clients_hold_nobody_up() -> None:
    with server(Limits(LONG, LONG)) as port, ExitStack() as clients:
        for said in [*SLOW.values(), *[SLOW["half-the-headers"]] * 42]:
            clients.enter_context(connected(port, said))
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/echo", timeout=HANGS) as answer:
            assert answer.status == 200


def test_where_there_is_no_room_who_waits_longest_goes() -> None:
    with server(Limits(LONG, LONG, connections=3)) as port, ExitStack() as clients:
        first, second, third = (clients.enter_context(connected(port, b"GET")) for _ in range(3))
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/echo", timeout=HANGS) as answer:
            assert answer.status == 200
        assert rest(first) == b""
        for client in (second, third):
            client.sendall(b" /echo HTTP/1.1\r\n" + HEAD + b"Connection: close\r\n\r\n")
            assert b" 200 " in rest(client)


def test_a_body_beyond_the_limit_is_refused_before_it_came() -> None:
    with server(Limits(LONG, LONG)) as port, connected(port, WRITE + b"Content-Length: 65537\r\n\r\n") as client:
        assert b" 413 " in rest(client)


def test_a_chunked_body_without_end_is_refused_and_hung_up_on() -> None:
    chunk = b"4000\r\n" + b"x" * 0x4000 + b"\r\n"
    start = WRITE + b"Transfer-Encoding: chunked\r\n\r\n"
    with server(Limits(LONG, LONG)) as port, connected(port, start) as client, suppress(ConnectionError):
        for _ in range(1 << 20):
            client.sendall(chunk)
        pytest.fail("16 GiB were taken")


def test_a_kept_connection_serves_on() -> None:
    """Limits are of one request, not of the connection."""
    ask = b"GET /echo HTTP/1.1\r\n" + HEAD + b"\r\n"
    with server(Limits(LONG, LONG)) as port, connected(port, b"") as client:
        for _ in range(3):
            client.sendall(ask)
            assert client.recv(1 << 16).startswith(b"HTTP/1.1 200 ")
