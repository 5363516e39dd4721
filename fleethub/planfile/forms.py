"""What the document of a saved plan holds, table by table, in the order in which it is written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, NotRequired

from pydantic import ConfigDict, Field, PlainSerializer, TypeAdapter, with_config
from typing_extensions import TypedDict

from fleethub.codec import SORTED, Named, Table
from fleethub.model.capacity import AdmissionVerdict, Fit
from fleethub.model.finding import Finding, Severity, SourceLocation
from fleethub.model.plan import (
    MISSING,
    Action,
    Blocker,
    Change,
    Drift,
    FieldChange,
    FileDiff,
    LeftAlone,
    Plan,
    PlannedVram,
    Why,
)
from fleethub.planfile.document import Asked, Made, SavedPlan, SavedStep

#: What is not understood is refused: somebody may have decided on it.
STRICT = ConfigDict(strict=True, extra="forbid")
Texts = tuple[str, ...]
Value = Annotated[Any, PlainSerializer(lambda value: value)]


@with_config(STRICT)
class FieldForm(TypedDict):
    path: Texts
    before: NotRequired[Value]
    after: NotRequired[Value]


@with_config(STRICT)
class FileForm(TypedDict):
    path: str
    lines: Texts
    consequence: str


@with_config(STRICT)
class BlockerForm(TypedDict):
    why: Why
    reason: str
    what: str


FieldTable = Annotated[FieldChange, Table(FieldForm, absent={"before": MISSING, "after": MISSING})]


@with_config(STRICT)
class ChangeForm(TypedDict):
    address: Named
    action: Action
    title: str
    owner: str
    consequence: str
    fields: tuple[FieldTable, ...]
    files: tuple[Annotated[FileDiff, Table(FileForm)], ...]
    blockers: tuple[Annotated[Blocker, Table(BlockerForm)], ...]
    beside: Texts
    observed: dict[str, Value] | None


@with_config(STRICT)
class DriftForm(TypedDict):
    address: Named
    summary: str
    fields: tuple[FieldTable, ...]
    repaired: bool
    kept: Texts
    title: str


@with_config(STRICT)
class LeftAloneForm(TypedDict):
    address: Named
    fields: tuple[FieldTable, ...]


@with_config(STRICT)
class PlaceForm(TypedDict):
    file: str
    line: int
    column: int


@with_config(STRICT)
class FindingForm(TypedDict):
    code: str
    severity_override: Annotated[Severity, Field(alias="severity")]
    address: Named | None
    place: Annotated[SourceLocation, Table(PlaceForm)] | None
    message: str
    detail: Texts
    hint: str


@with_config(STRICT)
class VerdictForm(TypedDict):
    backend: str
    fit: Fit
    total_from: str
    fallbacks: tuple[tuple[str, Fit], ...]


#: Of a verdict what a plan says of it; the rows of its arithmetic are in the findings that refuse.
UNTOLD: Mapping[str, Any] = {"placed": (), "checks": (), "gpus": (), "reserve": 0, "need": None, "total": None}


@with_config(STRICT)
class LoadForm(TypedDict):
    backend: str
    before: int | None
    after: int | None
    total: int | None
    verdict: Annotated[AdmissionVerdict, Table(VerdictForm, absent=UNTOLD)] | None


@with_config(STRICT)
class PlanForm(TypedDict):
    id: str
    fleet: str
    fleet_id: str
    by_name: bool
    lineage: str
    serial: int
    spec: str
    sentence: str
    changes: tuple[Annotated[Change, Table(ChangeForm)], ...]
    drift: tuple[Annotated[Drift, Table(DriftForm)], ...]
    left_alone: tuple[Annotated[LeftAlone, Table(LeftAloneForm)], ...]
    findings: tuple[Annotated[Finding, Table(FindingForm)], ...]
    loads: Annotated[tuple[Annotated[PlannedVram, Table(LoadForm)], ...], Field(alias="vram")]
    notes: Texts
    left_out: tuple[Named, ...] | None
    renamed: Annotated[Mapping[Named, Named], SORTED]


@with_config(STRICT)
class AskedForm(TypedDict):
    repair: bool | None
    destroy: bool
    targets: Texts
    excludes: Texts
    forget: Texts
    prune: bool
    allow: Texts
    owner: str


@with_config(STRICT)
class MadeForm(TypedDict):
    at: str
    by: str
    commit: str
    version: str


@with_config(STRICT)
class StepForm(TypedDict):
    id: str
    address: Named
    phase: str
    does: str
    digest: str
    after: Texts


@with_config(STRICT)
class SavedForm(TypedDict):
    made: Annotated[Made, Table(MadeForm)]
    asked: Annotated[Asked, Table(AskedForm)]
    plan: Annotated[Plan, Table(PlanForm)]
    steps: tuple[Annotated[SavedStep, Table(StepForm)], ...]


SAVED: TypeAdapter[SavedPlan] = TypeAdapter(Annotated[SavedPlan, Table(SavedForm)])
