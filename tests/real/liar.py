"""Servers that lie: one that answers otherwise than the LiteLLM behind it, and a stranger who listens."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Said:
    """An answer, or (``status`` 0) none yet: the request was not passed on so far."""

    status: int
    body: bytes
    kind: str = "application/json"
    to: str = ""  # where a redirect leads

    @property
    def json(self) -> Any:
        return json.loads(self.body)


#: From the request's method and path, and the answer, to the answer that is given; None: as it is.
Lie = Callable[[str, str, Said], Said | None]


class Liar:
    """Passes requests on to ``upstream``, and their answers back as ``lie`` says; ``asked`` are method and path."""

    def __init__(self, upstream: str) -> None:
        self.lie: Lie | None = None
        self.asked: list[tuple[str, str]] = []
        self._at = urlsplit(upstream).netloc
        self._server, self.url = _serve(self._answer)

    def _answer(self, handler: BaseHTTPRequestHandler, body: bytes) -> Said:
        method, path = handler.command, handler.path
        self.asked.append((method, path))
        if self.lie is not None and (early := self.lie(method, path, Said(0, b""))) is not None:
            return early
        connection = http.client.HTTPConnection(self._at, timeout=60)
        try:
            kept = {k: v for k, v in handler.headers.items() if k.lower() not in ("host", "accept-encoding")}
            connection.request(method, path, body, kept)
            answer = connection.getresponse()
            said = Said(answer.status, answer.read(), answer.headers.get("Content-Type", ""))
        finally:
            connection.close()
        return (self.lie(method, path, said) if self.lie is not None else None) or said

    def stop(self) -> None:
        _stop(self._server)


class Stranger:
    """Somebody else's server; ``heard`` is every byte that was sent to it."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self._server, self.url = _serve(self._answer)

    def _answer(self, handler: BaseHTTPRequestHandler, body: bytes) -> Said:
        self.heard.append(f"{handler.command} {handler.path}\n{handler.headers}".encode() + body)
        return Said(200, b'{"status": "healthy", "db": "connected", "data": [], "keys": [], "total_count": 0}')

    def stop(self) -> None:
        _stop(self._server)


def _serve(answer: Callable[[BaseHTTPRequestHandler, bytes], Said]) -> tuple[ThreadingHTTPServer, str]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            said = answer(self, body)
            self.send_response(said.status)
            self.send_header("Content-Type", said.kind)
            self.send_header("Content-Length", str(len(said.body)))
            if said.to:
                self.send_header("Location", said.to)
            self.end_headers()
            self.wfile.write(said.body)

        do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = handle_any

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    return server, f"http://127.0.0.1:{server.server_port}"


def _stop(server: ThreadingHTTPServer) -> None:
    server.shutdown()
    server.server_close()
