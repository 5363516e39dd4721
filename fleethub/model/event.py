"""Events: the one stream that journal, terminal, plain lines and NDJSON are sinks of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from fleethub.model.address import Address
from fleethub.model.capacity import PlannedModel
from fleethub.model.dataclass import dataclass
from fleethub.model.observation import AnyLocked, Applied


@dataclass(frozen=True, slots=True)
class ApplyStarted:
    """Before the first write: the new serial, and the record of each touched resource with its intent pending."""

    plan: str
    fleet: str
    lineage: str
    serial: int
    seed: str
    apply: str
    applied: Applied
    pending: Mapping[Address, AnyLocked] = field(default_factory=dict)
    steps: int = 0
    id: str = ""
    by_name: bool = True
    renamed: Mapping[Address, Address] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StepStarted:
    """Written before the step's first request or rename."""

    step: str
    address: Address
    phase: str
    says: str


@dataclass(frozen=True, slots=True)
class StepDone:
    """``locked`` is the lockfile's new record of the resource; ``removed`` takes it out; neither: unchanged."""

    step: str
    address: Address
    phase: str
    locked: AnyLocked | None = None
    removed: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StepFailed:
    """Why a step did not do what it should; ``skipped`` when it was not tried because another failed."""

    step: str
    address: Address
    phase: str
    reason: str
    skipped: bool = False


@dataclass(frozen=True, slots=True)
class Recorded:
    """A resource whose record changes without a step."""

    address: Address
    locked: AnyLocked | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """Something takes time: shown, and not journalled."""

    says: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Progress:
    """How far something is that takes long: shown, and not journalled. ``total`` in bytes, as far as it is known."""

    address: Address
    says: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class ApplyFinished:
    """The end; ``planned`` is each backend's set as it is now, ``fits`` what its server does with it. ``owed``: what
    could not be done, and since when.
    """

    serial: int
    done: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    planned: Mapping[str, tuple[PlannedModel, ...]] = field(default_factory=dict)
    fits: Mapping[str, str] = field(default_factory=dict)
    owed: Mapping[Address, str] = field(default_factory=dict)


Event = ApplyStarted | StepStarted | StepDone | StepFailed | Recorded | Waiting | Progress | ApplyFinished
