"""Connections that are kept: taken again, never one that is dead, and never more than may be."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import SHUT_RDWR
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Barrier, Semaphore, Thread
from typing import Any

import httpx
import pytest

from fleethub.clients import http_answer, http_way
from fleethub.clients.http import Http
from fleethub.clients.http_answer import HttpError


class Kept(ThreadingHTTPServer):
    """Keeps connections open, and counts them; says what it was sent. ``together``: answers when so many have asked."""

    daemon_threads = True

    def __init__(self) -> None:
        self.opened, self.ends, self.together, self.closed = 0, False, Barrier(1), Semaphore(0)
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"

    def shutdown_request(self, request: Any) -> None:
        super().shutdown_request(request)
        self.closed.release()


class Handler(BaseHTTPRequestHandler):
    server: Kept
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        self.server.opened += 1
        super().setup()

    def do_GET(self) -> None:
        self.server.together.wait(30)
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        told = {**{k.lower(): v for k, v in self.headers.items()}, "path": self.path, "body": body.decode()}
        data = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Set-Cookie", "session=1; Path=/")
        self.end_headers()
        self.wfile.write(data)
        self.close_connection = self.server.ends  # without a word

    do_POST = do_GET

    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.fixture
def server() -> Iterator[Kept]:
    found = Kept()
    thread = Thread(target=found.serve_forever, args=(0.02,))
    thread.start()
    yield found
    found.shutdown()
    thread.join()
    found.server_close()


@pytest.fixture
def http() -> Iterator[Http]:
    found = Http(limit=4)
    yield found
    found.close()


def test_a_connection_is_taken_again(server: Kept, http: Http) -> None:
    for _ in range(3):
        http.request("GET", f"{server.url}/a")
        http.request("POST", f"{server.url}/b", json={})
    assert server.opened == 1


def test_one_that_the_server_closed_meanwhile_is_not(server: Kept, http: Http) -> None:
    server.ends = True
    for _ in range(3):
        assert http.request("POST", server.url).status == 200  # which is not sent twice
        assert server.closed.acquire(timeout=30)
    assert server.opened == 3


def test_as_many_are_open_as_may_be_and_one_does_for_who_comes_alone(server: Kept, http: Http) -> None:
    server.together = Barrier(4)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: http.request("GET", server.url), range(8)))
    assert server.opened == 4
    server.together = Barrier(1)
    for _ in range(8):
        http.request("GET", server.url)
    assert server.opened == 4


def test_what_nobody_used_for_a_while_is_closed(server: Kept, http: Http, monkeypatch: pytest.MonkeyPatch) -> None:
    connections = http._transport._connections
    server.together = Barrier(2)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: http.request("GET", server.url), range(2)))
    server.together = Barrier(1)
    (free,) = connections._free.values()
    first = free[0][1]
    free[0] = (free[0][0] - http_way.KEPT, first)
    http.request("GET", server.url)
    assert first.is_closed()
    assert [len(kept) for kept in connections._free.values()] == [connections._kept] == [1]
    assert server.opened == 2


def test_what_is_sent_and_how_a_body_is_told(server: Kept, http: Http) -> None:
    told = http.request("POST", f"{server.url}/v1/é x", json={"ü": [1, None]}, params={"page": 1, "of": "a b&c"})
    assert told.body["path"] == "/v1/%C3%A9%20x?page=1&of=a+b%26c"
    assert told.body["body"] == '{"ü":[1,null]}'
    assert (told.body["content-type"], told.body["content-length"]) == ("application/json", "15")
    assert told.body["host"] == server.url.removeprefix("http://")
    assert http.request("GET", f"{server.url}/a%2Fb?a=1%20b").body["path"] == "/a%2Fb?a=1%20b"
    assert http.request("POST", server.url).body["content-length"] == "0"
    assert "content-length" not in http.request("GET", server.url).body


@pytest.mark.parametrize("url", ["ftp://x/", "http:///x", "http://[::", "http://x:99999/", "http://x:y/", "nothing"])
def test_what_is_no_place_is_told_as_one(url: str, http: Http) -> None:
    with pytest.raises(HttpError, match="no usable answer"):
        http.request("GET", url)


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("http://LLM.Example", (b"http", b"llm.example", 80)),
        ("https://llm.example:443/v1", (b"https", b"llm.example", 443)),
        ("http://[::1]:4000/a?b", (b"http", b"::1", 4000)),
        ("https://bücher.example/%2F", (b"https", b"xn--bcher-kva.example", 443)),
    ],
)
def test_whom_a_url_leads_to(url: str, place: tuple[bytes, bytes, int]) -> None:
    assert http_way.place_of(httpx.URL(url)) == place


OTHER = b'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"other\'s"'
TWICE = {
    "length": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n%5d" + OTHER,
    "chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n%5d\r\n0\r\n\r\n" + OTHER,
    "no-body": b"HTTP/1.1 204 %5d\r\n\r\n" + OTHER,
    "interim": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n%5dHTTP/1.1 103 Early Hints\r\n\r\n" + OTHER,
    "garbage": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n%5d0\r\n\r\n",
}


@pytest.fixture
def says() -> Iterator[Callable[..., str]]:
    """Serves what it is given to whoever asks; ``%5d`` is the number of the request. Gives its URL."""
    open_: list[Raw] = []

    def serve(answer: bytes, port: int = 0) -> str:
        found = Raw(answer, port)
        open_.append(found)
        Thread(target=found.serve_forever, args=(0.02,), daemon=True).start()
        return f"http://127.0.0.1:{found.server_address[1]}/"

    def stop() -> None:
        for found in open_:
            found.shutdown()
            found.server_close()
            for connection in found.connections:
                with suppress(OSError):
                    connection.shutdown(SHUT_RDWR)
        open_.clear()

    serve.stop = stop  # type: ignore[attr-defined]
    yield serve
    stop()


class Raw(ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True
    block_on_close = False

    def __init__(self, answer: bytes, port: int) -> None:
        self.answer, self.asked, self.connections = answer, 0, list[Any]()
        super().__init__(("127.0.0.1", port), RawHandler)


class RawHandler(BaseRequestHandler):
    server: Raw

    def handle(self) -> None:
        self.server.connections.append(self.request)
        with suppress(OSError):
            while self.request.recv(1 << 16):
                self.server.asked += 1
                said = self.server.answer
                self.request.sendall(said.replace(b"%5d", b"%5d" % self.server.asked))


@pytest.mark.parametrize("answer", TWICE.values(), ids=TWICE.keys())
def test_what_is_left_of_one_answer_is_no_answer_to_the_next_request(
    says: Callable[..., str], http: Http, answer: bytes
) -> None:
    url = says(answer)
    for method, again in (("GET", False), ("POST", True)):
        found = [http.request(method, url, again=again) for _ in range(3)]
        assert all(one.body != "other's" for one in found)
    with pytest.raises(HttpError, match="no usable answer"):  # it was asked, and is not asked again
        http.request("POST", url)


def test_a_port_that_another_server_has_now_is_asked_anew(says: Callable[..., str], http: Http) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
    url = says(answer + b'"one"')
    assert http.request("POST", url).body == "one"
    says.stop()  # type: ignore[attr-defined]
    assert says(answer + b'"two"', int(url.rstrip("/").rpartition(":")[2])) == url
    assert http.request("POST", url).body == "two"


HALF = {
    "too-much": b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n" + b"1" * 999,
    "encoded": b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 9\r\n\r\n" + b"1" * 9,
    "no-gzip": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 9\r\n\r\n" + b"1" * 9,
}


@pytest.mark.parametrize("answer", HALF.values(), ids=HALF.keys())
def test_a_connection_whose_answer_was_not_read_to_its_end_is_not_kept(
    says: Callable[..., str], http: Http, answer: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_answer, "LARGEST", 99)
    url = says(answer)
    with pytest.raises(HttpError):
        http.request("GET", url)
    lines = http.lines("POST", says(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n1\n"), json={}, silence=30)
    assert next(lines).body == 1
    lines.close()
    assert http._transport._connections._kept == 0


def test_what_is_kept_is_looked_at_by_one_thread_at_a_time(server: Kept, http: Http) -> None:
    connections = http._transport._connections

    class Locked(dict[Any, Any]):
        def get(self, *words: Any) -> Any:
            assert connections._lock.locked()
            return super().get(*words)

        def setdefault(self, *words: Any) -> Any:
            assert connections._lock.locked()
            return super().setdefault(*words)

    connections._free = Locked()
    for _ in range(2):
        http.request("GET", server.url)
    assert server.opened == 1


def test_no_cookie_is_kept(server: Kept, http: Http) -> None:
    for _ in range(2):
        assert "cookie" not in http.request("GET", server.url).body
