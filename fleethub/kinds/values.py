"""What is handed to a kind, and what it answers: one resource under judgement, its dependents, its steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Any, Generic, Protocol, TypeVar

from fleethub.model.address import Address
from fleethub.model.attributes import Attributes
from fleethub.model.dataclass import dataclass
from fleethub.model.facts import Facts
from fleethub.model.finding import Finding
from fleethub.model.fleet import Fleet
from fleethub.model.fleet_status import ChangeStatus
from fleethub.model.observation import (
    Absent,
    AnyLocked,
    AnyResource,
    Locked,
    Lockfile,
    Observation,
    Resource,
    Seen,
    Unknown,
)
from fleethub.model.plan import Blocker, Step
from fleethub.model.secret import Fingerprinter, Text
from fleethub.nodetypes import FileType
from fleethub.nodetypes.projection import Projection

#: A kind's attributes, the material of what is wanted, the telemetry of what is seen.
A = TypeVar("A", bound=Attributes, covariant=True)
M = TypeVar("M", covariant=True)
T = TypeVar("T", covariant=True)
Thing = TypeVar("Thing")


class RenderedFile(Protocol):
    """A file of a node; see ``rendering``."""

    @property
    def of(self) -> FileType: ...
    @property
    def path(self) -> str: ...
    @property
    def text(self) -> Text: ...
    @property
    def mode(self) -> int: ...
    @property
    def consequence(self) -> str: ...
    @property
    def projection(self) -> Projection | None: ...


class RenderedNode(Protocol):
    """What ``rendering.render`` makes of one node (see there); named here so that kinds need not import it."""

    @property
    def files(self) -> tuple[RenderedFile, ...]: ...
    @property
    def findings(self) -> tuple[Finding, ...]: ...
    @property
    def chain(self) -> tuple[str, ...]: ...
    @property
    def schema(self) -> Mapping[str, Any] | None: ...


@dataclass(frozen=True, slots=True)
class Inputs:
    """What kinds derive the wanted state from."""

    fleet: Fleet
    fingerprinter: Fingerprinter
    rendered: Mapping[str, RenderedNode]


@dataclass(frozen=True, slots=True)
class ObserveContext:
    """What kinds look with; ``lineage`` is this fleet's, empty before its first apply. ``fleet``: the whole spec."""

    facts: Facts
    fingerprinter: Fingerprinter
    lineage: str
    fleet: Fleet | None = None
    _made: dict[object, Any] = field(default_factory=dict, init=False, compare=False, repr=False)

    def once(self, name: object, make: Callable[[], Thing]) -> Thing:
        """What is made of the facts under a name, the first time that it is asked for."""
        if name not in self._made:
            self._made[name] = make()
        found: Thing = self._made[name]
        return found


@dataclass(frozen=True, slots=True)
class ResourceState(Generic[A, M, T]):
    """One resource under judgement: wanted, observed, last applied; each may be missing, not all at once.

    ``earlier``: what is left of it at its old places, the last one last. ``moved``: of an old place, what it is now.
    ``displaced``: those whose place it takes, and of which only the record goes.
    """

    address: Address
    want: Resource[A, M] | None
    have: Seen[A, T] | Absent | Unknown
    locked: Locked[A] | None
    earlier: tuple[ResourceState[A, M, T], ...] = ()
    moved: Resource[A, M] | None = None
    displaced: tuple[ResourceState[A, M, T], ...] = ()

    @property
    def seen(self) -> Seen[A, T] | None:
        """The observation, where there is one."""
        return self.have if isinstance(self.have, Seen) else None


AnyState = ResourceState[Attributes, object, object]


@dataclass(frozen=True, slots=True)
class Dependents:
    """What dependents ask of a thing: entries they may be running now, and why it may not shrink yet."""

    running: frozenset[str] = frozenset()
    refused: Mapping[str, Blocker] = field(default_factory=dict)  # entry -> why it must not be added
    delivered: bool = False  # a dependent is delivered in this plan and needs the proof
    unsettled: tuple[Blocker, ...] = ()
    let_go: bool = False  # it is wanted no more, and stays


@dataclass(frozen=True, slots=True)
class Work:
    """Steps of one resource (without ``after`` between resources) and what of it is held back."""

    steps: tuple[Step, ...] = ()
    blockers: tuple[Blocker, ...] = ()
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What the spec would say for what somebody changed to be what is wanted.

    ``fields``: into ``block`` (``("keys", "web")``), by path below it; None takes one out. ``left``: what no spec says,
    by its name in a plan, and why.
    """

    block: tuple[str, str]
    fields: Mapping[tuple[str, ...], object] = field(default_factory=dict)
    left: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class StatusInputs:
    """A plan and what it was made from; ``seen`` is what was observed of every resource, wanted or last applied.

    ``changes`` and ``drift`` (what somebody changed, in words) by address.
    """

    fleet: Fleet
    lockfile: Lockfile | None
    wanted: Mapping[Address, AnyResource]
    facts: Facts
    seen: Mapping[Address, Observation]
    changes: Mapping[Address, ChangeStatus]
    drift: Mapping[Address, str]

    @property
    def locked(self) -> Mapping[Address, AnyLocked]:
        """What was last applied."""
        return self.lockfile.resources if self.lockfile else {}

    def state(self, address: Address) -> tuple[str, str]:
        """State and reason; what nobody looked at is unknown, not absent."""
        match self.seen.get(address):
            case Seen():
                return "there", ""
            case Absent():
                return "absent", ""
            case Unknown(reason=reason):
                return "unknown", reason
        return "unknown", "it was not looked at"

    def planned(self, address: Address) -> tuple[str, tuple[str, ...], str]:
        """What the plan would do with it, what that waits for, and what somebody changed of it."""
        change = self.changes.get(address)
        return (change.action if change else "", change.waits if change else (), self.drift.get(address, ""))


def seen_as(observed: Observation | None, attrs: type[A], telemetry: type[T]) -> Seen[A, T] | None:
    """An observation of any kind as one of this kind's types; None where nothing is seen."""
    if isinstance(observed, Seen) and isinstance(observed.attrs, attrs) and isinstance(observed.telemetry, telemetry):
        return Seen(observed.attrs, observed.at, observed.telemetry, observed.mark)
    return None


def of_kind(name: str, things: Mapping[Address, Thing]) -> dict[Address, Thing]:
    """Those of one kind."""
    return {address: thing for address, thing in things.items() if address.kind == name}
