"""The only module that imports httpx: one pooled client, JSON in and out, errors as one type.

An error's text never holds a header, a body that was sent, or more than a little of the answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx

from fleethub.model.secret import Secret

CONNECT, READ = 3.0, 15.0  # seconds


class HttpError(Exception):
    """No usable answer: refused, timed out, or not HTTP. The message is fit to be shown."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and JSON body; ``body`` is None when it is not JSON."""

    status: int
    body: Any

    def kind(self) -> str:
        """LiteLLM's ``error.type``; empty without one."""
        error = self.body.get("error") if isinstance(self.body, dict) else None
        return str(error.get("type") or "") if isinstance(error, dict) else ""

    def reason(self) -> str:
        """What the server said was wrong, from either of LiteLLM's two error shapes."""
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
        # LiteLLM echoes hashes of what it was sent: the first clause says enough
        text = text.partition("Received API Key")[0].split("\n")[0][:160].strip()
        return f"HTTP {self.status}" + (f": {text}" if text else "")


class Http:
    """A pooled client; safe to use from many threads."""

    def __init__(self, limit: int = 64) -> None:
        self._client = httpx.Client(
            timeout=httpx.Timeout(READ, connect=CONNECT, pool=None),
            limits=httpx.Limits(max_connections=limit, max_keepalive_connections=limit),
            follow_redirects=False,
        )

    def request(
        self,
        method: str,
        url: str,
        *,
        token: Secret | None = None,
        json: Any = None,
        params: dict[str, Any] | None = None,
        again: bool = False,
    ) -> Answer:
        """Send one request; raises HttpError.

        A kept connection may have been closed by the server meanwhile: a GET, and a POST that may be sent
        ``again``, is then repeated once.
        """
        headers = {"Authorization": f"Bearer {token.reveal()}"} if token is not None else {}

        def send() -> httpx.Response:
            return self._client.request(method, url, headers=headers, json=json, params=params)

        try:
            try:
                response = send()
            except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
                if method != "GET" and not again:
                    raise
                response = send()
        except httpx.TimeoutException as error:
            what = "connecting" if isinstance(error, httpx.ConnectTimeout) else "the answer"
            raise HttpError(f"timed out waiting for {what}") from None
        except httpx.ConnectError as error:
            raise HttpError(f"cannot connect ({_os_reason(error)})") from None
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, UnicodeError) as error:
            raise HttpError(f"no usable answer ({type(error).__name__})") from None
        try:
            body = response.json()
        except (ValueError, RecursionError):
            body = None
        return Answer(response.status_code, body)

    def close(self) -> None:
        """Close the pool."""
        self._client.close()


def _os_reason(error: httpx.ConnectError) -> str:
    text = str(error)
    return text.partition("] ")[2] or text or "no reason given"
