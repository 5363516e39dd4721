"""What the scheduler holds and tells: GPUs, residents, outcomes of requests, events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from fleethub.testing.ollama.shape import Shape


@dataclass(slots=True)
class Gpu:
    """Bytes. ``foreign``: what other processes hold at this moment; Ollama sees it as not free."""

    total: int
    foreign: int = 0


class Event(NamedTuple):
    """``(evicted, who, for whom)``, ``(reloaded, who, (context before, after))``, ``(spilled, who, bytes)``,
    ``(stepped, who, (context before, after))``, ``(loaded, who, gpus)``, ``(expired | unloaded, who, None)``,
    ``(queued, who, waits for)``, ``(refused | failed, who, why)``."""

    what: str
    model: str
    more: Any = None


@dataclass(slots=True)
class Loaded:
    """A resident: ``size`` and ``size_vram`` as /api/ps tells them, ``taken`` the truth per GPU, in bytes."""

    name: str
    size: int
    size_vram: int
    context_length: int
    asked: tuple[Any, ...]  # what the load was for: another one loads it anew
    gpus: tuple[int, ...]
    tracked: Mapping[int, int]
    taken: Mapping[int, int]
    spilled: int
    parallel: int
    batch: int
    stay: float
    expires: float
    uses: int = 0
    doomed: str | None = None  # who waits for it to go


@dataclass(frozen=True, slots=True)
class Outcome:
    """``what``: kept, loaded, reloaded, queued, refused (503) or failed (500). ``taken``: true bytes per GPU.

    ``spilled``: bytes that went to the CPU; ``stepped``: contexts given up for lack of memory.
    """

    what: str
    model: str
    ticket: int
    context: int = 0
    evicted: tuple[str, ...] = ()
    gpus: tuple[int, ...] = ()
    taken: Mapping[int, int] = field(default_factory=dict)
    size: int = 0
    size_vram: int = 0
    spilled: int = 0
    stepped: tuple[int, ...] = ()
    waits_for: str | None = None


@dataclass(slots=True)
class Asked:
    """A request on its way: what it evicted and gave up so far; ``before`` is the context of a load it replaces."""

    ticket: int
    shape: Shape
    num_ctx: int | None
    options: Mapping[str, Any]
    keep_alive: float | None
    busy: bool
    evicted: list[str] = field(default_factory=list)
    stepped: list[int] = field(default_factory=list)
    before: int | None = None
    cleared: bool = False
    backoff: float = 0.0
