"""``?case=camel``: the words of the API as PortHub and TangleClaw write them, in questions, bodies and answers.

Keys alone are written otherwise, and only those that are the API's own: what somebody named stays as it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fleethub.server.errors import Refusal

SNAKE = re.compile(r"[a-z0-9]+(?:_[a-z0-9]+)+")
CAMEL = re.compile(r"[a-z0-9]+(?:[A-Z][a-z0-9]*)+")
NAMED = frozenset({"labels", "endpoints", "before", "after", "changes"})  # below these stand names and values
API = "/api/"


class CamelCase:
    """The application, asked and answering in camelCase where a request says so; as it is for all others."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._known: dict[str, bytes] = {}  # the last answer with a validator, in camelCase

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take ``case`` out of the question, and translate. Raises Refusal."""
        if not scope.get("query_string"):
            await self._app(scope, receive, send)
            return
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        case = [value for name, value in query if name == "case"]
        if scope["type"] != "http" or not scope["path"].startswith(API) or not case:
            await self._app(scope, receive, send)
            return
        if case not in (["camel"], ["snake"]):
            raise Refusal("VALIDATION", "query.case: it is camel or snake", problems=[{"at": "query.case"}])
        camel = case == ["camel"]
        asked = [(snake(name) if camel else name, value) for name, value in query if name != "case"]
        scope = {**scope, "query_string": urlencode(asked).encode()}
        if not camel:
            await self._app(scope, receive, send)
            return
        scope["headers"] = [(name, value) for name, value in scope["headers"] if name != b"accept-encoding"]
        await self._app(scope, _asking(receive), _Answering(send, self._known))


def camel(name: str) -> str:
    """``key_cache`` as ``keyCache``; what is no such word as it is."""
    first, *more = name.split("_") if SNAKE.fullmatch(name) else [name]
    return first + "".join(word.capitalize() for word in more)


def snake(name: str) -> str:
    """``keyCache`` as ``key_cache``; what is no such word as it is."""
    return re.sub(r"[A-Z]", lambda found: f"_{found[0].lower()}", name) if CAMEL.fullmatch(name) else name


def translated(value: Any, word: Callable[[str], str]) -> Any:
    """A value with its keys in other words, but for what somebody named."""
    if isinstance(value, list):
        return [translated(one, word) for one in value]
    if not isinstance(value, dict):
        return value
    return {word(key): one if key in NAMED else translated(one, word) for key, one in value.items()}


def _asking(receive: Receive) -> Receive:
    """The body, which the guard has read whole and found to be JSON."""

    async def received() -> Message:
        message = await receive()
        if message["type"] != "http.request" or not message.get("body"):
            return message
        return {**message, "body": json.dumps(translated(json.loads(message["body"]), snake)).encode()}

    return received


class _Answering:
    """Holds the head of an answer back until its body is whole."""

    def __init__(self, send: Send, known: dict[str, bytes]) -> None:
        self._send, self._known, self._body = send, known, bytearray()
        self._head: Message | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._head = message
            if not Headers(raw=message["headers"]).get("content-type", "").startswith("application/json"):
                await self._send(message)
                self._head = None
            return
        if self._head is None:
            await self._send(message)
            return
        self._body += message.get("body", b"")
        if message.get("more_body", False):
            return
        head = {**self._head, "headers": list(self._head["headers"])}
        headers = MutableHeaders(scope=head)
        tag = headers.get("etag", "")
        if (data := self._known.get(tag)) is None:
            data = json.dumps(translated(json.loads(self._body), camel), ensure_ascii=False).encode()
            if tag:
                self._known.clear()
                self._known[tag] = data
        headers["Content-Length"] = str(len(data))
        await self._send(head)
        await self._send({"type": "http.response.body", "body": data})
