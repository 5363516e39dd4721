"""Values of what capacity works out or measures: settings of a server, and loads that were checked. Sizes in bytes."""

from __future__ import annotations

from fleethub.model.capacity import AdmissionVerdict
from fleethub.model.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """The settings of a backend's server that take least from its users, and under which what is planned holds.

    ``now``: the verdict with the settings as they are, ``verdict`` with these; None: under none that are known it
    holds. ``says`` them for people, ``cost`` what they take from users; ``file`` is a name, ``text`` what is in it,
    ``how`` what is to be done with it. ``lacks``: which fallbacks push others out all the same.
    """

    backend: str
    now: AdmissionVerdict
    verdict: AdmissionVerdict | None = None
    says: str = ""
    cost: str = ""
    file: str = ""
    text: str = ""
    how: str = ""
    lacks: str = ""


@dataclass(frozen=True, slots=True)
class Checked:
    """One load. ``reckoned`` bytes of its buffers lie between ``low`` and ``high``; ``measured`` is the server's sum.

    ``whole``: bytes that the driver counted more once it was loaded; ``total``: what was reckoned of that. None: not
    known; ``says`` then why. ``spilled`` bytes are on the CPU. ``was``: it was loaded already, so nothing was loaded.
    """

    model: str
    tag: str
    context: int
    reckoned: int | None
    low: int = 0
    high: int = 0
    measured: int | None = None
    total: int | None = None
    whole: int | None = None
    spilled: int = 0
    was: bool = False
    says: str = ""

    @property
    def off(self) -> float | None:
        """By which part of what was measured the estimate is above it (below: negative); None: one is not known."""
        if self.reckoned is None or not self.measured:
            return None
        return (self.reckoned - self.measured) / self.measured


@dataclass(frozen=True, slots=True)
class Score:
    """Of loads that were both reckoned and measured: how many, how far off (see ``Checked.off``), and how many of them
    took more than the upper end of what was reckoned.
    """

    count: int
    middle: float
    lowest: float
    highest: float
    below: int


@dataclass(frozen=True, slots=True)
class BackendCheck:
    """Each load, and what they say of the estimates together (None: nothing could be compared)."""

    backend: str
    loads: tuple[Checked, ...]
    score: Score | None
