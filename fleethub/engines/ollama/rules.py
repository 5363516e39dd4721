"""The rules a server loads by, as questions to one newcomer and the free bytes it meets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleethub.engines.ollama.preflight import SURCHARGE, fillable, lowered, margin
from fleethub.engines.ollama.scheduler import SchedulerVersion
from fleethub.model.capacity import Estimate, Placed
from fleethub.model.dataclass import dataclass

if TYPE_CHECKING:
    from fleethub.engines.ollama.server import OllamaServer


@dataclass(frozen=True, slots=True)
class Weighed:
    """A load in numbers. ``one`` is what it takes on one GPU, ``all`` when it is spread; both the upper end of
    their range, so that "fits" holds for all of it. ``buffers`` and ``buffers_all`` are what of it a server before
    0.30 counts beforehand. ``base`` is the preflight without its batch."""

    placed: Placed
    one: int
    all: int
    buffers: int
    buffers_all: int
    base: int

    @property
    def name(self) -> str:
        """The model's alias."""
        return self.placed.model


def weigh(load: Placed, scheduler: SchedulerVersion) -> Weighed:
    """Numbers of a load whose size is known. Where its preflight is not, its size stands for file and cache."""
    split = load.split if load.split is not None and load.split.total is not None else load.estimate
    one, every = (max(e.high, e.total or 0) for e in (load.estimate, split))
    every = max(one, every)
    buffers, buffers_all = one - _runtime(load.estimate), every - _runtime(split)
    if scheduler is SchedulerVersion.OLD and load.preflight is not None:  # it loads by what it believes
        buffers, buffers_all = max(buffers, load.preflight), max(buffers_all, load.preflight)
        one, every = max(one, buffers), max(every, buffers_all)
    base = one if load.preflight is None else load.preflight - SURCHARGE[load.batch]
    return Weighed(load, one, every, buffers, buffers_all, base)


def _runtime(estimate: Estimate) -> int:
    return sum(row.bytes if row.most is None else row.most for row in estimate.rows if row.what.startswith("overhead"))


#: What must be free beside a projector, or it stays on the CPU.
PROJECTOR_ROOM = 1 << 30


def uneven(load: Weighed, gpus: int) -> int:
    """What stays empty because a layer lies whole on one of several GPUs, in bytes at the most."""
    return load.placed.layer * gpus if gpus > 1 else 0


@dataclass(frozen=True, slots=True)
class Rules:
    """One server's rules. ``margin`` and ``overhead`` (the setting) stay free on each GPU."""

    scheduler: SchedulerVersion
    margin: int
    overhead: int

    @staticmethod
    def of(server: OllamaServer) -> Rules:
        """The rules of a server's scheduler; of an unknown one all since 0.13."""
        return Rules(server.scheduler, margin(server.scheduler, server.runtime), server.kept)

    def asks(self, load: Weighed, free: int, gpus: int) -> tuple[int, int]:
        """(need, limit) of the strictest rule before a load, with ``free`` bytes on ``gpus`` GPUs."""
        found = []
        if self.scheduler in (SchedulerVersion.CURRENT, SchedulerVersion.UNKNOWN):
            found.append((lowered(load.base, load.placed.batch, free)[0], fillable(free)))
        if self.scheduler is not SchedulerVersion.CURRENT:
            found.append((self._whole(load, gpus), free))
        return min(found, key=lambda pair: pair[1] - pair[0])

    def accepts(self, load: Weighed, free: int, gpus: int = 1) -> bool:
        """Whether the server loads it there and lets the others be."""
        need, limit = self.asks(load, free, gpus)
        return need <= limit

    def wants(self, load: Weighed, gpus: int = 1) -> int:
        """Bytes that must be free for it over ``gpus`` GPUs, or layers go to the CPU."""
        found = 0
        if self.scheduler in (SchedulerVersion.CURRENT, SchedulerVersion.UNKNOWN):
            found = (load.one if gpus == 1 else load.all) + uneven(load, gpus)
            found += load.placed.room * gpus
        if self.scheduler is not SchedulerVersion.CURRENT:
            found = max(found, self._whole(load, gpus))
        return found

    def _whole(self, load: Weighed, gpus: int) -> int:
        """Before 0.30: buffers and a margin that stands for the runtime, which may take more."""
        size, buffers = (load.one, load.buffers) if gpus == 1 else (load.all, load.buffers_all)
        room = (self.margin + self.overhead) * gpus
        if any(row.what == "projector" for row in load.placed.estimate.rows):
            room = max(room, PROJECTOR_ROOM)
        return max(size, buffers + room) + uneven(load, gpus)
