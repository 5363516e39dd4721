"""The only module that uses httpx: one pooled client, JSON in and out, errors as one type.

An error's text never holds a header, a body that was sent, or more than a little of the answer.
"""

from __future__ import annotations

import os
import socket
import ssl
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import field
from functools import cache
from json import loads
from pathlib import Path
from threading import Lock
from types import MappingProxyType
from typing import Any
from urllib.request import getproxies

import httpx

from fleethub.clients.deadline import bound, passed, within
from fleethub.clients.requests_log import noted
from fleethub.model.dataclass import dataclass
from fleethub.model.secret import Secret
from fleethub.model.text import heard
from fleethub.model.trust import Guard, origin_of

CONNECT, READ, WHOLE = 3.0, 15.0, 60.0  # seconds: to connect, for each piece of an answer, for all of it
CONNECT_LONG = 5.0  # seconds to connect, where a request has a limit of its own
USUAL = httpx.Timeout(READ, connect=CONNECT, pool=None)
LARGEST = 64 << 20  # bytes of an answer
PIECE = 1 << 20  # bytes that are decompressed at a time
LONGEST_LINE = 1 << 20  # bytes of one line of an answer that is read line by line
#: What runs on this machine is asked directly, whatever HTTP_PROXY says: a proxy would get the credential, and take
#: "localhost" for itself.
HERE = ("all://localhost", "all://*.localhost", "all://127.0.0.1", "all://[::1]")


class HttpError(Exception):
    """No usable answer: refused, timed out, or not HTTP. The message is fit to be shown.

    ``why`` is resolve, connect, silent (no connection in time), hangs (connected, no answer in time), certificate (its
    own is not trusted, or the file that says which are cannot be used), untrusted (not asked) or other.
    """

    def __init__(self, message: str, why: str = "other") -> None:
        self.why = why
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and JSON body; ``body`` is None when it is not JSON, and ``text`` is what was said in its place.

    ``headers`` by lower-case name.
    """

    status: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)
    text: str = field(default="", repr=False)

    def kind(self) -> str:
        """LiteLLM's ``error.type``; empty without one."""
        error = self.body.get("error") if isinstance(self.body, dict) else None
        return str(error.get("type") or "") if isinstance(error, dict) else ""

    def reason(self) -> str:
        """``HTTP 403: "what the server said"``: its words are quoted, for they are not FleetHub's."""
        said = self.said()
        return f"HTTP {self.status}" + (f': "{said}"' if said else "")

    def said(self) -> str:
        """What the server said was wrong, from either of LiteLLM's two error shapes, fit to be passed on."""
        text = ""
        if isinstance(self.body, dict):
            error = self.body.get("error")
            detail = self.body.get("detail")
            if isinstance(error, dict):
                text = str(error.get("message") or error.get("type") or "")
            elif isinstance(error, str):
                text = error
            elif isinstance(detail, list) and detail and isinstance(detail[0], dict):
                text = str(detail[0].get("msg", ""))
            elif isinstance(detail, str):  # a key that may not use a route is told so
                text = detail
        # LiteLLM echoes hashes of what it was sent: the first clause says enough
        return heard(text.partition("Received API Key")[0].strip().split("\n")[0])


@cache
def _trusted() -> ssl.SSLContext:
    """The certificates that are trusted here, read once in a process: reading them takes longer than a small plan."""
    return httpx.create_ssl_context()


def _trusting(file: Path) -> ssl.SSLContext:
    """The same, and the certificates of a PEM file: an authority of one's own, or the server's certificate itself.

    Raises OSError (ssl.SSLError is one).
    """
    context = httpx.create_ssl_context()
    context.load_verify_locations(file)
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def _body(answer: httpx.Response) -> bytearray:
    """All of it, within the deadline and LARGEST; raises HttpError."""
    data = bytearray()
    for piece in _plain(answer):
        data += piece
        if len(data) > LARGEST:
            raise HttpError(f"the answer is larger than {LARGEST >> 20} MiB")
        if passed():  # a server that never pauses is never waited for
            raise HttpError("the answer is too slow", "hangs")
    return data


def _plain(answer: httpx.Response) -> Iterator[bytes]:
    """What was sent, decompressed in pieces: httpx's own decoders make gigabytes of a few kilobytes in one step."""
    encoding = answer.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding in ("", "identity"):
        yield from answer.iter_raw()
        return
    if encoding not in ("gzip", "x-gzip"):
        raise HttpError("the answer is in a Content-Encoding that was not asked for")
    machine = zlib.decompressobj(zlib.MAX_WBITS | 16)
    for sent in answer.iter_raw():
        rest = sent
        while rest and not machine.eof:
            yield machine.decompress(rest, PIECE)
            rest = machine.unconsumed_tail
    if not machine.eof:
        raise HttpError("the answer ends too early")


class Http:
    """A pooled client; safe to use from many threads."""

    def __init__(
        self, limit: int = 64, guard: Guard | None = None, authorities: Mapping[str, Path] = MappingProxyType({})
    ) -> None:
        """``guard``: which origins are asked; None: all. ``limit``: connections at a time. ``authorities``: PEM files
        of certificates that are trusted besides the usual ones, by the URL that they are for.
        """
        self._guard = guard
        self._limits = httpx.Limits(max_connections=limit, max_keepalive_connections=limit)
        own = {origin_of(url): file for url, file in authorities.items()}
        self._authorities = {origin: file for origin, file in own.items() if origin.startswith("https://")}
        self._unusable: dict[str, str] = {}
        self._clients: dict[bool, httpx.Client] = {}
        self._making = Lock()

    def _client(self, url: str) -> httpx.Client:
        """The client for a URL; certificates are read where TLS may be needed: a fleet of plain HTTP needs none."""
        tls = not url.lower().startswith("http://") or any(way.startswith("https") for way in getproxies().values())
        with self._making:
            if tls not in self._clients:
                client = self._clients[tls] = self._made(tls)
                bound(client)
            if (why := self._unusable.get(origin_of(url))) is not None:
                raise HttpError(why, "certificate")
            return self._clients[tls]

    def _made(self, tls: bool) -> httpx.Client:
        """A client as this machine's environment says; raises HttpError where nothing can be sent with it."""
        try:
            trusted = _trusted() if tls else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # which trusts nobody
        except OSError as error:
            where = _set("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE")
            raise HttpError(f"TLS cannot be used: {_file_reason(error)}{where}", "certificate") from None
        try:
            return httpx.Client(
                verify=trusted,
                timeout=USUAL,
                limits=self._limits,
                mounts={**dict.fromkeys(HERE), **(self._own() if tls else {})},
                headers={"Accept-Encoding": "gzip"},
                follow_redirects=False,
            )
        except (ValueError, ImportError, httpx.InvalidURL):  # whose words may hold a proxy's password
            names = _set(*(f"{name}_PROXY" for name in ("HTTP", "HTTPS", "ALL", "NO")))
            raise HttpError(f"the web proxy is not usable: http:// and https:// are, SOCKS is not{names}") from None

    def _own(self) -> dict[str, httpx.HTTPTransport]:
        """A way of its own to each origin with certificates of its own; what is wrong with a file is kept for it."""
        ways: dict[str, httpx.HTTPTransport] = {}
        for origin, file in self._authorities.items():
            try:
                ways[origin] = httpx.HTTPTransport(verify=_trusting(file), limits=self._limits)
            except OSError as error:
                self._unusable[origin] = f"the certificates in {file} cannot be used: {_file_reason(error)}"
        return ways

    def request(
        self,
        method: str,
        url: str,
        *,
        token: Secret | None = None,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        params: dict[str, Any] | None = None,
        again: bool = False,
        secrets: tuple[Secret, ...] = (),
        limit: float | None = None,
    ) -> Answer:
        """Send one request; raises HttpError. ``limit``: seconds for all of it, instead of the usual time-outs.

        A kept connection may have been closed by the server meanwhile: a GET, and a POST that may be sent
        ``again``, is then repeated once. ``secrets`` are those in the body, so that an error cannot echo them.
        """
        self.permit(url)
        sending = {**(headers or {}), **({"Authorization": f"Bearer {token.reveal()}"} if token is not None else {})}
        whole = WHOLE if limit is None else limit
        waits = USUAL if limit is None else httpx.Timeout(limit, connect=min(CONNECT_LONG, limit), pool=None)

        client, told = self._client(url), dict[str, str]()

        def send() -> tuple[int, bytearray]:
            with client.stream(method, url, headers=sending, json=json, params=params, timeout=waits) as answer:
                told.update(answer.headers)
                return answer.status_code, _body(answer)

        with noted(method, url, params) as note, _told(), within(whole):  # both tries together
            try:
                status, data = send()
            except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
                if method != "GET" and not again:
                    raise
                status, data = send()
            note.ended = str(status)
        body = _json(data)
        sent = [secret.reveal() for secret in (token, *secrets) if secret is not None]
        if status >= 400 and any(value.encode() in data for value in sent):
            body = None  # it says back what it was sent: nothing of it is shown
        text = data.decode("utf-8", "replace") if body is None and status < 400 else ""
        return Answer(status, body, told, text)

    def lines(self, method: str, url: str, *, json: Any, silence: float) -> Iterator[Answer]:
        """Send one request and yield each line of its answer, which is JSON, as it comes; raises HttpError.

        An answer that is no success is one line. ``silence``: seconds that may pass without any. Whoever goes on no
        more closes the iterator, and the connection with it: the server sees that nobody listens.
        """
        self.permit(url)
        waits = httpx.Timeout(silence, connect=CONNECT_LONG, pool=None)
        plain = {"Accept-Encoding": "identity"}
        with (
            noted(method, url) as note,
            _told(),
            self._client(url).stream(method, url, headers=plain, json=json, timeout=waits) as answer,
        ):
            note.ended = str(answer.status_code)
            if answer.status_code >= 400:
                with within(READ):
                    said = _json(_body(answer))
                yield Answer(answer.status_code, said)
                return
            rest = b""
            for piece in answer.iter_raw():
                *whole, rest = (rest + piece).split(b"\n")
                yield from (Answer(answer.status_code, _json(line)) for line in whole if line.strip())
                if len(rest) > LONGEST_LINE:
                    raise HttpError(f"a line of the answer is longer than {LONGEST_LINE >> 20} MiB")
            if rest.strip():
                yield Answer(answer.status_code, _json(rest))

    def permit(self, url: str) -> None:
        """Raises HttpError where nothing may be sent to: whoever would open a credential for it asks first."""
        if self._guard is not None and not self._guard.allows(url):
            raise HttpError(f"{origin_of(url)} is not known on this machine, so nothing was sent there", "untrusted")

    def close(self) -> None:
        """Close the pools."""
        for client in self._clients.values():
            client.close()


@contextmanager
def _told() -> Iterator[None]:
    """Whatever goes wrong with a request, as HttpError."""
    try:
        yield
    except httpx.TimeoutException as error:
        connecting = isinstance(error, httpx.ConnectTimeout)
        what = "connecting" if connecting else "the answer"
        raise HttpError(f"timed out waiting for {what}", "silent" if connecting else "hangs") from None
    except httpx.ConnectError as error:
        if (refused := _certificate_reason(error)) is not None:
            raise HttpError(f"its certificate is not trusted here ({refused})", "certificate") from None
        raise HttpError(f"cannot connect ({_os_reason(error)})", _connect_reason(error)) from None
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, UnicodeError, zlib.error) as error:
        raise HttpError(f"no usable answer ({type(error).__name__})") from None


def _json(data: bytes | bytearray) -> Any:
    """What it says; None where that is no JSON."""
    try:
        return loads(data)
    except (ValueError, RecursionError):
        return None


def _os_reason(error: httpx.ConnectError) -> str:
    text = str(error)
    return text.partition("] ")[2] or text or "no reason given"


def _file_reason(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return "it holds no certificate in PEM form"
    return error.strerror or type(error).__name__


def _set(*names: str) -> str:
    """Which of these variables are set, to be said behind what is wrong with them."""
    found = [name for name in names if os.environ.get(name) or os.environ.get(name.lower())]
    return f" (look at {', '.join(found)})" if found else ""


def _certificate_reason(error: httpx.ConnectError) -> str | None:
    """What is wrong with the server's certificate; None where that is not what is wrong."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return heard(cause.verify_message)
        cause = cause.__cause__ or cause.__context__
    return None


def _connect_reason(error: httpx.ConnectError) -> str:
    """A name that is not known, a refusal, or something after the connection (TLS)."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, socket.gaierror):
            return "resolve"
        if isinstance(cause, ssl.SSLError):
            return "other"
        cause = cause.__cause__ or cause.__context__
    return "connect"
