"""Routes that edit the spec. None applies anything: the answer says what the next apply does."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from fastapi import APIRouter
from starlette.responses import Response

from fleethub.model.finding import Finding
from fleethub.operations import SpecError
from fleethub.operations import capacity as use
from fleethub.operations import edit as edits
from fleethub.operations.snapshots import View
from fleethub.server.answers import ErrorAnswer, WriteAnswer, findings_data, plan_summary
from fleethub.server.bodies import AssignBody, Body, NodeBody, ReleaseBody
from fleethub.server.errors import Refusal, json_response
from fleethub.server.reading import ABSENT, BROKEN, GUARDED, INVALID, Errors
from fleethub.server.site import Site, looked, usable
from fleethub.views.capacity import answer_data
from fleethub.views.data import finding_data

log = logging.getLogger(__name__)
WRITES: Errors = {
    **GUARDED,
    **INVALID,
    **ABSENT,
    **BROKEN,
    409: {"model": ErrorAnswer, "description": "Another's entry, no room in VRAM, a refusing finding, or a race lost"},
    413: {"model": ErrorAnswer, "description": "More than 64 KiB"},
    415: {"model": ErrorAnswer, "description": "A browser's write that is not application/json"},
}
WRITERS = 8  # at once: those who wait for a look at the network must not take every thread from the readers
DONE: Errors = {200: {"model": WriteAnswer}}


def writing(site: Site) -> APIRouter:
    """The routes of one fleet."""
    router = APIRouter(prefix="/api/fleet", responses=WRITES)
    few = CapacityLimiter(WRITERS)

    async def edited(edit: Any, body: Body, models: Iterable[str] = ()) -> Response:
        return await run_sync(_edit, site, edit, body, tuple(models), limiter=few)

    @router.post("/assign", responses=DONE, summary="Give a node another model")
    async def assign(body: AssignBody) -> Response:
        """Makes `model` the first of the node's chain, where its backends hold it; renewing is no conflict."""
        return await edited(edits.Assign(body.node, body.model), body, [body.model])

    @router.post("/release", responses=DONE, summary="Take a node out of the fleet")
    async def release(body: ReleaseBody) -> Response:
        """Removes the node's block from the spec. The next apply then deletes the node, as `next` says."""
        return await edited(edits.Release(body.node), body)

    @router.post(
        "/nodes",
        responses={**DONE, 201: {"model": WriteAnswer, "description": "A node that was not there"}},
        summary="Register a node, or renew it",
    )
    async def nodes(body: NodeBody) -> Response:
        """A new node is 201; the owner's own again is 200 and changes only the fields that are sent."""
        sent = body.model_dump(exclude={"name", "project", "force", "labels"}, exclude_none=True)
        fields = sent | {f"labels.{name}": value for name, value in (body.labels or {}).items()}
        models = [name for name in (body.model, *(body.fallbacks or ())) if name is not None]
        return await edited(edits.Register(body.name, fields), body, models)

    return router


def _view(site: Site) -> View:
    """What a write is judged with: never from nothing, nor from what is stale."""
    usable(site.snapshots.current())
    return usable(site.snapshots.within(site.stale_after))


def _known(view: View, models: Iterable[str]) -> None:
    known = view.fleet.models if view.fleet else {}
    for name in models:
        if name not in known:
            raise Refusal("NOT_FOUND", f"there is no model {name!r} in the spec", known=sorted(known))


def _edit(site: Site, edit: Any, body: Body, models: tuple[str, ...]) -> Response:
    """Propose, judge, write; raises Refusal."""
    view = _view(site)
    _known(view, models)
    try:
        proposal = edits.propose(site.path, edit, body.project, body.force, view.facts, site.trusting, api=True)
        if _unjudged(proposal):  # a model may have been pulled since the last look
            view = usable(site.snapshots.refresh())
            proposal = edits.propose(site.path, edit, body.project, body.force, view.facts, site.trusting, api=True)
        if proposal.refused:
            _remember(proposal)
            raise _refusal(view, proposal, models)
        written = edits.write(proposal)
    except SpecError as error:
        raise Refusal(
            "SPEC_BROKEN",
            "the spec does not hold together, so it is not edited",
            findings=findings_data(error.findings),
        ) from None
    except edits.EditError as error:
        raise Refusal(
            {"unknown-node": "NOT_FOUND", "by-hand": "REFUSED"}.get(error.code, "VALIDATION"), str(error)
        ) from None
    except edits.SpecChanged as error:
        raise Refusal("STALE", str(error)) from None
    except edits.LockedError as error:
        raise Refusal("LOCKED", str(error)) from None
    except OSError as error:
        raise Refusal("UNWRITABLE", f"the spec cannot be written: {error.strerror}") from None
    now = site.snapshots.current()
    new = proposal.action == "register" and not proposal.nothing
    return json_response(_answer(proposal, written, now, edit.node), 201 if new else 200)


def _remember(proposal: edits.Proposal) -> None:
    """Record a refusal; where that cannot be written, who was refused is told why all the same."""
    try:
        edits.refuse(proposal)
    except OSError as error:
        log.error("a refusal could not be recorded: %s", error.strerror)


def _unjudged(proposal: edits.Proposal) -> bool:
    found = proposal.plan.findings if proposal.plan is not None and not proposal.plan.fatal else ()
    return any(f.code == "capacity.unknown" for f in found)


def _answer(proposal: edits.Proposal, written: edits.Written, now: View, name: str) -> dict[str, Any]:
    node = now.fleet.nodes.get(name) if now.fleet else None
    says = "nothing is written: the spec says so already"
    if written.files:
        released = proposal.action == "release"
        does = f"deletes {proposal.address}: its files, its container, its key" if released else "carries it out"
        says = f"nothing is applied yet: the next fleethub apply {does}"
    return {
        "action": proposal.action,
        "project": proposal.project,
        "changed": bool(written.files),
        "spec": written.digest,
        "diff": list(proposal.diff),
        "notes": [*proposal.notes, *written.notes],
        "forced": {"displaced": proposal.displaced, "owner": proposal.entry} if proposal.displaced else None,
        "node": edits.entry_of(node) if node is not None else None,
        "plan": plan_summary(proposal.plan),
        "next": says,
    }


def _refusal(view: View, proposal: edits.Proposal, models: Iterable[str]) -> Refusal:
    """Why a proposal is not written, with all that the caller needs to go on."""
    if proposal.owned:
        return Refusal(
            "OWNED",
            f"{proposal.findings[0].message}. Ask them, or repeat with force to take it over.",
            owner=proposal.entry,
        )
    if proposal.findings:
        return Refusal("REFUSED", proposal.findings[0].message, findings=findings_data(proposal.findings))
    if proposal.conflicts:
        return Refusal(
            "CAPACITY_CONFLICT",
            proposal.conflicts[0].message,
            capacity=[_conflict(view, f, models) for f in proposal.conflicts],
            policy=proposal.overcommit,
        )
    found = proposal.plan.findings if proposal.plan else ()
    return Refusal("REFUSED", "no plan can be made, so what this would do is not known", findings=findings_data(found))


def _conflict(view: View, finding: Finding, models: Iterable[str]) -> dict[str, Any]:
    """One backend's arithmetic (the finding's detail), and for each model asked for what would fit there."""
    backend = finding.address.name if finding.address else ""
    answers = []
    for model in dict.fromkeys(models):
        if view.fleet is None or backend not in view.fleet.models[model].backends:
            continue
        try:
            answers.append(answer_data(use.ask_one(looked(view), use.Question(backend, model))))
        except use.AskError:
            continue
    return {"backend": backend, "finding": finding_data(finding), "answers": answers}
