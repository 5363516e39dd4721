"""What is judged before a route sees a request, in this order: Host, site, token, then size and form of the body.

Pure ASGI, because each must hold before any byte of a body is read. They add the headers that every answer has.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import ipaddress
import logging
import re
import traceback
from collections.abc import Iterable, Mapping
from dataclasses import field
from functools import lru_cache
from pathlib import Path

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fleethub.formats import strict
from fleethub.model.dataclass import dataclass
from fleethub.model.secret import Secret
from fleethub.server.errors import BUG, STOPPING, Refusal

log = logging.getLogger(__name__)
SAFE = ("GET", "HEAD", "OPTIONS")
OPEN = ("/healthz",)  # who watches a server has no token, and learns nothing but that it lives
PERSON = "fleethub.person"  # of a request: who was known by a token of their own
PAGES = ("/", "/person")  # what people open in a browser, which can be asked to show its own sign-in
HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^][:/@?#\s]+)(?::\d*)?")
LARGEST = 64 << 10  # bytes of a body
DIGITS = 20  # of a length; Python refuses to convert thousands of them
ALWAYS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)


@dataclass(frozen=True, slots=True)
class AccessPolicy:
    """Who is let in. ``hosts`` are names that are served beside loopback's and addresses; ``token`` None: anybody.
    ``people``: by their names the tokens of those who may decide what agents proposed; each lets in, too.
    """

    hosts: frozenset[str] = frozenset()
    token: Secret | None = None
    people: Mapping[str, Secret] = field(default_factory=dict)


class AccessGuard:
    """The outermost layer; whatever gets past it is a request that may be answered."""

    def __init__(self, app: ASGIApp, policy: AccessPolicy) -> None:
        self._app, self._policy = app, policy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with the refusal, or hand on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def sending(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message = {**message, "headers": [*message["headers"], *ALWAYS]}
            await send(message)

        try:
            headers = Headers(scope=scope)
            _host(headers, self._policy.hosts)
            if scope["method"] not in SAFE:
                _site(headers)
            scope[PERSON] = _token(headers, scope["path"], self._policy)
            if scope["method"] not in SAFE:
                receive = await _body(scope, headers, receive)
            # the server leaves the body of an answer to HEAD out by itself
            asked = {**scope, "method": "GET"} if scope["method"] == "HEAD" else scope
            await self._app(asked, receive, sending)
        except Refusal as refusal:
            await refusal.response()(scope, receive, sending)
        except asyncio.CancelledError:  # only the end of the server does that; its own log would be a traceback
            if not started:
                await STOPPING.response()(scope, receive, sending)
        except Exception as error:
            log.error("%s %r failed: %s", scope["method"], scope["path"], _where(error))
            if not started:
                await BUG.response()(scope, receive, sending)


def _host(headers: Headers, served: Iterable[str]) -> None:
    """Against DNS rebinding: a page of another name must not reach this server under that name."""
    name = hostname(headers.get("host", ""))
    if name == "localhost" or name in served or _is_address(name):
        return
    raise Refusal(
        "HOST_NOT_SERVED",
        f"this server is not called {name[:100]!r}; ask it by its address, or start it with --host and that name",
    )


@lru_cache(maxsize=64)
def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=64)
def hostname(netloc: str) -> str:
    """The name in a Host header, without port, brackets and trailing dot; empty for what is none."""
    found = HOST.fullmatch(netloc.lower())
    return found[1].strip("[]").rstrip(".") if found else ""


def _site(headers: Headers) -> None:
    """A browser says on whose behalf it asks; other programs send neither header."""
    origin = headers.get("origin")
    own = origin is None or origin.lower().partition("://")[2] == headers.get("host", "").lower()
    if headers.get("sec-fetch-site") == "cross-site" or not own:
        raise Refusal("CROSS_SITE_FORBIDDEN", "a page of another site may not write here")


def person_of(scope: Scope) -> str | None:
    """Who asks, where that is one of the policy's people."""
    found: str | None = scope.get(PERSON)
    return found


def _token(headers: Headers, path: str, policy: AccessPolicy) -> str | None:
    """Who shows the token of a person; raises Refusal for who shows none where one is needed, or a wrong one."""
    if path in OPEN or (policy.token is None and (not policy.people or "authorization" not in headers)):
        return None
    ask = {"WWW-Authenticate": 'Basic realm="FleetHub", charset="UTF-8"'} if path in PAGES else None
    scheme, _, rest = headers.get("authorization", "").partition(" ")
    given = rest.strip()
    if scheme.lower() == "basic":  # what a browser can send: any user, the token as the password
        given = _password(given)
    if scheme.lower() not in ("bearer", "basic") or not given:
        raise Refusal("UNAUTHORIZED", "Missing or malformed Authorization: Bearer header", ask)
    for name, token in policy.people.items():
        if hmac.compare_digest(given.encode(), token.reveal().encode()):
            return name
    if policy.token is None or not hmac.compare_digest(given.encode(), policy.token.reveal().encode()):
        raise Refusal("INVALID_SERVICE_TOKEN", "the token is not this server's", ask)
    return None


def _password(encoded: str) -> str:
    try:
        return base64.b64decode(encoded, validate=True).decode().partition(":")[2]
    except ValueError:  # neither base64 nor text, or not even ASCII
        return ""


async def _body(scope: Scope, headers: Headers, receive: Receive) -> Receive:
    """Read the body within its limit and see that it is JSON; returns a ``receive`` that plays it again."""
    declared = headers.get("content-length", "0")
    if declared.isdecimal() and (len(declared) > DIGITS or int(declared) > LARGEST):
        raise _too_large()
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    browser = "origin" in headers or any(name.startswith("sec-fetch-") for name in headers)
    if browser and kind != "application/json":
        raise Refusal("JSON_BODY_REQUIRED", "write Content-Type: application/json")
    data, more = bytearray(), True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":  # nobody is left to answer, and half an order is none
            raise Refusal("BAD_REQUEST", "the body ended before its length")
        part = message.get("body", b"")
        more = message.get("more_body", False)
        if len(data) + len(part) > LARGEST:
            raise _too_large()
        data += part
    if data:
        try:
            strict.loads(data)
        except (ValueError, RecursionError):  # UnicodeDecodeError is a ValueError
            raise Refusal("BAD_REQUEST", "the body is not JSON, or a key stands twice in it") from None
    # a program's body is JSON whatever it calls it: curl -d says it is a form
    kept = [(name, value) for name, value in scope["headers"] if name != b"content-type"]
    scope["headers"] = [*kept, (b"content-type", b"application/json")]
    played = False

    async def play() -> Message:
        nonlocal played
        if played:
            return await receive()
        played = True
        return {"type": "http.request", "body": bytes(data), "more_body": False}

    return play


def _too_large() -> Refusal:
    return Refusal("BODY_TOO_LARGE", f"a body has at most {LARGEST >> 10} KiB", {"Connection": "close"})


def _where(error: Exception) -> str:
    """Type and lines of code: source holds no values, so no secret, and the message might."""
    frames = traceback.extract_tb(error.__traceback__)[-4:]
    return f"{type(error).__name__} at " + " < ".join(f"{Path(f.filename).name}:{f.lineno}" for f in reversed(frames))
