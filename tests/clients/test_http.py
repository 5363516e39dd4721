"""Where a request goes, whatever the environment says."""

from __future__ import annotations

import socket
import ssl
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from fleethub.clients import http_way
from fleethub.clients.http import Http
from fleethub.clients.http_answer import HttpError
from fleethub.model.secret import Secret
from fleethub.testing.tangleclaw import TangleClaw

TOKEN = "tcsk_canary-of-this-test"


class Proxy(HTTPServer):
    """An HTTP proxy that keeps what it is asked for, and answers by itself."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str | None]] = []
        self.proved: list[str | None] = []
        self.tunnels: list[str] = []
        super().__init__(("127.0.0.1", 0), Handler)


class Handler(BaseHTTPRequestHandler):
    server: Proxy

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers.get("Authorization")))
        self.server.proved.append(self.headers.get("Proxy-Authorization"))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{}")

    def do_CONNECT(self) -> None:
        self.server.tunnels.append(self.path)
        self.send_error(403)

    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    found = Proxy()
    thread = Thread(target=found.serve_forever, args=(0.02,))
    thread.start()
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{found.server_port}")
    yield found
    found.shutdown()
    thread.join()
    found.server_close()


@pytest.mark.parametrize("host", ["localhost", "localhost.", "a.localhost", "127.0.0.1", "127.0.1.1", "[::1]"])
def test_what_runs_here_is_never_asked_through_a_proxy(proxy: Proxy, host: str) -> None:
    http = Http()
    with pytest.raises(HttpError):
        http.request("GET", f"http://{host}:9/api/groups", token=Secret(TOKEN), limit=1)
    http.close()
    assert proxy.asked == []


def test_what_runs_elsewhere_is_asked_through_the_operators_proxy(proxy: Proxy) -> None:
    http = Http()
    assert http.request("GET", "http://llm.example:4000/health").status == 200
    http.close()
    assert proxy.asked == [("http://llm.example:4000/health", None)]


def test_an_address_of_ipv6_is_asked_for_as_a_url_has_it(proxy: Proxy) -> None:
    http = Http()
    assert http.request("GET", "http://[fd00::1]:4000/health").status == 200
    with pytest.raises(HttpError):
        http.request("GET", "https://[fd00::1]/health")
    http.close()
    assert proxy.asked == [("http://[fd00::1]:4000/health", None)]
    assert proxy.tunnels == ["[fd00::1]:443"]


class Ipv6(HTTPServer):
    address_family = socket.AF_INET6

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.proved: list[Any] = []
        super().__init__(("::1", 0), Handler)


def test_an_address_of_ipv6_is_connected_to_and_stands_in_its_certificate(tmp_path: Path) -> None:
    trustme = pytest.importorskip("trustme")
    try:
        server = Ipv6()
    except OSError:
        pytest.skip("no IPv6 here")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("::1").configure_cert(context)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    url = f"https://[::1]:{server.server_port}"
    http = Http(authorities={url: tmp_path / "ca.pem"})
    assert http.request("GET", f"{url}/health").status == 200
    http.close()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("names", "host"), [("example", "llm.example"), ("a, llm.example:4000", "llm.example"), ("fe80::9", "[fe80::9]")]
)
def test_who_is_not_to_be_asked_through_it_is_not(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch, names: str, host: str
) -> None:
    monkeypatch.setenv("no_proxy", names)
    http = Http()
    with pytest.raises(HttpError):
        http.request("GET", f"http://{host}:4000/health", limit=1)
    http.close()
    assert proxy.asked == []


def test_a_web_proxy_gets_its_own_credential_and_nobody_else_does(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", f"ops:p%40ss@127.0.0.1:{proxy.server_port}")  # without a scheme it is http
    http = Http()
    http.request("GET", "http://llm.example/health", token=Secret(TOKEN))
    with pytest.raises(HttpError):
        http.request("GET", "https://llm.example/health")  # by ALL_PROXY, which opens no tunnel
    http.close()
    assert proxy.asked == [("http://llm.example/health", f"Bearer {TOKEN}")]
    assert proxy.proved == [f"Basic {b64encode(b'ops:p@ss').decode()}"]
    assert proxy.tunnels == ["llm.example:443"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HTTP_PROXY", "foo://ops:canary@proxy:1"),
        ("ALL_PROXY", "socks5://ops:canary@proxy:1"),
        ("HTTPS_PROXY", "http://proxy:canary"),
    ],
)
def test_a_web_proxy_that_cannot_be_used_is_told_as_one(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    for other in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(other, raising=False)
        monkeypatch.delenv(other.lower(), raising=False)
    monkeypatch.setenv(name, value)
    with pytest.raises(HttpError, match=rf"web proxy is not usable.*look at {name}\)") as told:
        Http().request("GET", "http://llm.example:4000/health", token=Secret(TOKEN))
    assert "canary" not in str(told.value)
    with pytest.raises(HttpError, match="web proxy is not usable"):
        next(Http().lines("POST", "http://llm.example:4000/api/pull", json={}, silence=1))


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "SSLKEYLOGFILE"])
def test_files_of_the_environment_that_tls_cannot_do_with_are_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    http_way._usual.cache_clear()
    for other in ("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE"):
        monkeypatch.delenv(other, raising=False)
    monkeypatch.setenv(name, str(tmp_path / "gone" / "file"))
    with pytest.raises(HttpError, match=rf"TLS cannot be used: No such file or directory \(look at {name}\)") as told:
        Http().request("GET", "https://llm.example:4000/health")
    assert told.value.why == "certificate"


def test_httpx_comes_without_its_command_line() -> None:
    code = "import sys, fleethub.clients.http; print(sorted({'httpx', 'pygments', 'rich'} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "['httpx']\n"


def test_certificates_of_ones_own_are_for_their_own_url_alone(tmp_path: Path) -> None:
    trustme = pytest.importorskip("trustme")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    with TangleClaw(tls=context) as one, TangleClaw(tls=context) as other:
        http = Http(authorities={f"{one.url}/v1": tmp_path / "ca.pem", "http://x": tmp_path / "nothing"})
        assert http.request("GET", f"{one.url}/api/groups").status == 200
        with pytest.raises(HttpError, match="its certificate is not trusted here") as told:
            http.request("GET", f"{other.url}/api/groups")
        assert told.value.why == "certificate"
        http.close()
        for name, says in (("gone.pem", "No such file"), ("", "Is a directory|in PEM form")):
            http = Http(authorities={one.url: tmp_path / name})
            with pytest.raises(HttpError, match=says) as told:
                http.request("GET", f"{one.url}/api/groups", token=Secret(TOKEN))
            assert told.value.why == "certificate"
            http.close()
