"""Who may be resident beside whom: llama-swap's own rules, as its ``internal/router`` of August 2026 has them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations

from fleethub.model.dataclass import dataclass
from fleethub.model.readings.server import SwapFile, SwapGroup

#: Models beyond which not every set of them is looked at: all together are taken, which is the careful sum.
MANY = 12
#: What is in no group is in this one.
DEFAULT = SwapGroup("(default)", True, True, False, frozenset())


@dataclass(frozen=True, slots=True)
class Eviction:
    """Loading ``newcomer`` ends ``other``; ``why`` in the file's words."""

    newcomer: str
    other: str
    why: str


def group_of(file: SwapFile, model: str) -> SwapGroup:
    """The group of a model."""
    return next((group for group in file.groups if model in group.members), DEFAULT)


def evictions(file: SwapFile, models: Sequence[str]) -> tuple[Eviction, ...]:
    """What becomes of models that are asked for in turn, in any order; none: all of them stay.

    Groups are judged pair by pair; a matrix by whether one of its sets has them all, and else by whom the set that
    keeps most of them lacks, each pair once.
    """
    if file.sets is not None:
        return _by_matrix(file.sets, frozenset(models))
    found = []
    for newcomer in models:
        for other in models:
            if newcomer != other and (why := _ends(file, newcomer, other)):
                found.append(Eviction(newcomer, other, why))
    return tuple(found)


def _by_matrix(sets: Sequence[frozenset[str]], wanted: frozenset[str]) -> tuple[Eviction, ...]:
    if len(wanted) < 2 or any(wanted <= one for one in sets):
        return ()
    why, found = f"no set of its matrix has {', '.join(sorted(wanted))} together", dict[frozenset[str], Eviction]()
    for newcomer in sorted(wanted, reverse=True):
        mine = (one & wanted for one in sets if newcomer in one)
        kept = max(mine, key=lambda one: (len(one), sorted(one)), default=frozenset({newcomer}))
        for other in sorted(wanted - kept):
            found.setdefault(frozenset({newcomer, other}), Eviction(newcomer, other, why))
    return tuple(found.values())


def _ends(file: SwapFile, newcomer: str, other: str) -> str:
    """Why loading the one ends the other; empty: it stays."""
    mine, its = group_of(file, newcomer), group_of(file, other)
    if mine == its:
        return f"the group {mine.name} runs one at a time (swap)" if mine.swap else ""
    if mine.exclusive and not its.persistent:
        return f"the group {mine.name} is exclusive, and {its.name} is not persistent"
    return ""


def resident_sets(file: SwapFile, models: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """The largest sets of these models that may be resident at one time, however they came."""
    names = sorted(set(models))
    if file.sets is not None:
        one_of = {one.intersection(names) for one in file.sets} | {frozenset({name}) for name in names}
        return _largest(sorted(one_of, key=lambda one: (-len(one), sorted(one))))
    if len(names) > MANY:
        return (tuple(names),)
    chosen = (frozenset(some) for size in range(len(names), 0, -1) for some in combinations(names, size))
    return _largest(one for one in chosen if _may_stand(file, one))


def _largest(sets: Iterable[frozenset[str]]) -> tuple[tuple[str, ...], ...]:
    """Of sets that come by their size, the larger first, those that are in no other."""
    found: list[frozenset[str]] = []
    for one in sets:
        if one and not any(one <= larger for larger in found):
            found.append(one)
    return tuple(tuple(sorted(one)) for one in found)


def _may_stand(file: SwapFile, models: frozenset[str]) -> bool:
    """Whether there is an order of its groups in which the last one leaves all the others there."""
    left = set(models)
    while len(left) > 1:  # the last of an order ends nobody; without it, so does the one before
        last = next((m for m in left if not any(_ends(file, m, other) for other in left if other != m)), None)
        if last is None:
            return False
        left.discard(last)
    return True
