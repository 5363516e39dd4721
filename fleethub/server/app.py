"""The application of one fleet: guards, routes, page, and errors in one shape."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from fleethub import __version__
from fleethub.model.errors import FleetHubError
from fleethub.server.access import OPEN, AccessGuard, AccessPolicy
from fleethub.server.approving import approving
from fleethub.server.camel import CamelCase
from fleethub.server.errors import BUG, Refusal, invalid, refusal_of
from fleethub.server.page import Pages, page
from fleethub.server.placing import placing
from fleethub.server.reading import reading
from fleethub.server.ready import Ready
from fleethub.server.site import Site
from fleethub.server.writing import writing
from fleethub.views.commands import Commands

ABOUT = """What runs where in one self-hosted inference fleet, whether it fits, and edits of its spec.

Reads have no side effects. Writes edit the spec and never apply: `fleethub apply` does. Every error is
`{error, code, …}`. With `?case=camel` keys are written as in
`staleAfter`, asked and answered. `project` says who asks; it is no authentication."""


def build(site: Site, policy: AccessPolicy) -> ASGIApp:
    """Everything behind the guards."""
    pages = Pages(site)
    return AccessGuard(CamelCase(Ready(api(site, policy, pages), site, pages)), policy)


def api(site: Site, policy: AccessPolicy | None = None, pages: Pages | None = None) -> FastAPI:
    """The routes, without what guards them. No page of documentation: it would fetch its scripts from elsewhere."""
    about = site.commands.whole(ABOUT)
    app = FastAPI(
        title="FleetHub", version=__version__, description=about, docs_url=None, redoc_url=None, redirect_slashes=False
    )
    app.include_router(reading(site))
    app.include_router(placing(site))
    app.include_router(writing(site))
    app.include_router(approving(site))
    app.include_router(page(pages or Pages(site)))
    for kind, answer in _handlers(site.commands).items():
        app.add_exception_handler(kind, answer)
    make = app.openapi

    def openapi() -> dict[str, Any]:
        """Without the answer 422, which is 400 here, and with the token where there is one."""
        schema = make()
        for path in schema["paths"].values():
            for operation in path.values():
                operation["responses"].pop("422", None)
        if policy is not None and (policy.token is not None or policy.people):
            schema["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
            schema["security"] = [{"token": []}]
            for path in OPEN:
                schema["paths"][path]["get"]["security"] = []
        return schema

    app.openapi = openapi  # type: ignore[method-assign]
    return app


def _handlers(commands: Commands) -> dict[type[Exception], Any]:
    """How each kind of error is answered."""

    async def refused(request: Request, error: Refusal) -> Response:
        return error.response(commands)

    async def cannot(request: Request, error: FleetHubError | OSError) -> Response:
        return refusal_of(error).response(commands)

    async def http(request: Request, error: HTTPException) -> Response:
        if error.status_code == 404:
            return Refusal("NOT_FOUND", f"there is no {request.url.path[:200]}; see /openapi.json").response()
        if error.status_code == 405:
            message = f"{request.method} is not what {request.url.path} answers"
            return Refusal("METHOD_NOT_ALLOWED", message, error.headers).response()
        return Refusal("BAD_REQUEST", "the request cannot be read").response()

    async def wrong(request: Request, error: RequestValidationError) -> Response:
        return invalid(error.errors()).response()

    async def bug(request: Request, error: Exception) -> Response:
        return BUG.response()

    return {
        Refusal: refused,
        FleetHubError: cannot,
        OSError: cannot,
        HTTPException: http,
        RequestValidationError: wrong,
        Exception: bug,
    }
