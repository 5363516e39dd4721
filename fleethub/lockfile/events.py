"""Every event of an apply as plain JSON values: the journal's lines, and what ``--json`` prints."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Annotated, Any, NotRequired

from pydantic import (
    BeforeValidator,
    ConfigDict,
    PlainSerializer,
    PlainValidator,
    Strict,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    with_config,
)
from typing_extensions import TypedDict

from fleethub.codec import SORTED, Named, Table, Texts, said
from fleethub.lockfile.forms import Fits, Owed, PlannedEntry, Records, decode, encode
from fleethub.model.event import (
    ApplyFinished,
    ApplyStarted,
    Event,
    Progress,
    Recorded,
    StepDone,
    StepFailed,
    StepStarted,
    Waiting,
)
from fleethub.model.observation import AnyLocked, Applied

#: A later FleetHub may say more of an event: that is not needed to replay it.
LINE = ConfigDict(strict=True, extra="ignore")


def _decode(raw: Any, info: ValidationInfo) -> AnyLocked | None:
    if "address" not in info.data:
        raise ValueError("it is not known what is recorded")
    return None if raw is None else decode(raw, info.data["address"])


Record = Annotated[
    AnyLocked | None,
    PlainValidator(_decode),
    PlainSerializer(lambda record: None if record is None else encode(record)),
]


def _pair(raw: Any) -> Any:
    """An entry of a planned set; an earlier FleetHub wrote ``[model, context]``."""
    return {"model": raw[0], "context": raw[1]} if isinstance(raw, list) and len(raw) == 2 else raw


Entries = Annotated[tuple[Annotated[PlannedEntry, BeforeValidator(_pair)], ...], Strict(False)]


@with_config(LINE)
class AppliedForm(TypedDict):
    at: str
    by: str
    spec: str
    commit: str
    version: str


@with_config(LINE)
class ApplyStartedForm(TypedDict):
    plan: str
    fleet: str
    lineage: str
    serial: int
    seed: str
    apply: str
    steps: int
    id: NotRequired[str]
    by_name: NotRequired[bool]
    applied: Annotated[Applied, Table(AppliedForm)]
    pending: Records
    renamed: NotRequired[Annotated[Mapping[Named, Named], SORTED]]


@with_config(LINE)
class StepStartedForm(TypedDict):
    step: str
    address: Named
    phase: str
    says: str


@with_config(LINE)
class StepDoneForm(TypedDict):
    step: str
    address: Named
    phase: str
    locked: Record
    removed: bool
    notes: Texts


@with_config(LINE)
class StepFailedForm(TypedDict):
    step: str
    address: Named
    phase: str
    reason: str
    skipped: bool


@with_config(LINE)
class RecordedForm(TypedDict):
    address: Named
    locked: Record


@with_config(LINE)
class WaitingForm(TypedDict):
    says: str
    seconds: float


@with_config(LINE)
class ProgressForm(TypedDict):
    address: Named
    says: str
    done: int
    total: int


@with_config(LINE)
class ApplyFinishedForm(TypedDict):
    serial: int
    done: Texts
    failed: Texts
    skipped: Texts
    planned: Annotated[Mapping[str, Entries], SORTED]
    fits: NotRequired[Fits]
    owed: NotRequired[Owed]


#: An adapter is built when an event of its name is first written or read: most commands see none.
EVENTS: Mapping[str, tuple[type[Event], Callable[[], TypeAdapter[Any]]]] = {
    "apply.started": (ApplyStarted, lambda: TypeAdapter(Annotated[ApplyStarted, Table(ApplyStartedForm)])),
    "step.started": (StepStarted, lambda: TypeAdapter(Annotated[StepStarted, Table(StepStartedForm)])),
    "step.done": (StepDone, lambda: TypeAdapter(Annotated[StepDone, Table(StepDoneForm)])),
    "step.failed": (StepFailed, lambda: TypeAdapter(Annotated[StepFailed, Table(StepFailedForm)])),
    "recorded": (Recorded, lambda: TypeAdapter(Annotated[Recorded, Table(RecordedForm)])),
    "waiting": (Waiting, lambda: TypeAdapter(Annotated[Waiting, Table(WaitingForm)])),
    "progress": (Progress, lambda: TypeAdapter(Annotated[Progress, Table(ProgressForm)])),
    "apply.finished": (ApplyFinished, lambda: TypeAdapter(Annotated[ApplyFinished, Table(ApplyFinishedForm)])),
}
NAMES = {event: name for name, (event, _) in EVENTS.items()}


@cache
def _adapter(name: str) -> TypeAdapter[Any]:
    return EVENTS[name][1]()


def as_dict(event: Event) -> dict[str, Any]:
    """An event as plain JSON values, ``type`` first."""
    name = NAMES[type(event)]
    return {"type": name, **_adapter(name).dump_python(event, by_alias=True)}


def from_dict(raw: Mapping[str, Any]) -> Event:
    """The inverse of ``as_dict``, also for what earlier versions wrote; raises ValueError on anything else."""
    name = str(raw.get("type"))
    if name not in EVENTS:
        raise ValueError(f"no event is called {name!r}")
    try:
        event: Event = _adapter(name).validate_python(dict(raw))
    except ValidationError as error:
        raise ValueError(f"{name}: {said(error)}") from None
    return event
