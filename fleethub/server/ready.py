"""The two reads that nearly all ask for, the fleet and the page, without the routing and dependencies of FastAPI.

Those take several times what finding bytes that are ready takes. Whatever else is asked, or goes wrong, is the routes'.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from fleethub.model.errors import FleetHubError
from fleethub.server.errors import Refusal
from fleethub.server.page import Pages
from fleethub.server.reading import fleet_response
from fleethub.server.site import Site

Answer = Callable[[Request], Awaitable[Response]]


class Ready:
    """The application behind the guards: it answers the same as its routes do, which are what is documented."""

    def __init__(self, app: ASGIApp, site: Site, pages: Pages) -> None:
        self._app = app
        self._answers: dict[str, Answer] = {"/api/fleet": partial(fleet_response, site), "/": pages.answer}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer what has no query; a refusal is told by the routes, which know how."""
        plain = scope["type"] == "http" and scope["method"] == "GET" and not scope.get("query_string")
        answer = self._answers.get(scope["path"]) if plain else None
        response: ASGIApp = self._app
        if answer is not None:
            with suppress(Refusal, FleetHubError):
                response = await answer(Request(scope))
        await response(scope, receive, send)
