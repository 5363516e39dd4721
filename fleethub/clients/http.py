"""One pooled client of HTTP: JSON in and out, errors as one type.

An error's text never holds a header, a body that was sent, or more than a little of the answer.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator, Mapping
from functools import cache, cached_property, lru_cache
from pathlib import Path
from threading import Lock
from types import MappingProxyType
from typing import Any
from urllib.request import getproxies

import httpx

from fleethub.clients.deadline import bound, within
from fleethub.clients.http_answer import Answer, HttpError, read_body, read_json
from fleethub.clients.http_failure import as_http_error
from fleethub.clients.requests_log import noted
from fleethub.model.secret import Secret
from fleethub.model.trust import Guard, origin_of

CONNECT, READ, WHOLE = 3.0, 15.0, 60.0  # seconds: to connect, for each piece of an answer, for all of it
CONNECT_LONG = 5.0  # seconds to connect, where a request has a limit of its own
USUAL = httpx.Timeout(READ, connect=CONNECT, pool=None)
LONGEST_LINE = 1 << 20  # bytes of one line of an answer that is read line by line
#: What runs on this machine is asked directly, whatever HTTP_PROXY says: a proxy would get the credential, and take
#: "localhost" for itself.
HERE = ("all://localhost", "all://*.localhost", "all://127.0.0.1", "all://[::1]")


#: Of many requests to few places a quarter was httpx reading the same URL again.
_parsed = lru_cache(256)(httpx.URL)


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

    @cached_property
    def _through_tls(self) -> bool:
        """Whether this machine's web proxy is spoken to by TLS; asked once, as a client is made for it once."""
        return any(way.startswith("https") for way in getproxies().values())

    def _client(self, url: str) -> httpx.Client:
        """The client for a URL; certificates are read where TLS may be needed: a fleet of plain HTTP needs none."""
        tls = not url.lower().startswith("http://") or self._through_tls
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
            with client.stream(
                method, _parsed(url), headers=sending, json=json, params=params, timeout=waits
            ) as answer:
                told.update(answer.headers)
                return answer.status_code, read_body(answer)

        with noted(method, url, params) as note, as_http_error(), within(whole):  # both tries together
            try:
                status, data = send()
            except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
                if method != "GET" and not again:
                    raise
                status, data = send()
            note.ended = str(status)
        body = read_json(data)
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
            as_http_error(),
            self._client(url).stream(method, url, headers=plain, json=json, timeout=waits) as answer,
        ):
            note.ended = str(answer.status_code)
            if answer.status_code >= 400:
                with within(READ):
                    said = read_json(read_body(answer))
                yield Answer(answer.status_code, said)
                return
            rest = b""
            for piece in answer.iter_raw():
                *whole, rest = (rest + piece).split(b"\n")
                yield from (Answer(answer.status_code, read_json(line)) for line in whole if line.strip())
                if len(rest) > LONGEST_LINE:
                    raise HttpError(f"a line of the answer is longer than {LONGEST_LINE >> 20} MiB")
            if rest.strip():
                yield Answer(answer.status_code, read_json(rest))

    def permit(self, url: str) -> None:
        """Raises HttpError where nothing may be sent to: whoever would open a credential for it asks first."""
        if self._guard is not None and not self._guard.allows(url):
            raise HttpError(f"{origin_of(url)} is not known on this machine, so nothing was sent there", "untrusted")

    def close(self) -> None:
        """Close the pools."""
        for client in self._clients.values():
            client.close()


def _file_reason(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return "it holds no certificate in PEM form"
    return error.strerror or type(error).__name__


def _set(*names: str) -> str:
    """Which of these variables are set, to be said behind what is wrong with them."""
    found = [name for name in names if os.environ.get(name) or os.environ.get(name.lower())]
    return f" (look at {', '.join(found)})" if found else ""
