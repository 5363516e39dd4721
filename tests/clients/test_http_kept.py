"""Connections that are kept: taken again, never one that is dead, and never more than may be."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Barrier, Semaphore, Thread
from typing import Any

import httpx
import pytest

from fleethub.clients import http_way
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
    thread = Thread(target=found.serve_forever)
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


def test_no_cookie_is_kept(server: Kept, http: Http) -> None:
    for _ in range(2):
        assert "cookie" not in http.request("GET", server.url).body
