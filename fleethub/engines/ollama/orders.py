"""Several GPUs: where a model lands depends on what came before it, so every load order is walked through."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fleethub.engines.ollama.rules import Rules, Weighed
from fleethub.engines.ollama.scheduler import SchedulerVersion
from fleethub.model.dataclass import dataclass

#: How many states are looked at, and of how many models; beyond that the careful answer is given.
BUDGET = 200
MODELS = 5


@dataclass(frozen=True, slots=True)
class OrderFailure:
    """The first load that goes wrong: ``rule`` is preflight or spill; ``order`` ends with the newcomer.

    ``rough``: it is spread over GPUs, and how much of them stays empty is only known as an upper bound.
    """

    rule: str
    load: Weighed
    need: int
    limit: int
    order: tuple[str, ...]
    rough: bool = False


@dataclass(slots=True)
class Walk:
    """What the walk found. ``split``: a model was spread over GPUs, whose shares are only known roughly."""

    evicts: OrderFailure | None = None
    spills: OrderFailure | None = None
    split: bool = False
    complete: bool = True

    @property
    def clean(self) -> bool:
        """Whether every order was followed to its end and nothing went wrong."""
        return self.complete and not self.split and self.evicts is None and self.spills is None


@dataclass(frozen=True, slots=True)
class _Gpu:
    """What is free on one GPU: at least ``low``, at most ``high`` bytes."""

    low: int
    high: int

    def less(self, load: Weighed, exact: bool) -> _Gpu:
        taken = load.one if exact else min(load.placed.estimate.low, load.one)
        return _Gpu(max(self.low - load.one, 0), max(self.high - taken, 0))


def walk(rules: Rules, loads: Sequence[Weighed], totals: Sequence[int], spread: bool, *, exact: bool) -> Walk:
    """Try every order, up to the first eviction.

    ``exact``: each load takes the upper end of its range, so that the GPU with most room is known, and what goes
    wrong goes wrong in that world. Else every GPU on which it may land within the ranges is tried.
    """
    found = Walk()
    if len(loads) > MODELS:
        return Walk(complete=False)
    seen: set[tuple[frozenset[int], tuple[_Gpu, ...]]] = set()
    stack: list[tuple[tuple[int, ...], tuple[_Gpu, ...]]] = [((), tuple(_Gpu(t, t) for t in sorted(totals)))]
    while stack and found.evicts is None:
        order, gpus = stack.pop()
        state = (frozenset(order), gpus)
        if state in seen:
            continue
        if len(seen) >= BUDGET:
            found.complete = False
            break
        seen.add(state)
        for at, load in enumerate(loads):
            if at in order:
                continue
            names = (*(loads[i].name for i in order), load.name)
            landed = False
            for gpu in () if spread else _may_land(rules, load, gpus):
                landed = True
                need, left = rules.wants(load), gpus[gpu]
                if need > left.low:  # what comes after it meets another state
                    found.spills = found.spills or OrderFailure("spill", load, need, left.low, names)
                    continue
                after = (*gpus[:gpu], left.less(load, exact), *gpus[gpu + 1 :])
                stack.append(((*order, at), tuple(sorted(after, key=lambda g: (g.low, g.high)))))
            if landed and any(rules.accepts(load, g.low) for g in gpus):
                continue
            every = sum(g.low for g in gpus)
            need, limit = rules.asks(load, every, len(gpus))
            if order and need > limit:
                found.evicts = OrderFailure(
                    "preflight", load, need, limit, names, rules.scheduler is not SchedulerVersion.CURRENT
                )
                break
            found.split = True
            if (need := rules.wants(load, len(gpus))) > every and found.spills is None:
                found.spills = OrderFailure("spill", load, need, every, names, True)
    return found


def _may_land(rules: Rules, load: Weighed, gpus: Sequence[_Gpu]) -> Iterator[int]:
    """The GPUs that may have most room and take it alone; those with the same room are one choice."""
    best = max(g.low for g in gpus)
    for at in {g: n for n, g in enumerate(gpus)}.values():
        if gpus[at].high >= best and rules.accepts(load, gpus[at].high):
            yield at
