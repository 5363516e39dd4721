"""The tools: each with its input, its answer's shape, and whether it may change anything."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from pydantic import BaseModel

from fleethub.model.dataclass import dataclass
from fleethub.model.edit import Proposal, WaitingProposal
from fleethub.operations import history, proposals, reasons
from fleethub.operations import verify as verifying
from fleethub.operations.inputs import AssignInput, CapacityInput, NodeInput, RegisterInput, ReleaseInput
from fleethub.server.answers import (
    CapacityAnswer,
    FleetAnswer,
    PlanAnswer,
    findings_data,
    observation,
    plan_body,
    plan_summary,
)
from fleethub.server.errors import Refusal
from fleethub.server.mcp.answers import (
    HistoryAnswer,
    ProposalAnswer,
    ProposalsAnswer,
    VerifyAnswer,
    WhyAnswer,
)
from fleethub.server.mcp.desk import Desk
from fleethub.server.mcp.inputs import (
    FleetInput,
    HistoryInput,
    Nothing,
    SeenInput,
    VerifyNodesInput,
    WhyInput,
)
from fleethub.server.placing import PlaceAnswer, PlaceInput, place_data
from fleethub.server.reading import capacity_data
from fleethub.server.site import looked
from fleethub.verifying.view import verify_data
from fleethub.views.log import entry_data
from fleethub.views.reasons import why_data


@dataclass(frozen=True, slots=True)
class Tool:
    """``changes``: it makes a proposal; ``destroys``: of taking something away. ``run`` may take seconds."""

    name: str
    title: str
    description: str
    asks: type[BaseModel]
    answers: type[BaseModel]
    run: Callable[[Desk, Any], dict[str, Any]]
    changes: bool = False
    destroys: bool = False


def _fleet(desk: Desk, asked: FleetInput) -> dict[str, Any]:
    seen = desk.seen(asked.max_age)
    body: dict[str, Any] = json.loads(seen.body)
    if asked.node is not None:
        body["nodes"] = _only(body["nodes"], "name", asked.node, "node")
    if asked.owner is not None:
        body["nodes"] = [node for node in body["nodes"] if node["owner"] == asked.owner]
    if asked.backend is not None:
        body["backends"] = _only(body["backends"], "name", asked.backend, "backend")
    return body


def _only(rows: list[dict[str, Any]], field: str, name: str, what: str) -> list[dict[str, Any]]:
    found = [row for row in rows if row[field] == name]
    if not found:
        known = sorted(row[field] for row in rows)
        raise Refusal("NOT_FOUND", f"no {what} is called {name!r}", known=known)
    return found


def _capacity(desk: Desk, asked: CapacityInput) -> dict[str, Any]:
    seen = desk.seen()
    return {"observation": observation(seen, desk.site.stale_after), **capacity_data(looked(seen), asked)}


def _place(desk: Desk, asked: PlaceInput) -> dict[str, Any]:
    return place_data(desk.site, desk.seen(), asked)


def _plan(desk: Desk, asked: SeenInput) -> dict[str, Any]:
    return plan_body(desk.seen(asked.max_age), desk.site.stale_after)


def _verify(desk: Desk, asked: VerifyNodesInput) -> dict[str, Any]:
    with desk.workplace() as workplace:
        done = verifying.run(workplace, verifying.VerifyInput(tuple(asked.nodes)))
    rows = [row for node in done.data.nodes for row in verify_data(node)]
    return {"nodes": rows, "findings": findings_data(done.findings), "exit": int(done.exit)}


def _history(desk: Desk, asked: HistoryInput) -> dict[str, Any]:
    with desk.workplace() as workplace:
        found = history.entries(workplace.store, workplace.root)
    if asked.address is not None:
        found = history.about(found, history.meant(asked.address, found))
    return {"lines": [entry_data(one) for one in found[: -asked.last - 1 : -1]]}


def _why(desk: Desk, asked: WhyInput) -> dict[str, Any]:
    with desk.workplace() as workplace:
        done = reasons.why(workplace, asked.address)
    if (found := done.data) is None:
        raise Refusal("REFUSED", "nothing may be asked", findings=findings_data(done.findings))
    parts = (found.address, found.reasons, found.applied, found.verdicts, found.change, found.findings, found.unknown)
    return dict(why_data(*parts))


def _proposals(desk: Desk, asked: Nothing) -> dict[str, Any]:
    with desk.workplace() as workplace:
        return {"proposals": [asdict(one) for one in proposals.waiting(workplace.store)]}


def _edit(desk: Desk, asked: NodeInput) -> dict[str, Any]:
    done = desk.offer(asked.edit(), asked.project, asked.force)
    proposal, waiting = done.data.proposal, done.data.waiting
    found = (*proposal.findings, *proposal.conflicts)
    if not found and proposal.plan is not None and proposal.plan.fatal:
        found = proposal.plan.findings
    body = {
        "state": "refused" if proposal.refused else "waiting" if waiting else "nothing",
        "says": proposal.says,
        "diff": list(proposal.diff),
        "plan": plan_summary(proposal.plan),
        "findings": findings_data(found),
        "owner": proposal.entry if proposal.owned else None,
    }
    if waiting is None:
        return body
    if desk.applies():
        return {**body, **_applied(desk, waiting, proposal)}
    return {**body, "id": waiting.id, "approve": desk.site.commands.whole(f"fleethub approve {waiting.id}")}


def _applied(desk: Desk, waiting: WaitingProposal, proposal: Proposal) -> dict[str, Any]:
    """Written and applied at once, as the spec's policy has it."""
    with desk.workplace() as workplace:
        proposals.approve(workplace.store, waiting, proposal, "[policy] agents")
    with desk.workplace() as workplace:  # the spec is another now
        done = proposals.carried_out(workplace, waiting)
    result = done.data
    failed = [{"step": step, "reason": reason} for step, reason in result.failed]
    became = {"done": list(result.done), "failed": failed, "left": list(result.skipped), "exit": int(done.exit)}
    return {"state": "applied", "applied": became, "findings": findings_data(done.findings)}


TOOLS = (
    Tool("fleet", "What runs where", "Nodes, models, backends, drift and findings, as last seen.",
         FleetInput, FleetAnswer, _fleet),
    Tool("capacity", "What fits", "How full each backend's VRAM is, or whether a model fits on a backend.",
         CapacityInput, CapacityAnswer, _capacity),
    Tool("place", "Where models should lie", "Ranks the backends for a model; without one it proposes moves.",
         PlaceInput, PlaceAnswer, _place),
    Tool("plan", "What an apply would do", "The changes, drift and findings between the spec and what is there.",
         SeenInput, PlanAnswer, _plan),
    Tool("verify", "Can each node call its models", "Asks the proxies with each node's own key, now. Calls no model.",
         VerifyNodesInput, VerifyAnswer, _verify),
    Tool("why", "Why a thing is so", "The lines of the spec, the reasons, the arithmetic, and what a plan would do.",
         WhyInput, WhyAnswer, _why),
    Tool("history", "What was done", "Applies, edits, proposals and approvals: who, when, what.",
         HistoryInput, HistoryAnswer, _history),
    Tool("proposals", "What waits for a person", "Edits that agents proposed and nobody decided on yet.",
         Nothing, ProposalsAnswer, _proposals),
    Tool("assign", "Propose another model for a node", "Judged at once; then a person approves it, or the policy.",
         AssignInput, ProposalAnswer, _edit, changes=True),
    Tool("register", "Propose a node", "A new node, or other fields of your own. It waits until a person approves it.",
         RegisterInput, ProposalAnswer, _edit, changes=True),
    Tool("release", "Propose to take a node out", "Once approved and applied its files and key are deleted.",
         ReleaseInput, ProposalAnswer, _edit, changes=True, destroys=True),
)  # fmt: skip
