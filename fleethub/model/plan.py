"""Plan values: changes, drift, steps, and the plan that holds them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import IntEnum, StrEnum
from typing import Any

from fleethub.model.actions import Do
from fleethub.model.address import Address
from fleethub.model.attributes import Attributes
from fleethub.model.capacity import AdmissionVerdict, PlannedModel
from fleethub.model.dataclass import dataclass
from fleethub.model.finding import Finding
from fleethub.model.observation import AnyLocked, Observation


class Action(StrEnum):
    """What becomes of one resource. ``record``: only the lockfile is behind; ``blocked``: wanted, not possible now."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    RECORD = "record"
    BLOCKED = "blocked"


class Why(StrEnum):
    """What stands in the way of a blocked change, or of a part of one."""

    UNKNOWN = "unknown"
    REFUSED = "refused"
    POLICY = "policy"
    WAITS = "waits"


class Phase(IntEnum):
    """The one order of every apply."""

    PREPARE = 0
    EXPAND = 1
    PROVE = 2
    DELIVER = 3
    ACTIVATE = 4
    SETTLE = 5
    CONTRACT = 6


class Missing:
    """The value of a field that is not there."""

    def __repr__(self) -> str:
        return "(absent)"


MISSING = Missing()


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One changed value; ``path`` from the resource's attributes or into a file. Never holds a secret."""

    path: tuple[str, ...]
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class FileDiff:
    """A file that changes: unified diff lines with secrets shown as ``(sensitive)``, and what the change causes."""

    path: str
    lines: tuple[str, ...]
    consequence: str


@dataclass(frozen=True, slots=True)
class Blocker:
    """Why something wanted does not happen now; ``what`` says which part (empty: all of it)."""

    why: Why
    reason: str
    what: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of one resource. ``blockers`` on another action than blocked hold back a part of it.

    ``after``: who takes its place; the record only goes once that one's steps are done.
    ``beside``: what it has that the spec does not name and that stays, in words. ``observed``: the attributes that it
    was seen with, in a saved plan as JSON has them; None: it was not seen.
    """

    address: Address
    action: Action
    fields: tuple[FieldChange, ...] = ()
    files: tuple[FileDiff, ...] = ()
    blockers: tuple[Blocker, ...] = ()
    title: str = ""  # what it stands under for people
    owner: str = ""
    consequence: str = ""
    beside: tuple[str, ...] = ()
    locked: AnyLocked | None = None  # the record once every step is done; None: the resource leaves the lockfile
    after: Address | None = None
    observed: Attributes | Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Drift:
    """Observed differs from the lockfile: what somebody changed behind our back.

    ``kept``: paths at a node's target of files that a repair overwrites, and that are kept there first. ``title``: what
    it stands under for people, as a change does.
    """

    address: Address
    summary: str
    fields: tuple[FieldChange, ...] = ()
    repaired: bool = True
    kept: tuple[str, ...] = ()
    title: str = ""


@dataclass(frozen=True, slots=True)
class LeftAlone:
    """What somebody changed and the spec says to leave alone (``ignore``): from what is wanted to what is there."""

    address: Address
    fields: tuple[FieldChange, ...]


@dataclass(frozen=True, slots=True)
class DriftReport:
    """What somebody changed, what of that ``ignore`` leaves alone, and what nobody could look at, with why.

    ``sayable``: the drift of which a spec can say something.
    """

    drift: tuple[Drift, ...]
    left_alone: tuple[LeftAlone, ...]
    unknown: Mapping[Address, str]
    sayable: tuple[Address, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do. ``after`` names steps that must have succeeded; ``locked`` is the record once it is done.

    ``locked`` None with ``removes`` False leaves the record as it is.
    """

    id: str
    address: Address
    phase: Phase
    do: Do
    after: tuple[str, ...] = ()
    locked: AnyLocked | None = None
    removes: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """The part of a fleet that a plan is asked about; ``targets`` None: all of it, but for what is ``excluded``."""

    targets: frozenset[Address] | None = None
    excluded: frozenset[Address] = frozenset()

    @property
    def whole(self) -> bool:
        """Whether nothing is left out."""
        return self.targets is None and not self.excluded


WHOLE = Part()


@dataclass(frozen=True, slots=True)
class Orders:
    """What is done on somebody's explicit order alone. ``forget``: of these, when the spec no longer has them and they
    cannot be reached, the record goes. ``prune``: what has this fleet's mark and nothing names is deleted.
    ``uninstall``: all is taken away, so what was there before FleetHub stays. ``allow``: stops that do not stop it.
    """

    forget: frozenset[Address] = frozenset()
    prune: bool = False
    uninstall: bool = False
    allow: frozenset[str] = frozenset()


NO_ORDERS = Orders()


@dataclass(frozen=True, slots=True)
class PlannedVram:
    """A backend's VRAM in bytes: what was planned before, what is now, what the GPUs have (None: unknown).

    ``verdict`` is what its server does with the set after.
    """

    backend: str
    before: int | None
    after: int | None
    total: int | None
    verdict: AdmissionVerdict | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """A finding that the spec accepts, why, and until which day (ISO 8601)."""

    finding: Finding
    reason: str
    until: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything an operator decides on. ``id`` digests spec, lockfile and what was observed of what changes.

    ``left_out``: what a plan of a part of the fleet does not touch though it would change; None: it is of the whole.
    ``renamed``: records of the lockfile that an apply puts under another address first. ``observed``: what was seen of
    each resource, wanted or last applied; of a plan that decides nothing, nothing.
    """

    id: str
    fleet: str
    sentence: str
    changes: tuple[Change, ...] = ()
    drift: tuple[Drift, ...] = ()
    left_alone: tuple[LeftAlone, ...] = ()
    findings: tuple[Finding, ...] = ()
    steps: tuple[Step, ...] = ()
    loads: tuple[PlannedVram, ...] = ()
    planned: Mapping[str, tuple[PlannedModel, ...]] = field(default_factory=dict)
    fits: Mapping[str, str] = field(default_factory=dict)  # what each backend's server does with its ``planned`` set
    serial: int = 0
    lineage: str = ""
    spec: str = ""
    notes: tuple[str, ...] = ()
    fatal: bool = False
    fleet_id: str = ""
    by_name: bool = True
    left_out: tuple[Address, ...] | None = None
    renamed: Mapping[Address, Address] = field(default_factory=dict)
    accepted: tuple[Accepted, ...] = ()
    observed: Mapping[Address, Observation] = field(default_factory=dict, compare=False, repr=False)

    @property
    def doable(self) -> tuple[Change, ...]:
        """The changes that this apply would carry out, in whole or in part."""
        return tuple(c for c in self.changes if c.action is not Action.BLOCKED)


@dataclass(frozen=True, slots=True)
class Result:
    """What became of an apply; ``done`` and the like are step ids, ``failed`` with reasons."""

    plan: Plan
    applied: bool
    done: tuple[str, ...] = ()
    failed: tuple[tuple[str, str], ...] = ()
    skipped: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    serial: int = 0
