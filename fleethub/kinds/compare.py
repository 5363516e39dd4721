"""What is compared of wanted, observed and last applied resources, and the record that an apply leaves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from fleethub.kinds.diff import diff
from fleethub.kinds.values import ResourceState
from fleethub.model.address import Address
from fleethub.model.finding import Finding
from fleethub.model.observation import Attrs, Locked, Lockfile, Mark, Needs, Pending, Resource
from fleethub.model.plan import FieldChange


def parse_mark(raw: Any) -> Mark | None:
    """Our mark in what a key's metadata or a node's mark file holds; anything that is not one is no mark."""
    if not isinstance(raw, Mapping):
        return None
    lineage, serial, generation = raw.get("lineage"), raw.get("serial"), raw.get("generation")
    if isinstance(lineage, str) and isinstance(serial, int) and isinstance(generation, int):
        apply, fleet = (str(raw[name]) if isinstance(raw.get(name), str) else "" for name in ("apply", "fleet"))
        return Mark(lineage, serial, generation, apply, fleet)
    return None


def managed(item: ResourceState) -> Attrs:
    """Wanted attributes plus None for what only the lockfile has: those were ours and must go."""
    want = dict(item.want.attrs) if item.want else {}
    if item.locked:
        for name in (*item.locked.attrs, *(item.locked.pending.attrs if item.locked.pending else ())):
            want.setdefault(name, None)
    return want


def changed_fields(want: Attrs, have: Attrs) -> tuple[FieldChange, ...]:
    """The values of ``want`` that ``have`` does not have; what only ``have`` has is unmanaged and no difference."""
    return diff(
        {k: have[k] for k in want if have.get(k) is not None},
        {k: v for k, v in want.items() if v is not None},
    )


def differs(want: Attrs, have: Attrs) -> bool:
    """Whether a managed attribute differs; None and absent are one."""
    return any(have.get(name) != value for name, value in want.items())


def record(want: Resource, attrs: Attrs | None = None, pending: Pending | None = None) -> Locked:
    """The lockfile's record of a resource with the attributes that it now has."""
    return Locked(
        source=replace(want.source, ask=(), credential=None),
        attrs={k: v for k, v in (want.attrs if attrs is None else attrs).items() if v is not None},
        needs=want.needs,
        shape=want.shape,
        owner=want.owner,
        protected=want.protected,
        pending=pending,
        by_hand=want.by_hand,
        generation=want.generation,
        born=want.born,
    )


def behind(locked: Locked | None, want: Resource) -> bool:
    """Whether the lockfile's record says something else than the spec; what it does not know yet is no difference."""
    wanted = record(want)
    if locked is not None and not locked.generation:
        wanted = replace(wanted, generation=0)
    return locked != wanted


def drifted(applied: Attrs, seen: Attrs) -> tuple[FieldChange, ...]:
    """The values of what was applied that are others by now."""
    if not differs(applied, seen):
        return ()
    before = {name: value for name, value in applied.items() if value is not None}
    return diff(before, {name: value for name, value in seen.items() if name in applied})


def in_use(item: ResourceState) -> Needs:
    """What a consumer may be calling right now: what was applied, and what an interrupted apply wanted.

    Not what its config says by itself: a node that edits its own config must not widen its key by that.
    """
    locked = item.locked
    return union(locked.needs, locked.pending.needs if locked.pending else {}) if locked else {}


def union(*sides: Needs) -> Needs:
    """All that any side needs."""
    found: dict[Address, frozenset[str]] = {}
    for side in sides:
        for address, entries in side.items():
            found[address] = found.get(address, frozenset()) | entries
    return found


def generation_behind(item: ResourceState, lockfile: Lockfile) -> Finding | None:
    """Set when what is there is of a higher generation than the spec's."""
    mark, want = item.seen.mark if item.seen else None, item.want
    if want is None or mark is None or mark.lineage != lockfile.lineage or mark.generation <= want.generation:
        return None
    message = f"{item.address} is at generation {mark.generation}, and the spec says {want.generation}"
    hint = f"write generation = {mark.generation}, or git pull"
    return Finding("key.generation-behind", message, item.address, want.place, hint)
