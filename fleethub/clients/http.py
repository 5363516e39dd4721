"""One pooled client of HTTP: JSON in and out, errors as one type.

An error's text never holds a header, a body that was sent, or more than a little of the answer. Requests and answers
are httpx's, sent by a transport and no ``httpx.Client``: its cookies, redirects and logins are nothing to have where
each request has its own credential, and took a quarter of a request's time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import httpcore
import httpx

from fleethub import __version__
from fleethub.clients.deadline import within
from fleethub.clients.http_answer import HttpAnswer, HttpError, read_body, read_json
from fleethub.clients.http_failure import as_http_error
from fleethub.clients.http_kept import Connections, Transport
from fleethub.clients.http_way import KEPT, Ways
from fleethub.clients.requests_log import noted
from fleethub.model.secret import Secret
from fleethub.model.trust import Guard, origin_of

CONNECT, READ, WHOLE = 3.0, 15.0, 60.0  # seconds: to connect, for each piece of an answer, for all of it
CONNECT_LONG = 5.0  # seconds to connect, where a request has a limit of its own
LONGEST_LINE = 1 << 20  # bytes of one line of an answer that is read line by line
_SENT = {"Accept": "*/*", "Accept-Encoding": "gzip", "User-Agent": f"fleethub/{__version__}"}

#: Of many requests to few places a quarter was httpx reading the same URL again.
_parsed = lru_cache(256)(httpx.URL)


class Http:
    """A pooled client; safe to use from many threads."""

    def __init__(
        self, limit: int = 64, guard: Guard | None = None, authorities: Mapping[str, Path] = MappingProxyType({})
    ) -> None:
        """``guard``: which origins are asked; None: all. ``limit``: connections at a time. ``authorities``: PEM files
        of certificates that are trusted besides the usual ones, by the URL that they are for.
        """
        self._guard = guard
        self._transport = Transport(Connections(Ways(authorities).connection, limit, KEPT))

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
    ) -> HttpAnswer:
        """Send one request; raises HttpError. ``limit``: seconds for all of it, instead of the usual time-outs.

        A kept connection may have been closed by the server meanwhile: a GET, and a POST that may be sent
        ``again``, is then repeated once. ``secrets`` are those in the body, so that an error cannot echo them.
        """
        self.permit(url)
        sending = {**(headers or {}), **({"Authorization": f"Bearer {token.reveal()}"} if token is not None else {})}
        whole = WHOLE if limit is None else limit
        waits = _waits(CONNECT, READ) if limit is None else _waits(min(CONNECT_LONG, limit), limit)

        def send() -> tuple[int, Mapping[str, str], bytearray]:
            with self._asked(method, url, sending, json, waits, params) as answer:
                return answer.status_code, dict(answer.headers), read_body(answer)

        with noted(method, url, params) as note, as_http_error(), within(whole):  # both tries together
            try:
                status, told, data = send()
            except (httpcore.RemoteProtocolError, httpcore.ReadError, httpcore.WriteError):
                if method != "GET" and not again:
                    raise
                status, told, data = send()
            note.ended = str(status)
        body = read_json(data)
        sent = [secret.reveal() for secret in (token, *secrets) if secret is not None]
        if status >= 400 and any(value.encode() in data for value in sent):
            body = None  # it says back what it was sent: nothing of it is shown
        text = data.decode("utf-8", "replace") if body is None and status < 400 else ""
        return HttpAnswer(status, body, told, text)

    def lines(self, method: str, url: str, *, json: Any, silence: float) -> Iterator[HttpAnswer]:
        """Send one request and yield each line of its answer, which is JSON, as it comes; raises HttpError.

        An answer that is no success is one line. ``silence``: seconds that may pass without any. Whoever goes on no
        more closes the iterator, and the connection with it: the server sees that nobody listens.
        """
        self.permit(url)
        plain, waits = {"Accept-Encoding": "identity"}, _waits(CONNECT_LONG, silence)
        with (
            noted(method, url) as note,
            as_http_error(),
            self._asked(method, url, plain, json, waits) as answer,
        ):
            status = answer.status_code
            note.ended = str(status)
            if status >= 400:
                with within(READ):
                    said = read_json(read_body(answer))
                yield HttpAnswer(status, said)
                return
            rest = b""
            for piece in answer.iter_raw():
                *whole, rest = (rest + piece).split(b"\n")
                yield from (HttpAnswer(status, read_json(line)) for line in whole if line.strip())
                if len(rest) > LONGEST_LINE:
                    raise HttpError(f"a line of the answer is longer than {LONGEST_LINE >> 20} MiB")
            if rest.strip():
                yield HttpAnswer(status, read_json(rest))

    @contextmanager
    def _asked(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        json: Any,
        waits: httpx.Timeout,
        params: Mapping[str, Any] | None = None,
    ) -> Iterator[httpx.Response]:
        """Send it, and give what comes back, of which the body is not read yet; raises what httpcore and httpx do."""
        answer = self._transport.handle_request(
            httpx.Request(
                method,
                _parsed(url),
                params=params,
                headers={**_SENT, **headers},
                json=json,
                extensions={"timeout": waits.as_dict()},
            )
        )
        try:
            yield answer
        finally:
            answer.close()

    def permit(self, url: str) -> None:
        """Raises HttpError where nothing may be sent to: whoever would open a credential for it asks first."""
        if self._guard is not None and not self._guard.allows(url):
            raise HttpError(f"{origin_of(url)} is not known on this machine, so nothing was sent there", "untrusted")

    def close(self) -> None:
        """Close what is open."""
        self._transport.close()


def _waits(connect: float, each: float) -> httpx.Timeout:
    """Seconds to connect, and for each piece that is sent or comes."""
    return httpx.Timeout(each, connect=connect, pool=None)
