"""Routes that only tell. None has a side effect: what they answer from was read before."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from anyio.to_thread import run_sync
from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from fleethub import __version__
from fleethub.model.errors import InputError
from fleethub.operations.capacity import UNKNOWN_BACKEND, CapacityResult, LookResult, run
from fleethub.operations.history import last_done
from fleethub.operations.inputs import CapacityInput
from fleethub.server.answers import (
    CapacityAnswer,
    ErrorAnswer,
    FleetAnswer,
    Health,
    HistoryAnswer,
    NodeAnswer,
    PlanAnswer,
    observation,
    plan_body,
)
from fleethub.server.errors import Refusal
from fleethub.server.metrics import KIND, metrics_text
from fleethub.server.site import Site, age_of, asking, looked, usable
from fleethub.views.capacity_data import answer_data, rank_data, report_data
from fleethub.views.fleet_status import status_data
from fleethub.views.log import entry_data

Errors = dict[int | str, dict[str, Any]]
GUARDED: Errors = {
    401: {"model": ErrorAnswer, "description": "A token is configured, and this is not it"},
    403: {"model": ErrorAnswer, "description": "A foreign Host, or a write on behalf of another site"},
}
BROKEN: Errors = {503: {"model": ErrorAnswer, "description": "The spec has never held together since the start"}}
INVALID: Errors = {400: {"model": ErrorAnswer, "description": "Something is not as it must be; `problems` say what"}}
ABSENT: Errors = {404: {"model": ErrorAnswer, "description": "A name that nothing has"}}
AMISS: Errors = {
    409: {"model": ErrorAnswer, "description": "A question that goes neither together nor with this fleet"}
}
AGED = {"Age": {"description": "Seconds since the observation", "schema": {"type": "integer", "minimum": 0}}}


def reading(site: Site) -> APIRouter:
    """The routes of one fleet."""
    router = APIRouter(responses=GUARDED)
    few = asking()
    answers: Errors = {200: {"model": FleetAnswer, "headers": AGED}, 304: {"description": "As the ETag says"}}

    @router.get("/api/fleet", responses={**answers, **BROKEN}, summary="The whole fleet")
    async def fleet(request: Request) -> Response:
        """Who runs what, where, how full; drift, changes and findings. Sizes in bytes, times in UTC."""
        return await fleet_response(site, request)

    @router.get("/api/fleet/plan", responses={200: {"model": PlanAnswer}, **BROKEN}, summary="What would change")
    async def plan() -> Response:
        """The plan that the last observation gives; `fleethub apply` reads anew before it does anything."""
        snapshot = await site.good()
        return site.response(plan_body(snapshot, site.stale_after), headers=age_of(snapshot))

    @router.get("/api/fleet/nodes/{name}", responses={200: {"model": NodeAnswer}, **ABSENT, **BROKEN}, summary="A node")
    async def node(name: str) -> Response:
        """Who it is, what it runs and what a plan would do with it; 404 with the names that there are."""
        snapshot = await site.good()
        assert snapshot.fleet_status is not None
        found = status_data(snapshot.fleet_status)
        one = next((row for row in found["nodes"] if row["name"] == name), None)
        if one is None:
            known = sorted(row["name"] for row in found["nodes"])
            raise Refusal("NOT_FOUND", f"there is no node {name[:100]!r}", known=known)
        keys = [key for key in found["keys"] if name in key["nodes"]]
        data = {"observation": observation(snapshot, site.stale_after), "node": one, "keys": keys}
        return site.response(data, headers=age_of(snapshot))

    @router.get(
        "/api/fleet/history",
        responses={200: {"model": HistoryAnswer}, **INVALID, **BROKEN},
        summary="What was done, and by whom",
    )
    async def history(
        limit: Annotated[int, Query(ge=1, le=1000)] = 50, address: Annotated[str, Query(max_length=300)] = ""
    ) -> Response:
        """The latest first, bounded by `limit`; `address` leaves what concerns it."""
        fleet = (await site.good()).fleet
        assert fleet is not None

        def done() -> list[dict[str, Any]]:
            with site.store() as store:
                return [entry_data(one) for one in last_done(store, Path(fleet.root), limit, address)]

        return site.response({"entries": await run_sync(done, limiter=few)})

    @router.get(
        "/api/fleet/capacity",
        responses={200: {"model": CapacityAnswer}, **INVALID, **ABSENT, **AMISS, **BROKEN},
        summary="What fits into the VRAM",
    )
    def capacity(asked: Annotated[CapacityInput, Query()]) -> Response:
        """Judged from the last observation; a model that is not installed can be described by params and quant."""
        snapshot = usable(site.snapshots.current())
        data = {"observation": observation(snapshot, site.stale_after), **capacity_data(looked(snapshot), asked)}
        return site.response(data, headers=age_of(snapshot))

    @router.get("/healthz", response_model=Health, summary="Does the server live?")
    async def healthz() -> Response:
        """Needs no token and tells nothing of the fleet."""
        return site.response({"ok": True, "version": __version__})

    @router.get("/metrics", responses={200: {"content": {"text/plain": {}}}}, summary="For Prometheus")
    async def metrics() -> Response:
        """Headroom, drift, unknowns, findings, ages."""
        text = metrics_text(await site.latest(), site.snapshots.refreshes, site.snapshots.failures)
        return Response(text, headers={"Content-Type": KIND, "Cache-Control": "no-store"})

    return router


async def fleet_response(site: Site, request: Request) -> Response:
    """The answer of ``GET /api/fleet``; raises Refusal."""
    snapshot = await site.good()
    age = snapshot.age
    return await site.encoded(snapshot).response(request.headers, None if age is None else int(age))


def capacity_data(seen: LookResult, asked: CapacityInput) -> dict[str, Any]:
    """One of backends, answer and places; raises Refusal and InputError."""
    found = capacity_of(seen, asked)
    if found.answer is not None:
        return {"answer": answer_data(found.answer)}
    if asked.model is not None:
        return {"places": [rank_data(r) for r in found.places]}
    return {"backends": [report_data(r) for r in found.reports]}


def capacity_of(seen: LookResult, asked: CapacityInput) -> CapacityResult:
    """The answer to a question as it comes by HTTP; raises Refusal and InputError."""
    about_one = ("context", "parallel", "kv_type", "params", "quant")
    loose = [name for name in about_one if getattr(asked, name) is not None and asked.model is None]
    if loose:
        raise Refusal("QUESTION", f"{loose[0]} is about one model: name it with model=")
    if asked.quant is not None and asked.params is None:
        raise Refusal("QUESTION", "quant goes with params: params=32B&quant=Q4_K_M")
    try:
        return run(seen, asked).data
    except InputError as error:
        if error.code == UNKNOWN_BACKEND:
            raise Refusal("NOT_FOUND", error.message, known=sorted(seen.fleet.backends)) from None
        if error.code == "absent" and asked.model is not None:
            absent = f"{asked.model} is neither in the spec nor installed on a backend that answers"
            raise Refusal("NOT_FOUND", f"{absent}: describe it with params=32B&quant=Q4_K_M") from None
        raise
