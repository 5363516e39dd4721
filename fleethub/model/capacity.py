"""Values of capacity: what a load takes, where it is placed, what the server will do with it. Sizes in bytes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from enum import StrEnum

from fleethub.model.dataclass import dataclass
from fleethub.model.finding import Finding


class Sure(StrEnum):
    """How sure a number is, from surest to least: seen on the server, counted from facts, computed by a model of it."""

    MEASURED = "measured"
    EXACT = "exact"
    ESTIMATED = "estimated"


@dataclass(frozen=True, slots=True)
class Row:
    """One summand of a load; ``source`` says where it is from, ``detail`` writes the arithmetic out.

    ``least`` and ``most`` are the range that it lies in (None: it is ``bytes``).
    """

    what: str
    bytes: int
    sure: Sure
    source: str
    detail: str = ""
    least: int | None = None
    most: int | None = None


@dataclass(frozen=True, slots=True)
class Estimate:
    """What one load takes on its GPUs: the rows, their sum, and the range it lies in (``low`` to ``high``).

    ``rows`` empty: not known, and ``reason`` says why. ``high`` is at least the sum.
    """

    rows: tuple[Row, ...] = ()
    low: int = 0
    high: int = 0
    reason: str = ""

    @property
    def total(self) -> int | None:
        """Sum of the rows; None when unknown."""
        return sum(row.bytes for row in self.rows) if self.rows else None


class Fit(StrEnum):
    """What becomes of a set of models on a backend, from best to worst; unknown stands apart."""

    FITS = "fits"
    SPILLS = "spills"
    EVICTS = "evicts"
    EXCEEDS = "does not fit"
    UNKNOWN = "unknown"


#: From best to worst; unknown stands apart.
WORSE = (Fit.FITS, Fit.SPILLS, Fit.EVICTS, Fit.EXCEEDS)


def worst(fits: Iterable[Fit]) -> Fit:
    """The worst of several; fits when there are none."""
    return max(fits, key=WORSE.index, default=Fit.FITS)


@dataclass(frozen=True, slots=True)
class Placed:
    """A model as it would be loaded. ``context`` in tokens per slot, ``context_from`` what decides it.

    ``preflight`` is what the server's own scheduler reckons with, ``batch`` (tokens) the one it takes where there is
    room; ``room`` what must stay free beside it; ``primary``: it must always stay loaded,
    not just now and then as a fallback. ``runner`` is what its server keeps one process for (empty: its tag), so that
    two names with one runner are never loaded side by side; ``options`` say what else that process is started with.
    ``remote``: the host that answers in its place; nothing of it is on the backend then. ``why``: who may ask for it,
    where no chain names it. ``needs``: of a server that takes more than its model needs, what that is (its estimate is
    then what the server takes); ``at_once``: how many requests of this context then run together.
    ``planned``: the context that was planned, where a server gives another whatever is asked of it.
    """

    model: str
    tag: str
    context: int
    context_from: str
    parallel: int
    kv_type: str
    estimate: Estimate
    preflight: int | None = None
    room: int = 1 << 30
    primary: bool = True
    split: Estimate | None = None  # over all GPUs of the machine, where there are several
    batch: int = 512
    layer: int = 0  # its largest layer, which lies whole on one of several GPUs; bytes
    parts: tuple[int, ...] = ()
    runner: str = ""
    options: tuple[str, ...] = ()
    remote: str = ""
    needs: Estimate | None = None
    at_once: float | None = None
    why: str = ""
    planned: int = 0

    @property
    def upper(self) -> int:
        """The most that it takes, which is what admission counts; 0 when its size is not known."""
        return max(self.estimate.high, self.estimate.total or 0)


def by_runner(loads: Iterable[Placed]) -> tuple[tuple[Placed, ...], ...]:
    """The loads in groups that share one runner, in order of their first; remote ones are in none."""
    found: dict[str, list[Placed]] = {}
    for load in loads:
        if not load.remote:
            found.setdefault(load.runner or load.tag, []).append(load)
    return tuple(tuple(group) for group in found.values())


def sharing(loads: Iterable[Placed], alias: str) -> frozenset[str]:
    """The names of the loads that share a model's runner, its own with them: what becomes of one becomes of all."""
    groups = (frozenset(load.model for load in group) for group in by_runner(loads))
    return next((names for names in groups if alias in names), frozenset({alias}))


def largest(group: Iterable[Placed]) -> Placed:
    """The one of a group that counts: a load of unknown size before all others, primary where one of them is."""
    same = tuple(group)
    most = max(same, key=lambda p: (p.estimate.total is None, p.estimate.high, p.preflight or 0))
    return replace(most, primary=any(p.primary for p in same))


@dataclass(frozen=True, slots=True)
class AdmissionCheck:
    """One rule put to one model: ``need`` against ``limit``. ``order``: the loads that show it, newcomer last."""

    rule: str  # physical, preflight, spill, count; an engine may have others, which count as physical
    model: str
    need: int
    limit: int
    holds: bool
    says: str
    order: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AdmissionVerdict:
    """What a backend does with a planned set in any load order. ``need`` and ``total`` None: unknown.

    ``fit`` is of the primaries together (and "does not fit" where a fallback has no room even alone);
    ``fallbacks`` are each fallback's with the primaries, one at a time. ``need`` is the most that must be there
    at once, without the reserve: the primaries and the largest fallback. ``reserve`` is that of all GPUs,
    ``gpus`` are (name, total); ``notes`` say what was assumed (an unknown scheduler, nothing observed). ``together``:
    the largest set that is there at one time, where the server lets not all be; empty: all of them.
    """

    backend: str
    fit: Fit
    placed: tuple[Placed, ...]
    checks: tuple[AdmissionCheck, ...]
    gpus: tuple[tuple[str, int], ...]
    reserve: int
    need: int | None
    total: int | None
    total_from: str = ""
    scheduler: str = ""
    reason: str = ""
    notes: tuple[str, ...] = ()
    fallbacks: tuple[tuple[str, Fit], ...] = ()
    together: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PlannedModel:
    """One entry of a backend's planned set, as the lockfile keeps it.

    ``bytes`` are what was last reckoned with (None: not known). They are there for judging growth once the model's
    block is gone; ``same`` leaves them out: a set stays the same set when its sizes are measured anew.
    """

    model: str
    context: int
    primary: bool = True
    tag: str = ""  # its name on the server; empty in entries of an earlier lockfile, which then match any
    bytes: int | None = None

    def same(self, other: PlannedModel) -> bool:
        """Whether both stand for the same load, be it as a primary or as a fallback."""
        return (self.model, self.context) == (other.model, other.context) and (
            self.tag == other.tag or not (self.tag and other.tag)
        )


@dataclass(frozen=True, slots=True)
class Held:
    """A model that a backend has loaded now, in bytes; what ``size_vram`` lacks of ``size`` is on the CPU.

    ``alias``: the planned model that it is, None when nobody planned it. ``until``: when it expires, as the server
    writes it.
    """

    tag: str
    size: int
    size_vram: int
    context: int | None = None
    alias: str | None = None
    until: str = ""


@dataclass(frozen=True, slots=True)
class Bar:
    """One GPU in bytes; what is planned and loaded is ``resident``, what is planned and not loaded ``planned``.

    ``unplanned`` is loaded and planned by nobody, ``reserve`` is kept free, ``used`` is what the driver counts in
    all (None: nobody read it).
    """

    gpu: str
    total: int
    resident: int
    planned: int
    unplanned: int
    reserve: int
    used: int | None = None

    @property
    def headroom(self) -> int:
        """What is left; below zero it is too much."""
        return self.total - self.resident - self.planned - self.unplanned - self.reserve


@dataclass(frozen=True, slots=True)
class CapacityReport:
    """A backend as it is planned and as it is: verdict of its planned set, GPUs, residents, findings.

    ``unobserved`` says why the server could not be read; empty when it was.
    """

    backend: str
    verdict: AdmissionVerdict
    bars: tuple[Bar, ...] = ()
    held: tuple[Held, ...] = ()
    findings: tuple[Finding, ...] = ()
    unobserved: str = ""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A change that makes a model fit, proved by ``verdict``.

    ``values`` are what to set: context (tokens), quant, backend, or a setting of the engine's by its name.

    ``cost`` says what else it changes: a server-wide setting, a model of less quality.
    """

    values: tuple[tuple[str, str | int], ...]
    says: str
    verdict: AdmissionVerdict
    cost: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """Can a backend hold a model beside its planned set? ``verdict`` says it, for ``placed`` as it was asked.

    ``held`` is what is loaded there now, ``unplanned`` those of it that nobody planned nor asked about; ``beside``
    is the verdict with them as well, None when there are none. ``before``: the planned set without the model.
    ``largest`` context in tokens that fits, ``rounded`` down to a multiple of 1024; None: none does, or the size of a
    context is not known (``largest_reason``; beside a number it says why a larger one may fit as well). ``limit`` is
    the model's own, ``unobserved`` why nothing was read. ``wired``: the spec has the model, and has it on this backend.
    """

    backend: str
    placed: Placed
    verdict: AdmissionVerdict
    before: AdmissionVerdict
    beside: AdmissionVerdict | None = None
    held: tuple[Held, ...] = ()
    unplanned: tuple[Held, ...] = ()
    largest: int | None = None
    rounded: int | None = None
    limit: int | None = None
    largest_reason: str = ""
    suggestions: tuple[Suggestion, ...] = ()
    notes: tuple[str, ...] = ()
    unobserved: str = ""
    wired: bool = True


@dataclass(frozen=True, slots=True)
class Rank:
    """One backend as a place for a model: the answer without suggestions; ``headroom`` in bytes is what stays free."""

    answer: Answer
    headroom: int | None
    reason: str = ""
