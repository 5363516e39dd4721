"""Routes that edit the spec. None applies anything: the answer says what the next apply does."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from fastapi import APIRouter
from starlette.responses import Response

from fleethub.model.edit import Proposal, WrittenEdit
from fleethub.model.errors import InputError
from fleethub.model.facts import Facts
from fleethub.model.finding import Finding
from fleethub.operations import capacity, edit_write
from fleethub.operations.edit import EditInput, propose
from fleethub.operations.edit_ownership import by_name, entry_of, number_of
from fleethub.operations.inputs import AssignInput, CapacityInput, NodeInput, RegisterInput, ReleaseInput
from fleethub.operations.snapshots import Snapshot
from fleethub.server.answers import ErrorAnswer, WriteAnswer, findings_data, plan_summary
from fleethub.server.errors import Refusal
from fleethub.server.reading import ABSENT, BROKEN, GUARDED, INVALID, Errors
from fleethub.server.site import Site, looked, usable
from fleethub.views.capacity_data import answer_data
from fleethub.views.data import finding_data

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

    async def edited(asked: NodeInput) -> Response:
        return await run_sync(_edit, site, asked, limiter=few)

    @router.post("/assign", responses=DONE, summary="Give a node another model")
    async def assign(body: AssignInput) -> Response:
        """Makes `model` the first of the node's chain, where its backends hold it; renewing is no conflict."""
        return await edited(body)

    @router.post("/release", responses=DONE, summary="Take a node out of the fleet")
    async def release(body: ReleaseInput) -> Response:
        """Removes the node's block from the spec. The next apply then deletes the node, as `next` says."""
        return await edited(body)

    @router.post(
        "/nodes",
        responses={**DONE, 201: {"model": WriteAnswer, "description": "A node that was not there"}},
        summary="Register a node, or renew it",
    )
    async def nodes(body: RegisterInput) -> Response:
        """A new node is 201; the owner's own again is 200 and changes only the fields that are sent."""
        return await edited(body)

    return router


def _snapshot(site: Site) -> Snapshot:
    """What a write is judged with: never from nothing, nor from what is stale."""
    usable(site.snapshots.current())
    return usable(site.snapshots.within(site.stale_after))


def _known(snapshot: Snapshot, models: Iterable[str]) -> None:
    known = snapshot.fleet.models if snapshot.fleet else {}
    for name in models:
        if name not in known:
            raise Refusal("NOT_FOUND", f"there is no model {name!r} in the spec", known=sorted(known))


def _edit(site: Site, asked: NodeInput) -> Response:
    """Propose, judge, write; raises Refusal and FleetHubError."""
    snapshot, models, edit = _snapshot(site), tuple(asked.models()), asked.edit()
    _known(snapshot, models)
    if isinstance(asked, ReleaseInput) and snapshot.fleet is not None and asked.node not in snapshot.fleet.nodes:
        return site.response(_gone(snapshot, asked))

    def fresh() -> Facts | None:
        nonlocal snapshot
        snapshot = usable(site.snapshots.refresh())
        return snapshot.facts

    asks = EditInput(edit, asked.project, asked.force)

    def once() -> tuple[Proposal, WrittenEdit]:
        proposal = propose(site.path, asks, snapshot.facts, site.trusting, api=True, fresh=fresh).data
        if proposal.refused:
            raise _refusal(snapshot, proposal, models)
        return proposal, edit_write.write(proposal)

    proposal, written = edit_write.anew(once)
    now = site.snapshots.current()
    new = proposal.action == "register" and not proposal.nothing
    return site.response(_answer(proposal, written, now, edit.node), 201 if new else 200)


def _gone(snapshot: Snapshot, asked: ReleaseInput) -> dict[str, Any]:
    """Releasing what is not there is fine, and said: whoever asks twice is told the same."""
    left = any(node.name == asked.node for node in snapshot.fleet_status.nodes) if snapshot.fleet_status else False
    does = f"; the next fleethub apply takes node.{asked.node} down" if left else ""
    says = f"nothing is written: there is no node {asked.node} in the spec{does}"
    return {
        "action": "release",
        **_asker(snapshot, by_name(Path(snapshot.fleet.root), asked.project) if snapshot.fleet else asked.project),
        "changed": False,
        "spec": snapshot.fleet.digest if snapshot.fleet else "",
        "diff": [],
        "notes": [f"there is no node {asked.node} in the spec"],
        "forced": None,
        "node": None,
        "plan": plan_summary(snapshot.plan) if snapshot.facts else None,
        "next": says,
    }


def _answer(proposal: Proposal, written: WrittenEdit, now: Snapshot, name: str) -> dict[str, Any]:
    node = now.fleet.nodes.get(name) if now.fleet else None
    says = "nothing is written: the spec says so already"
    if written.files:
        released = proposal.action == "release"
        does = f"deletes {proposal.address}: its files, its container, its key" if released else "carries it out"
        says = f"nothing is applied yet: the next fleethub apply {does}"
    return {
        "action": proposal.action,
        **_asker(now, proposal.project),
        "changed": bool(written.files),
        "spec": written.digest,
        "diff": list(proposal.diff),
        "notes": [*proposal.notes, *written.notes],
        "forced": {"displaced": proposal.displaced, "owner": proposal.entry} if proposal.displaced else None,
        "node": entry_of(node) if node is not None else None,
        "plan": plan_summary(proposal.plan),
        "next": says,
    }


def _asker(snapshot: Snapshot, project: str) -> dict[str, str | None]:
    """A project by its name, and by TangleClaw's id of it where that is known."""
    number = number_of(Path(snapshot.fleet.root), project) if snapshot.fleet and project else None
    return {"project": project or None, "project_id": number}


def _refusal(snapshot: Snapshot, proposal: Proposal, models: Iterable[str]) -> Refusal:
    """Why a proposal is not written, with all that the caller needs to go on."""
    if proposal.owned:
        return Refusal(
            "OWNED",
            f"{proposal.findings[0].message}. Ask them, or repeat with force to take it over.",
            owner={**(proposal.entry or {}), **_asker(snapshot, (proposal.entry or {}).get("owner") or "")},
        )
    if proposal.findings:
        return Refusal("REFUSED", proposal.findings[0].message, findings=findings_data(proposal.findings))
    if proposal.conflicts:
        return Refusal(
            "CAPACITY_CONFLICT",
            proposal.conflicts[0].message,
            capacity=[_conflict(snapshot, f, models) for f in proposal.conflicts],
            policy=proposal.overcommit,
        )
    found = proposal.plan.findings if proposal.plan else ()
    return Refusal("REFUSED", "no plan can be made, so what this would do is not known", findings=findings_data(found))


def _conflict(snapshot: Snapshot, finding: Finding, models: Iterable[str]) -> dict[str, Any]:
    """One backend's arithmetic (the finding's detail), and for each model asked for what would fit there."""
    backend = finding.address.name if finding.address else ""
    answers = []
    for model in dict.fromkeys(models):
        known = snapshot.fleet.models.get(model) if snapshot.fleet else None
        if known is None or backend not in known.backends:
            continue
        with suppress(InputError):
            answer = capacity.run(looked(snapshot), CapacityInput(backend=backend, model=model)).data.answer
            answers += [answer_data(answer)] if answer is not None else []
    return {"backend": backend, "finding": finding_data(finding), "answers": answers}
