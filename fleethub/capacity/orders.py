"""Several GPUs: where a model lands depends on what came before it, so every load order is walked through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fleethub.capacity.rules import Rules, Weighed

#: How many states are looked at; beyond that the careful answer is given.
BUDGET = 2000


@dataclass(frozen=True, slots=True)
class Failure:
    """The first load that goes wrong: ``rule`` is preflight or spill; ``order`` ends with the newcomer."""

    rule: str
    load: Weighed
    need: int
    limit: int
    order: tuple[str, ...]


@dataclass(slots=True)
class Walk:
    """What the walk found. ``split``: a model was spread over GPUs, whose shares are only known roughly."""

    evicts: Failure | None = None
    spills: Failure | None = None
    split: bool = False
    complete: bool = True


def walk(rules: Rules, loads: Sequence[Weighed], totals: Sequence[int], overhead: int, spread: bool) -> Walk:
    """Try every order and every choice among GPUs that would take a model alone, up to the first eviction."""
    found = Walk()
    seen: set[tuple[frozenset[int], tuple[int, ...]]] = set()
    stack: list[tuple[tuple[int, ...], tuple[int, ...]]] = [((), tuple(totals))]
    while stack and found.evicts is None:
        order, frees = stack.pop()
        state = (frozenset(order), frees)
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
            alone = [] if spread else [g for g, f in enumerate(frees) if rules.accepts(load, f - overhead)]
            room = rules.room(load)
            for gpu in alone:
                if load.one + room > frees[gpu] and found.spills is None:
                    found.spills = Failure("spill", load, load.one + room, frees[gpu], names)
                left = (*frees[:gpu], max(frees[gpu] - load.one, 0), *frees[gpu + 1 :])
                stack.append(((*order, at), left))
            if alone:
                continue
            every = sum(frees) - overhead * len(frees)
            if order and not rules.accepts(load, every, len(frees)):
                need, limit = rules.asks(load, every, len(frees))
                found.evicts = Failure("preflight", load, need, limit, names)
                break
            found.split = True
            usable = [max(f - room, 0) for f in frees]
            if load.all > sum(usable) and found.spills is None:
                found.spills = Failure("spill", load, load.all + room * len(frees), sum(frees), names)
            share = min(load.all / max(sum(usable), 1), 1.0)
            stack.append(((*order, at), tuple(f - round(u * share) for f, u in zip(frees, usable, strict=True))))
    return found
