"""The small HTTP server under every stand-in: routes, JSON, a record of requests, hooks to break things.

It listens on the loopback only, in daemon threads, and speaks HTTP/1.1 with keep-alive.
"""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, unquote, urlsplit


@dataclass(slots=True)
class Record:
    """What was asked and answered, without any value that could be secret. ``status`` is 0 until answered."""

    method: str
    path: str  # without the query, which may hold a key
    status: int = 0


@dataclass(frozen=True, slots=True)
class Request:
    """One request as a handler sees it; ``headers`` has lower-case names."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What a handler returns. ``body`` is sent as JSON unless it is bytes, and piece by piece where it is an iterator
    of bytes, which is closed once nobody listens any more; ``close`` ends the connection.
    """

    body: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    close: bool = False


class Refused(Exception):
    """Raised anywhere in a handler to answer with an error."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


Handler = Callable[[Request], Answer]


class Server:
    """Base of the stand-ins. A subclass fills ``routes`` and ``mutating`` and calls ``start``.

    ``before`` is called with the record of each request before it is served; if it raises, the connection
    breaks without an answer. ``mangle`` may replace the bytes of an answer. ``faults`` holds what went wrong
    in the stand-in itself (answered with a bare 500); a test may assert that it is empty.
    """

    mutating: frozenset[tuple[str, str]] = frozenset()

    def __init__(self, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self.routes: dict[tuple[str, str], Handler] = {}
        self.requests: list[Record] = []
        self.faults: list[Exception] = []
        self.before: Callable[[Record], None] | None = None
        self.mangle: Callable[[str, bytes], bytes] | None = None
        self._connections: set[socket.socket] = set()
        self._http = _Listener(self, port)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)

    @property
    def port(self) -> int:
        """The port listened on."""
        return self._http.server_address[1]

    @property
    def url(self) -> str:
        """Base URL, without a slash at its end."""
        return f"https://localhost:{self.port}" if self._tls else f"http://127.0.0.1:{self.port}"

    @property
    def writes(self) -> list[Record]:
        """The requests that change something when they succeed, in order."""
        return [r for r in self.requests if (r.method, r.path) in self.mutating]

    def start(self) -> None:
        """Serve from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Stop listening and cut every open connection, as a dying process would. May be called twice."""
        if self._thread.is_alive():
            self._http.shutdown()
            self._thread.join()
        self._http.server_close()
        for connection in list(self._connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def serve(self, request: Request) -> Answer:
        """Answer one request; a subclass may wrap this."""
        handler = self.routes.get((request.method, request.path))
        if handler is None:
            known = any(path == request.path for _, path in self.routes)
            return self.unrouted(known)
        try:
            return handler(request)
        except Refused as refused:
            return refused.answer
        except Exception as fault:
            self.faults.append(fault)
            return Answer(b"Internal Server Error", 500)

    def unrouted(self, known: bool) -> Answer:
        """Answer to a path that is not there, or (``known``) is there for another method."""
        if known:
            return Answer({"detail": "Method Not Allowed"}, 405)
        return Answer({"detail": "Not Found"}, 404)


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, owner: Server, port: int) -> None:
        self.owner = owner
        self.tls = owner._tls
        super().__init__(("127.0.0.1", port), _Handler)

    def server_bind(self) -> None:
        TCPServer.server_bind(self)  # HTTPServer's own asks the resolver for a name, which can take seconds
        self.server_name, self.server_port = self.server_address[:2]  # type: ignore[assignment]

    def finish_request(self, request: Any, client_address: Any) -> None:
        """In the connection's own thread: who refuses the certificate holds up nobody else."""
        if self.tls is not None:
            try:
                request = self.tls.wrap_socket(request, server_side=True)
            except OSError:
                return
        super().finish_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep quiet: a client that goes away is nothing to report."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _Listener

    def setup(self) -> None:
        super().setup()
        self.server.owner._connections.add(self.connection)

    def finish(self) -> None:
        self.server.owner._connections.discard(self.connection)
        with suppress(OSError):
            super().finish()

    def _serve(self) -> None:
        owner = self.server.owner
        parts = urlsplit(self.path)
        path = unquote(parts.path)
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        record = Record(self.command, path)
        owner.requests.append(record)
        try:
            if owner.before:
                owner.before(record)
            query = dict(parse_qsl(parts.query, keep_blank_values=True))
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = owner.serve(Request(self.command, path, query, headers, body))
        except Exception:  # a hook's
            self.close_connection = True
            return
        if isinstance(answer.body, Iterator):
            self._pieces(record, answer)
            return
        data = (
            answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body, separators=(",", ":")).encode()
        )
        if owner.mangle:
            data = owner.mangle(path, data)
        record.status = answer.status
        self.send_response(answer.status)
        kind = "text/plain; charset=utf-8" if isinstance(answer.body, bytes) else "application/json"
        for name, value in {"content-type": kind, "content-length": str(len(data)), **answer.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":  # its answer has no body, whatever the headers say
            self.wfile.write(data)
        self.wfile.flush()
        if answer.close:
            self.close_connection = True

    def _pieces(self, record: Record, answer: Answer) -> None:
        record.status = answer.status
        self.send_response(answer.status)
        for name, value in {"Transfer-Encoding": "chunked", **answer.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        try:
            for piece in answer.body:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                self.wfile.flush()
            self.wfile.write(b"0\r\n\r\n")
            self.wfile.flush()
        except OSError:
            self.close_connection = True
        finally:
            if isinstance(answer.body, Generator):
                answer.body.close()

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _serve

    def log_message(self, format: str, *args: Any) -> None:
        """Keep quiet: a path may hold a key."""
