"""The rules a server loads by, as questions to one newcomer and the free bytes it meets."""

from __future__ import annotations

from dataclasses import dataclass

from fleethub.capacity.era import Era
from fleethub.capacity.preflight import SURCHARGE, lowered, margin
from fleethub.capacity.server import Server
from fleethub.model.capacity import Placed


@dataclass(frozen=True, slots=True)
class Weighed:
    """A load in numbers. ``one`` is what it takes on one GPU, ``all`` when it is spread; both the upper end of
    their range, so that "fits" holds for all of it. ``base`` is the preflight without its batch."""

    placed: Placed
    one: int
    all: int
    base: int

    @property
    def name(self) -> str:
        """The model's alias."""
        return self.placed.model


def weigh(load: Placed, era: Era) -> Weighed:
    """Numbers of a load whose size is known. Where its preflight is not, its size stands for file and cache."""
    one = max(load.estimate.high, load.estimate.total or 0)
    split = max(load.split.high, load.split.total or 0) if load.split and load.split.total is not None else one
    if era is Era.OLD and load.preflight is not None:  # it loads by what it believes
        one, split = max(one, load.preflight), max(split, load.preflight + split - one)
    base = one if load.preflight is None else load.preflight - SURCHARGE[load.batch]
    return Weighed(load, one, max(one, split), base)


@dataclass(frozen=True, slots=True)
class Rules:
    """One server's rules."""

    era: Era
    margin: int
    overhead: int

    @staticmethod
    def of(server: Server) -> Rules:
        """The rules of a server's era; of an unknown one all since 0.13."""
        return Rules(server.era, margin(server.era, server.runtime), server.overhead)

    def asks(self, load: Weighed, free: int, gpus: int) -> tuple[int, int]:
        """(need, limit) of the strictest rule before a load, with ``free`` bytes on ``gpus`` GPUs."""
        found = []
        if self.era in (Era.CURRENT, Era.UNKNOWN):
            found.append((lowered(load.base, load.placed.batch, free)[0], free * 8 // 10))
        if self.era is not Era.CURRENT:
            found.append(((load.one if gpus == 1 else load.all) + self.margin * gpus, free))
        return min(found, key=lambda pair: pair[1] - pair[0])

    def accepts(self, load: Weighed, free: int, gpus: int = 1) -> bool:
        """Whether the server loads it there and lets the others be."""
        need, limit = self.asks(load, free, gpus)
        return need <= limit

    def room(self, load: Weighed) -> int:
        """What must stay free on each GPU beside it, or layers go to the CPU."""
        return self.overhead + (self.margin if self.era in (Era.ENGINE, Era.OLD) else load.placed.room)
