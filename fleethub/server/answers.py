"""What is answered, as JSON values and as schemas; both are made from the model's own values."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any, Literal, get_type_hints

from pydantic import BaseModel, ConfigDict, create_model

from fleethub.model.capacity import Bar
from fleethub.model.finding import Finding
from fleethub.model.fleet_status import BackendStatus, FleetStatus
from fleethub.model.plan import Plan
from fleethub.operations.snapshots import Snapshot
from fleethub.server.errors import CODES
from fleethub.views.commands import AS_WRITTEN, Commands
from fleethub.views.data import finding_data, plan_data
from fleethub.views.fleet_status import status_data


class Answered(BaseModel):
    """Strict about what is there; a later version may add to it."""

    model_config = ConfigDict(extra="allow")


class FindingAnswer(Answered):
    """A diagnosis; ``place`` is file:line:column of the spec, ``hint`` the next thing to do."""

    type: Literal["finding"]
    code: str
    severity: Literal["error", "warning"]
    address: str | None
    place: str | None
    message: str
    detail: list[str]
    hint: str


class Observation(Answered):
    """How far to trust it. ``at`` null: never observed. ``problem`` empty: it is what spec and network say now.

    Older than ``stale_after`` seconds (see the header ``Age``) nothing should be taken for the present.
    """

    at: str | None
    problem: str
    findings: list[FindingAnswer]
    stale_after: float


def _shape(name: str, of: type, without: str = "", **others: Any) -> type[BaseModel]:
    """A schema of a dataclass as JSON, without one field; ``others`` are the fields that it has in another form."""
    hints: dict[str, Any] = get_type_hints(of)
    kinds = {f.name: hints[f.name] for f in fields(of) if f.name != without} | others
    shown: dict[str, Any] = {field: (kind, ...) for field, kind in kinds.items()}
    return create_model(name, __base__=Answered, __doc__=of.__doc__, **shown)


GpuAnswer = _shape("Gpu", Bar, headroom=int)
BackendAnswer = _shape("Backend", BackendStatus, "engine", gpus=list[GpuAnswer])  # type: ignore[valid-type]
FleetAnswer = _shape(
    "Fleet",
    FleetStatus,
    backends=list[BackendAnswer],  # type: ignore[valid-type]
    findings=list[FindingAnswer],
    observation=Observation,
)


class ErrorAnswer(Answered):
    """Every error."""

    error: str
    code: Literal[tuple(CODES)]  # type: ignore[valid-type]


class PlanAnswer(Answered):
    """What ``fleethub plan --json`` prints, by kind; ``plan`` is its summary, null before the first observation."""

    observation: Observation
    plan: dict[str, Any] | None
    changes: list[dict[str, Any]]
    drift: list[dict[str, Any]]
    findings: list[FindingAnswer]


class CapacityAnswer(Answered):
    """One of: ``backends`` (how each is filled), ``answer`` (does the model fit), ``places`` (where it could go)."""

    observation: Observation
    backends: list[dict[str, Any]] | None = None
    answer: dict[str, Any] | None = None
    places: list[dict[str, Any]] | None = None


class WriteAnswer(Answered):
    """What was written into the spec; nothing is applied. ``next`` says what the next apply does.

    ``project_id``: TangleClaw's, where it is known. ``forced`` says whose entry ``force`` took over.
    ``node`` is the entry now, null once it is released.
    """

    action: Literal["assign", "release", "register", "set"]
    project: str | None
    project_id: str | None
    changed: bool
    spec: str
    diff: list[str]
    notes: list[str]
    forced: dict[str, Any] | None
    node: dict[str, Any] | None
    plan: dict[str, Any] | None
    next: str


class Health(Answered):
    """The server lives, whatever the fleet does; ``version`` is FleetHub's."""

    ok: bool
    version: str


class NodeAnswer(Answered):
    """One node as `GET /api/fleet` has it, with the keys that it uses."""

    observation: Observation
    node: dict[str, Any]
    keys: list[dict[str, Any]]


class HistoryAnswer(Answered):
    """What was done, the latest first: applies, orders, edits of the spec and refused ones."""

    entries: list[dict[str, Any]]


def observation(snapshot: Snapshot, stale_after: float) -> dict[str, Any]:
    """How far to trust what is answered."""
    return {
        "at": snapshot.facts.at if snapshot.facts else None,
        "problem": snapshot.problem,
        "findings": [finding_data(f) for f in snapshot.findings],
        "stale_after": stale_after,
    }


def fleet_body(snapshot: Snapshot, stale_after: float, commands: Commands = AS_WRITTEN) -> bytes:
    """The body of GET /api/fleet, made once for each snapshot; empty without a fleet_status."""
    if snapshot.fleet_status is None:
        return b""
    data = {**status_data(snapshot.fleet_status), "observation": observation(snapshot, stale_after)}
    told = commands.within(data)
    return json.dumps(told, ensure_ascii=False, default=list, separators=(",", ":")).encode()


def plan_body(snapshot: Snapshot, stale_after: float) -> dict[str, Any]:
    """The body of GET /api/fleet/plan."""
    out: dict[str, Any] = {"observation": observation(snapshot, stale_after)}
    return out | _by_kind(snapshot.plan if snapshot.facts or (snapshot.plan and snapshot.plan.fatal) else None)


def plan_summary(plan: Plan | None) -> dict[str, Any] | None:
    """What would follow, in short."""
    return plan_data(plan)[-1] if plan is not None else None


def findings_data(findings: tuple[Finding, ...]) -> list[dict[str, Any]]:
    """Findings as JSON values."""
    return [finding_data(f) for f in findings]


def _by_kind(plan: Plan | None) -> dict[str, Any]:
    lines = plan_data(plan) if plan is not None else []
    kinds = {"changes": "change", "drift": "drift", "findings": "finding"}
    found: dict[str, Any] = {key: [line for line in lines if line["type"] == kind] for key, kind in kinds.items()}
    return {"plan": lines[-1] if lines else None, **found}
