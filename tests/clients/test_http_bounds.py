"""Servers that never come to an end, or send more than anybody asked for: over real sockets, with short limits.

Each ends with an HttpError, hung up on; what a server would go on with is unlimited, so a client that waits shows.
"""

from __future__ import annotations

import gzip
import itertools
import socket
import threading
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress

import pytest

from fleethub.clients import http, http_answer
from fleethub.clients.http import Http
from fleethub.clients.http_answer import HttpError

Sends = Callable[[], Iterable[bytes]]
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
MIB = 1 << 20


class Endless:
    """Answers each connection with what ``sends`` yields; ``hung_up`` counts clients that closed it before the end."""

    def __init__(self, sends: Sends) -> None:
        self.asked, self.hung_up = 0, threading.Semaphore(0)
        self._sends = sends
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}/"
        self._serving = threading.Thread(target=self._serve, daemon=True)
        self._serving.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection:
            self.asked += 1
            connection.recv(1 << 16)
            try:
                for piece in self._sends():
                    connection.sendall(piece)
            except OSError:
                self.hung_up.release()

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)  # who waits in accept would listen on for one more
        self._serving.join()
        self._listening.close()


@contextmanager
def serving(sends: Sends) -> Iterator[Endless]:
    found = Endless(sends)
    try:
        yield found
    finally:
        found.close()


def dripping(start: bytes, drop: bytes) -> Iterator[bytes]:
    yield start
    while True:
        time.sleep(0.02)  # far more often than any read is waited for
        yield drop


def flooding(start: bytes, wave: bytes) -> Iterator[bytes]:
    return itertools.chain([start], itertools.repeat(wave))


SLOW: dict[str, Sends] = {
    "a-status-line": lambda: dripping(b"HTTP/1.1 200 ", b"O"),
    "a-header": lambda: dripping(OK + b"X: ", b"x"),
    "many-headers": lambda: dripping(OK, b"X: y\r\n"),
    "interim-answers": lambda: dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "a-body": lambda: dripping(OK + b"Content-Length: 1000000\r\n\r\n", b"x"),
    "a-body-without-length": lambda: dripping(OK + b"\r\n", b"x"),
    "chunks": lambda: dripping(CHUNKED, b"1\r\nx\r\n"),
    "a-chunks-length": lambda: dripping(CHUNKED, b"0"),
    "trailers": lambda: dripping(CHUNKED + b"0\r\n", b"X: y\r\n"),
    "a-compressed-body": lambda: dripping(OK + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"")[:10], b"\0"),
}


@pytest.mark.parametrize("sends", SLOW.values(), ids=SLOW.keys())
def test_what_drips_ends_with_the_limit(sends: Sends) -> None:
    with serving(sends) as server:
        client = Http()
        with pytest.raises(HttpError):
            client.request("GET", server.url, limit=0.3)
        assert server.hung_up.acquire(timeout=300)  # before the client itself is closed
        client.close()


def test_a_drip_is_told_as_a_server_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "WHOLE", 0.3)  # the usual limit holds in the same way
    with serving(SLOW["a-header"]) as server:
        client = Http()
        with pytest.raises(HttpError) as caught:
            client.request("GET", server.url)
        client.close()
        assert server.asked == 1  # and it is not asked again
    assert caught.value.why == "hangs"


def bomb() -> Iterator[bytes]:
    """Zeros without end, a thousand of them in each byte."""
    machine = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    yield OK + b"Content-Encoding: gzip\r\n\r\n"
    while True:
        yield machine.compress(b"\0" * MIB)


ONE = b"".join(itertools.islice(bomb(), 1, 65)) + bytes(9)  # 64 KiB on the wire, 64 MiB and no end


FLOODS: dict[str, Sends] = {
    "a-header": lambda: flooding(OK + b"X: ", b"x" * 65536),
    "many-headers": lambda: flooding(OK, b"X: y\r\n" * 9999),
    "interim-answers": lambda: flooding(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 99),
    "a-body": lambda: flooding(OK + b"\r\n", b"x" * 65536),
    "chunks-of-a-byte": lambda: flooding(CHUNKED, b"1\r\nx\r\n" * 9999),
    "a-huge-chunk": lambda: flooding(CHUNKED + b"7fffffffffffffff\r\n", b"x" * 65536),
    "a-chunks-extension": lambda: flooding(CHUNKED + b"1;", b"x" * 65536),
    "trailers": lambda: flooding(CHUNKED + b"0\r\n", b"X: y\r\n" * 9999),
    "a-bomb": bomb,
    "a-bomb-in-one-piece": lambda: flooding(OK + b"Content-Encoding: gzip\r\n\r\n" + ONE, b"x"),
    "a-bomb-in-a-bomb": lambda: flooding(OK + b"Content-Encoding: gzip, gzip\r\n\r\n" + gzip.compress(ONE), b"x"),
}


@pytest.mark.parametrize("sends", FLOODS.values(), ids=FLOODS.keys())
def test_a_flood_takes_little_memory_and_ends(sends: Sends, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a read may take is 8 MiB here; the peak may be a few times that, and is not the flood's."""
    monkeypatch.setattr(http_answer, "LARGEST", 8 * MIB)
    with serving(sends) as server:
        client = Http()
        tracemalloc.start()
        try:
            with pytest.raises(HttpError):
                client.request("GET", server.url, limit=2)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        client.close()
    assert peak < 40 * MIB


def test_what_is_compressed_is_read_and_what_is_cut_is_no_answer() -> None:
    whole = gzip.compress(b'{"a": 1}')
    for body, told in ((whole, {"a": 1}), (whole[:-9], None)):
        with serving(lambda body=body: [OK + b"Content-Encoding: gzip\r\nConnection: close\r\n\r\n" + body]) as server:
            client = Http()
            with suppress(HttpError):
                assert client.request("GET", server.url).body == told
                assert told is not None
            client.close()


@pytest.mark.parametrize("head", [b"HTTP/1.1 204 No Content\r\n", OK + b"Content-Length: 0\r\n"])
def test_nothing_is_whole_however_it_is_said_to_be_compressed(head: bytes) -> None:
    with serving(lambda: [head + b"Content-Encoding: gzip\r\n\r\n"]) as server:
        client = Http()
        answer = client.request("POST", server.url, limit=30)
        client.close()
    assert (answer.body, answer.text) == (None, "")


def test_a_server_that_was_closed_answers_nobody() -> None:
    with serving(FLOODS["a-body"]) as server:
        pass
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(server.url.rstrip("/").rpartition(":")[2])), timeout=30)


def test_a_redirect_is_an_answer_and_not_followed() -> None:
    with serving(
        lambda: [b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n"]
    ) as server:
        client = Http()
        assert client.request("GET", server.url).status == 302
        client.close()


def test_a_large_answer_is_read_without_copying_it_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    text = b"[" + b"1," * (3 * MIB) + b"1]"
    head = OK + b"Connection: close\r\nContent-Length: " + str(len(text)).encode() + b"\r\n\r\n"
    with serving(lambda: [head, text]) as server:
        client = Http()
        assert len(client.request("GET", server.url).body) == 3 * MIB + 1
        client.close()
