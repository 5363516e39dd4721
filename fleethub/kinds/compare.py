"""What is compared of wanted, observed and last applied resources, and the record that an apply leaves."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any, TypeGuard, TypeVar

from fleethub.kinds.diff import diff
from fleethub.kinds.values import AnyState
from fleethub.model.attributes import Attributes, plain
from fleethub.model.finding import Finding
from fleethub.model.observation import AnyLocked, AnyResource, Found, Locked, Lockfile, Mark, Needs, Pending, Resource
from fleethub.model.plan import FieldChange

A = TypeVar("A", bound=Attributes)


#: Serials of marks are below: whatever somebody wrote there, a lockfile that is made after it can still count on.
MARKED = 10**8 - 10**6


def parse_mark(raw: Any) -> Mark | None:
    """Our mark in what a key's metadata or a node's mark file holds; anything that is not one is no mark."""
    if not isinstance(raw, Mapping):
        return None
    lineage, serial, generation = raw.get("lineage"), raw.get("serial"), raw.get("generation")
    if isinstance(lineage, str) and _counts(serial, MARKED) and _counts(generation, 2**31):
        names = ("apply", "fleet", "born", "born_proxy")
        apply, fleet, born, proxy = (str(raw[n]) if isinstance(raw.get(n), str) else "" for n in names)
        return Mark(lineage, serial, generation, apply, fleet, born, _found(raw.get("found")), proxy)
    return None


def _found(raw: Any) -> Found:
    """What a mark says of what was there before; nothing where it is not what FleetHub writes."""
    told = raw.items() if isinstance(raw, Mapping) else ()
    if not all(isinstance(texts, list) and all(isinstance(text, str) for text in texts) for _, texts in told):
        return {}
    return {str(name): tuple(texts) for name, texts in told}


def marked(found: Found) -> dict[str, Any]:
    """The same as a mark says it; nothing where nothing was there."""
    return {"found": {name: list(texts) for name, texts in found.items()}} if found else {}


def _counts(value: Any, below: int) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < below


def changed_fields(item: AnyState) -> tuple[FieldChange, ...]:
    """From what is seen to what is wanted."""
    have = plain(item.seen.attrs) if item.seen else {}
    return diff(have, plain(item.want.attrs) if item.want else {})


def record(want: Resource[A, Any], attrs: A | None = None, pending: Pending[A] | None = None) -> Locked[A]:
    """The lockfile's record of a resource with the attributes that it now has."""
    return Locked(
        source=replace(want.source, ask=(), credential=None),
        attrs=want.attrs if attrs is None else attrs,
        needs=want.needs,
        shape=want.shape,
        owner=want.owner,
        protected=want.protected,
        pending=pending,
        by_hand=want.by_hand,
        generation=want.generation,
        born=want.born,
        born_proxy=want.born_proxy,
        found=want.found,
    )


def behind(locked: AnyLocked | None, want: AnyResource) -> bool:
    """Whether the lockfile's record says something else than the spec; what it does not know yet is no difference."""
    wanted = record(want)
    if locked is not None and not locked.generation:
        wanted = replace(wanted, generation=0)
    return locked != wanted


def drifted(applied: Attributes, seen: Attributes, never: Collection[str] = ()) -> tuple[FieldChange, ...]:
    """The fields that were applied, or ``never`` are, and are others by now."""
    if applied == seen:
        return ()
    before = plain(applied)
    return diff(before, {name: value for name, value in plain(seen).items() if name in before or name in never})


def in_use(item: AnyState) -> Needs:
    """What a consumer may be calling right now: what was applied, and what an interrupted apply wanted.

    Not what its config says by itself: a node that edits its own config must not widen its key by that.
    """
    locked = item.locked
    return union(locked.needs, locked.pending.needs if locked.pending else {}) if locked else {}


def union(*sides: Needs) -> Needs:
    """All that any side needs."""
    first, *others = [side for side in sides if side] or [{}]
    if all(side == first for side in others):
        return first  # as of nearly every node of an empty plan
    found = dict(first)
    for side in others:
        for address, entries in side.items():
            found[address] = found.get(address, frozenset()) | entries
    return found


def generation_behind(item: AnyState, lockfile: Lockfile) -> Finding | None:
    """Set when what is there is of a higher generation than the spec's."""
    mark, want = item.seen.mark if item.seen else None, item.want
    if want is None or mark is None or mark.lineage != lockfile.lineage or mark.generation <= want.generation:
        return None
    message = f"{item.address} is at generation {mark.generation}, and the spec says {want.generation}"
    hint = f"write generation = {mark.generation}, or git pull"
    return Finding("key.generation-behind", message, item.address, want.place, hint)
