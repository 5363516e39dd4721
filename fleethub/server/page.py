"""The page at ``/``: from the API's own snapshot, rendered once for all who look; a little script refreshes it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from fleethub.operations.snapshots import Snapshot
from fleethub.server.access import person_of
from fleethub.server.encoded import Encoded
from fleethub.server.errors import Refusal
from fleethub.server.kept import NOTHING, Kept, KeptCache
from fleethub.server.page_text import aged, page_text, policy, template
from fleethub.server.site import Site
from fleethub.views.commands import AS_WRITTEN, Commands

NONE: Mapping[str, str] = {}  # no question


def page(pages: Pages) -> APIRouter:
    """The route of one fleet."""
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    async def index(request: Request) -> Response:
        """For people; without script too."""
        given = {name: value for name, value in request.query_params.items() if value}
        return await pages.answer(request, given)

    @router.get("/person")
    def person(request: Request) -> Response:
        """Where a browser asks its user for a token; then back to the page."""
        if person_of(request.scope) is None:
            ask = {"WWW-Authenticate": 'Basic realm="FleetHub", charset="UTF-8"'}
            raise Refusal("UNAUTHORIZED", "this needs the token of a person: fleethub serve --person NAME=REF", ask)
        return Response(status_code=303, headers={"Location": "./#proposals-h"})

    return router


class Pages:
    """The page of one fleet: its text is rendered when something of it changed, its bytes are made once a second."""

    def __init__(self, site: Site) -> None:
        template(), policy()  # now: the package may be replaced while it is served
        self._site, self._kept = site, KeptCache(site)
        self._of: tuple[Snapshot, bool, Kept] | None = None
        self._texts: dict[str | None, str] = {}  # by the person who looks: there are few
        self._bodies: dict[str | None, tuple[int | None, Encoded]] = {}
        self._lock = asyncio.Lock()

    async def answer(self, request: Request, given: Mapping[str, str] = NONE) -> Response:
        """The page, or what the form's question is answered."""
        site, who = self._site, person_of(request.scope)
        kept, snapshot = await self._kept.now(), await site.latest()
        if given:
            told = (snapshot, given, site.stale_after, kept, who, site.commands)
            return await run_in_threadpool(page_response, *told)
        now, age = (snapshot, is_stale(snapshot, site.stale_after), kept), snapshot.age
        seconds = None if age is None else int(age)
        async with self._lock:  # who comes meanwhile waits for what is rendered, and takes no thread
            if self._of is None or any(one is not other for one, other in zip(self._of, now, strict=True)):
                self._of, self._texts, self._bodies = now, {}, {}
            if who not in self._texts:
                words = (snapshot, NONE, now[1], site.stale_after, kept, who, site.commands)
                self._texts[who], _ = await run_in_threadpool(page_text, *words)
            if who not in self._bodies or self._bodies[who][0] != seconds:
                text = aged(self._texts[who], seconds).encode()
                made = Encoded(text, "text/html; charset=utf-8", _headers(), validate=False)
                self._bodies[who] = (seconds, made)
            body = self._bodies[who][1]
        return await body.response(request.headers)


def _headers() -> dict[str, str]:
    return {"Content-Security-Policy": policy(), "Cache-Control": "no-store"}


def is_stale(snapshot: Snapshot, stale_after: float) -> bool:
    """Whether nothing of it should be taken for the present."""
    return snapshot.age is not None and snapshot.age > stale_after


def page_response(
    snapshot: Snapshot,
    given: Mapping[str, str],
    stale_after: float,
    kept: Kept = NOTHING,
    person: str | None = None,
    commands: Commands = AS_WRITTEN,
) -> Response:
    """HTML with a policy that lets nothing run or load but its own inline parts."""
    stale = is_stale(snapshot, stale_after)
    text, status = page_text(snapshot, given, stale, stale_after, kept, person, commands)
    return Response(aged(text, snapshot.age), status, _headers(), "text/html")
