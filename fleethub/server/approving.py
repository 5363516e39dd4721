"""What agents proposed: everybody may see it, and a person, known by a token of their own, decides it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any, Literal

from anyio.to_thread import run_sync
from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from fleethub.model.edit import Proposal, WaitingProposal
from fleethub.operations import proposals
from fleethub.operations.edit import EditInput, propose
from fleethub.operations.outcome import Outcome
from fleethub.operations.snapshots import clock
from fleethub.server.access import person_of
from fleethub.server.answers import Answered, findings_data
from fleethub.server.errors import Refusal
from fleethub.server.reading import ABSENT, BROKEN, GUARDED, INVALID
from fleethub.server.site import Site, asking, usable
from fleethub.stores.interface import Store


class Decision(BaseModel):
    """``plan``: the id of the plan that the person saw."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, hide_input_in_errors=True)

    decision: Literal["approve", "decline"]
    plan: Annotated[str | None, Field(max_length=64, description="with approve: the plan that was seen")] = None


class ProposalsAnswer(Answered):
    """What waits, the oldest first; ``person``: who asks, where that is somebody who may decide."""

    person: str | None
    proposals: list[dict[str, Any]]


def approving(site: Site) -> APIRouter:
    """The routes of one fleet."""
    router = APIRouter(prefix="/api/fleet/proposals", responses={**GUARDED, **BROKEN})
    few = asking()

    @router.get("", responses={200: {"model": ProposalsAnswer}}, summary="What agents proposed")
    async def listed(request: Request) -> Response:
        """Edits that wait for a person; nothing of them is in the spec."""
        waiting = await run_sync(waiting_at, site, limiter=few)
        return site.response({"person": person_of(request.scope), "proposals": [asdict(one) for one in waiting]})

    @router.post("/{name}", responses={**INVALID, **ABSENT}, summary="Approve a proposal, or decline it")
    async def decided(name: str, body: Decision, request: Request) -> Response:
        """An approved edit is written into the spec, if its plan is still the one that the person saw."""
        person = person_of(request.scope)
        if person is None:
            raise Refusal("NO_PERSON", "a person's own token decides this: fleethub serve --person NAME=REF")
        return await run_sync(_decide, site, name, body, person, limiter=few)

    return router


def waiting_at(site: Site) -> tuple[WaitingProposal, ...]:
    """What waits in the fleet's store, read a moment ago at most: a page asks again and again."""
    known = site.waiting
    if known is None or site.waiting_is_old():
        with site.store() as store:
            found = proposals.waiting(store)
        known = site.waiting = (clock(), found)
    return known[1]


def _decide(site: Site, name: str, body: Decision, person: str) -> Response:
    site.waiting = None
    with site.store() as store:
        answer = _decided(site, store, name, body, person)
    site.waiting = None
    return answer


def _decided(site: Site, store: Store, name: str, body: Decision, person: str) -> Response:
    if body.decision == "decline":
        proposals.decline(store, proposals.any_named(store, name), person)
        return site.response({"declined": name})
    one = proposals.named(store, name)
    facts = usable(site.snapshots.within(site.stale_after)).facts

    def judge(asked: EditInput) -> Outcome[Proposal]:
        return propose(site.path, asked, facts, site.trusting, api=True)

    done = proposals.judged(judge, one)
    made = done.data
    if made.refused:
        found = (*made.findings, *made.conflicts, *(made.plan.findings if made.plan and made.plan.fatal else ()))
        raise Refusal("REFUSED", f"{one.id} is refused by now: nothing was written", findings=findings_data(found))
    now = made.plan.id if made.plan else ""
    if body.plan != now:
        says = made.plan.sentence if made.plan else ""
        message = f"{one.id} would do something else by now: look at it again, and approve plan {now or '(none)'}"
        raise Refusal("STALE", message, plan=now, sentence=says, diff=list(made.diff))
    written = proposals.approve(store, one, made, person)
    return site.response(
        {
            "approved": name,
            "files": list(written.files),
            "spec": written.digest,
            "next": "fleethub apply carries it out",
        }
    )
