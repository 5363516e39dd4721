"""``GET /api/fleet/place`` and the tool of that name: where a model could go, or where all of the fleet should lie."""

from __future__ import annotations

from typing import Annotated, Any

from anyio.to_thread import run_sync
from fastapi import APIRouter, Query
from pydantic import Field
from starlette.responses import Response

from fleethub.operations import place
from fleethub.operations.inputs import CapacityInput, Label, Name
from fleethub.operations.snapshots import Snapshot
from fleethub.server.answers import Answered, Observation, observation
from fleethub.server.errors import Refusal
from fleethub.server.reading import ABSENT, AMISS, BROKEN, GUARDED, INVALID, capacity_data
from fleethub.server.site import Site, age_of, asking, looked
from fleethub.views.place import placing_data, summary_data


class PlaceInput(CapacityInput):
    """Where one model could go; without a model, where all of the fleet should lie."""

    model: Annotated[Label | None, Field(description="an alias, an installed tag, or any name with params")] = None
    backend: None = None
    drain: Annotated[tuple[Name, ...], Field(max_length=64, description="Without model: backends to be emptied.")] = ()


class RankAnswer(Answered):
    """One backend for a model: whether it fits there, and how many bytes are left (negative: missing)."""

    backend: str
    fit: str
    headroom: int | None
    reason: str | None
    unobserved: str | None
    model: dict[str, Any]


class PlaceAnswer(Answered):
    """For a model its backends, the best first (``places``). Else a ``proposal`` for the whole fleet, of which nothing
    is written: moves, sums, what is left, what did not answer and the spec's diff, by ``type``; ``summary`` counts what
    is wrong before and after.
    """

    observation: Observation
    places: list[RankAnswer] | None = None
    proposal: list[dict[str, Any]] | None = None
    summary: dict[str, Any] | None = None


def place_data(site: Site, seen: Snapshot, asked: PlaceInput) -> dict[str, Any]:
    """What is answered; raises Refusal and FleetHubError. ``seen``: one that is usable."""
    told = {"observation": observation(seen, site.stale_after)}
    if asked.model is not None:
        if asked.drain:
            raise Refusal("QUESTION", "drain is about the whole fleet: leave out model")
        one = CapacityInput.model_validate(asked.model_dump(exclude={"drain"}, exclude_none=True))
        return told | capacity_data(looked(seen), one)
    if about := sorted(asked.model_dump(exclude={"drain"}, exclude_none=True)):
        raise Refusal("QUESTION", f"{about[0]} is about one model: name it with model=")
    known = looked(seen).fleet.backends
    if absent := [name for name in asked.drain if name not in known]:
        raise Refusal("NOT_FOUND", f"no backend is called {absent[0]!r}", known=sorted(known))
    with site.placing:  # a proposal for a thousand backends takes seconds of the processor
        if site.placed is None or site.placed[0] is not seen or site.placed[1] != asked.drain:
            done = place.shown(site.path, looked(seen), place.PlaceInput(asked.drain))
            found = done.data.placing
            summary = {"exit": int(done.exit), **summary_data(found)}
            data = {"proposal": placing_data(found, done.data.diff), "summary": summary}
            site.placed = seen, asked.drain, data
        return told | site.placed[2]


def placing(site: Site) -> APIRouter:
    """The route of one fleet."""
    router, few = APIRouter(responses=GUARDED), asking()

    @router.get(
        "/api/fleet/place",
        responses={200: {"model": PlaceAnswer}, **INVALID, **ABSENT, **AMISS, **BROKEN},
        summary="Where models should lie",
    )
    async def proposed(asked: Annotated[PlaceInput, Query()]) -> Response:
        """What `fleethub place --json` says of the last observation; with a model its backends, the best first."""
        snapshot = await site.good()
        return site.response(await run_sync(place_data, site, snapshot, asked, limiter=few), headers=age_of(snapshot))

    return router
