"""Values of a proposal for the whole fleet: which model should lie on which backend. Sizes in bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Literal, NamedTuple

from fleethub.model.capacity import AdmissionVerdict
from fleethub.model.dataclass import dataclass


class Copy(NamedTuple):
    """A model on one of the backends that the spec has it on."""

    model: str
    backend: str


class Standing(NamedTuple):
    """What is wrong with a placement, worst first: of two placements the one is better whose first difference is less.

    ``leaving``: models on backends that they are to leave (drained, or not among their ``place_on``). ``dropped``:
    models that were taken off a backend without another in its place. ``broken``: backends whose primaries do not all
    stay loaded. ``pushed``: fallbacks that, while they are loaded, push a primary out. ``one_backend`` and
    ``one_machine``: chains of several models that all lie on one backend, or on one machine.
    """

    leaving: int = 0
    dropped: int = 0
    broken: int = 0
    pushed: int = 0
    one_backend: int = 0
    one_machine: int = 0


@dataclass(frozen=True, slots=True)
class Move:
    """A model that is to lie on ``target`` in the place of ``source``; None: it stays on its other backends alone.

    ``role``: primary, fallback, or unused (nobody names it). ``bytes`` at most on its target; None: it takes nothing
    that is planned. ``absent``: its target is seen not to have it on its disk. ``pulls``: an apply downloads it.
    """

    model: str
    source: str
    target: str | None
    role: Literal["primary", "fallback", "unused"]
    why: str
    bytes: int | None = None
    owner: str = ""
    absent: bool = False
    pulls: bool = False


@dataclass(frozen=True, slots=True)
class BackendSum:
    """A backend that is touched: its verdict before and after."""

    backend: str
    before: AdmissionVerdict
    after: AdmissionVerdict


@dataclass(frozen=True, slots=True)
class Unmoved:
    """What a proposal leaves as it is, and why: a model on a backend, or (``model`` empty) a backend.

    ``lacks``: something is wrong with it that cannot be helped; ``missing`` bytes would help (None: not known).
    """

    backend: str
    model: str
    says: str
    lacks: bool = False
    missing: int | None = None


@dataclass(frozen=True, slots=True)
class Placing:
    """A proposal. ``backends``: the new list of each model that moves. ``least``: no placement that is as good needs
    fewer moves; None: not known. ``proved``: none is better, nor as good with fewer. ``exact``: a solver was asked.
    ``solver``: why it was not, or not to its end; empty: it was not needed, or did. ``unobserved``: by their names why
    backends were not read, which are judged by the spec and what was seen of them before.
    """

    moves: tuple[Move, ...]
    backends: Mapping[str, tuple[str, ...]]
    sums: tuple[BackendSum, ...]
    before: Standing
    after: Standing
    least: int | None
    proved: bool
    exact: bool = False
    solver: str = ""
    left: tuple[Unmoved, ...] = ()
    known: bool = True
    unobserved: Mapping[str, str] = field(default_factory=dict)
