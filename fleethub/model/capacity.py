"""Values of capacity: what a load takes, where it is placed, what the server will do with it. Sizes in bytes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Sure(StrEnum):
    """How sure a number is, from surest to least: seen on the server, counted from facts, computed by a model of it."""

    MEASURED = "measured"
    EXACT = "exact"
    ESTIMATED = "estimated"


@dataclass(frozen=True, slots=True)
class Row:
    """One summand of a load; ``source`` says where it is from, ``detail`` writes the arithmetic out."""

    what: str
    bytes: int
    sure: Sure
    source: str
    detail: str = ""


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


@dataclass(frozen=True, slots=True)
class Placed:
    """A model as it would be loaded. ``context`` in tokens per slot, ``context_from`` what decides it.

    ``preflight`` is what the server's own scheduler reckons with; ``room`` what must stay free beside it (its
    projector included); ``primary``: it must always stay loaded, not just now and then as a fallback.
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


@dataclass(frozen=True, slots=True)
class Check:
    """One rule put to one model: ``need`` against ``limit``. ``order``: the loads that show it, newcomer last."""

    rule: str  # physical, preflight, spill, count
    model: str
    need: int
    limit: int
    holds: bool
    says: str
    order: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a backend does with a planned set in any load order. ``need`` and ``total`` None: unknown.

    ``fit`` is of the primaries together (and "does not fit" where a fallback has no room even alone);
    ``fallbacks`` are each fallback's with the primaries, one at a time. ``need`` is the most that must be there
    at once, without the reserve: the primaries and the largest fallback. ``reserve`` is that of all GPUs,
    ``gpus`` are (name, total); ``notes`` say what was assumed (an unknown era, nothing observed).
    """

    backend: str
    fit: Fit
    placed: tuple[Placed, ...]
    checks: tuple[Check, ...]
    gpus: tuple[tuple[str, int], ...]
    reserve: int
    need: int | None
    total: int | None
    total_from: str = ""
    era: str = ""
    reason: str = ""
    notes: tuple[str, ...] = ()
    fallbacks: tuple[tuple[str, Fit], ...] = ()


@dataclass(frozen=True, slots=True)
class Planned:
    """One entry of a backend's planned set, as the lockfile keeps it.

    ``bytes`` are what was last reckoned with (None: not known). They are there for judging growth once the model's
    block is gone; ``same`` leaves them out: a set stays the same set when its sizes are measured anew.
    """

    model: str
    context: int
    primary: bool = True
    tag: str = ""  # its name on Ollama; empty in entries of an earlier lockfile, which then match any
    bytes: int | None = None

    def same(self, other: Planned) -> bool:
        """Whether both stand for the same load, be it as a primary or as a fallback."""
        return (self.model, self.context) == (other.model, other.context) and (
            self.tag == other.tag or not (self.tag and other.tag)
        )
