"""What a kind of managed thing must be able to say. A kind is pure: values in, values out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from fleethub.kinds.diff import diff
from fleethub.model.address import Address
from fleethub.model.facts import Facts
from fleethub.model.finding import Finding
from fleethub.model.fleet import Fleet
from fleethub.model.observation import Attrs, Locked, Lockfile, Mark, Observation, Pending, Resource, Seen
from fleethub.model.plan import Blocker, FieldChange, FileDiff, Step
from fleethub.model.secret import Derived, Fingerprinter


class RenderedNode(Protocol):
    """What ``rendering.render`` makes of one node (see there); named here so that kinds need not import it."""

    @property
    def files(self) -> tuple[Any, ...]: ...
    @property
    def findings(self) -> tuple[Finding, ...]: ...
    @property
    def chain(self) -> tuple[str, ...]: ...


@dataclass(frozen=True, slots=True)
class Inputs:
    """What kinds derive the wanted state from."""

    fleet: Fleet
    fingerprinter: Fingerprinter
    rendered: Mapping[str, RenderedNode]


@dataclass(frozen=True, slots=True)
class ObserveContext:
    """What kinds look with; ``lineage`` is this fleet's, empty before its first apply."""

    facts: Facts
    fingerprinter: Fingerprinter
    lineage: str


@dataclass(frozen=True, slots=True)
class ResourceState:
    """One resource under judgement: wanted, observed, last applied; each may be missing, not all at once."""

    address: Address
    want: Resource | None
    have: Observation
    locked: Locked | None

    @property
    def seen(self) -> Seen | None:
        """The observation, where there is one."""
        return self.have if isinstance(self.have, Seen) else None


@dataclass(frozen=True, slots=True)
class Dependents:
    """What dependents ask of a thing: entries they may be running now, and why it may not shrink yet."""

    running: frozenset[str] = frozenset()
    refused: Mapping[str, Blocker] = field(default_factory=dict)  # entry -> why it must not be added
    delivered: bool = False  # a dependent is delivered in this plan and needs the proof
    unsettled: tuple[Blocker, ...] = ()


@dataclass(frozen=True, slots=True)
class Work:
    """Steps of one resource (without ``after`` between resources) and what of it is held back."""

    steps: tuple[Step, ...] = ()
    blockers: tuple[Blocker, ...] = ()
    findings: tuple[Finding, ...] = ()


class Kind(Protocol):
    """One file per kind; registered in ``resources``."""

    name: str

    def desired(self, inputs: Inputs) -> Iterable[Resource]:
        """The resources that the spec wants."""

    def observe(
        self, address: Address, want: Resource | None, locked: Locked | None, sight: ObserveContext
    ) -> Observation:
        """What the facts mean for this address."""

    def made(self, address: Address, want: Resource | None, locked: Locked, fleet: str) -> tuple[Derived, ...]:
        """What was made there that can be looked for by itself, where a list lacks it; ``fleet``: its identity."""

    def proves(self, item: ResourceState) -> bool:
        """Whether what is seen is this fleet's own, though there is no lockfile that says so."""

    def orphans(self, items: Sequence[ResourceState], fleet: Fleet, sight: ObserveContext) -> list[Finding]:
        """What carries this fleet's mark, and is in neither spec nor lockfile."""

    def objections(self, item: ResourceState, lockfile: Lockfile | None) -> list[Finding]:
        """Findings that forbid touching the thing at all (taken, foreign, duplicate, unprovable)."""

    def remarks(self, item: ResourceState) -> list[Finding]:
        """Findings about the thing as it is, which forbid nothing."""

    def describe(self, item: ResourceState) -> tuple[tuple[FieldChange, ...], tuple[FileDiff, ...]]:
        """The changed leaves and files between observed and wanted, without any secret."""

    def applied(self, item: ResourceState) -> Attrs:
        """The attributes that were last applied, with those that are none though the lockfile does not say so."""

    def beside(self, item: ResourceState) -> tuple[str, ...]:
        """What it has that the spec does not name and that stays, in words."""

    def drifted(self, item: ResourceState) -> tuple[FieldChange, ...]:
        """What in the thing differs from what was applied, finer than its attributes; without any secret."""

    def kept(self, item: ResourceState) -> tuple[str, ...]:
        """What somebody else wrote and a change overwrites, so that it is kept where it is: paths there."""

    def steps(self, item: ResourceState, uses: Dependents) -> Work:
        """What must be done, in phases."""


def parse_mark(raw: Any) -> Mark | None:
    """Our mark in what a key's metadata or a node's mark file holds; anything that is not one is no mark."""
    if not isinstance(raw, Mapping):
        return None
    lineage, serial, generation = raw.get("lineage"), raw.get("serial"), raw.get("generation")
    if isinstance(lineage, str) and isinstance(serial, int) and isinstance(generation, int):
        apply, fleet = (str(raw[name]) if isinstance(raw.get(name), str) else "" for name in ("apply", "fleet"))
        return Mark(lineage, serial, generation, apply, fleet)
    return None


def managed(item: ResourceState) -> Attrs:
    """Wanted attributes plus None for what only the lockfile has: those were ours and must go."""
    want = dict(item.want.attrs) if item.want else {}
    if item.locked:
        for name in (*item.locked.attrs, *(item.locked.pending.attrs if item.locked.pending else ())):
            want.setdefault(name, None)
    return want


def changed_fields(want: Attrs, have: Attrs) -> tuple[FieldChange, ...]:
    """The values of ``want`` that ``have`` does not have; what only ``have`` has is unmanaged and no difference."""
    return diff(
        {k: have[k] for k in want if have.get(k) is not None},
        {k: v for k, v in want.items() if v is not None},
    )


def differs(want: Attrs, have: Attrs) -> bool:
    """Whether a managed attribute differs; None and absent are one."""
    return any(have.get(name) != value for name, value in want.items())


def record(want: Resource, attrs: Attrs | None = None, pending: Pending | None = None) -> Locked:
    """The lockfile's record of a resource with the attributes that it now has."""
    return Locked(
        source=replace(want.source, ask=(), credential=None),
        attrs={k: v for k, v in (want.attrs if attrs is None else attrs).items() if v is not None},
        needs=want.needs,
        shape=want.shape,
        owner=want.owner,
        protected=want.protected,
        pending=pending,
        by_hand=want.by_hand,
        generation=want.generation,
        born=want.born,
    )


def behind(locked: Locked | None, want: Resource) -> bool:
    """Whether the lockfile's record says something else than the spec; what it does not know yet is no difference."""
    wanted = record(want)
    if locked is not None and not locked.generation:
        wanted = replace(wanted, generation=0)
    return locked != wanted
