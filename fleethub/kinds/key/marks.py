"""Whose a key is: FleetHub's mark in its metadata, and the fingerprints that its value may have."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from fleethub.kinds.compare import parse_mark
from fleethub.kinds.key.attributes import KeyAttrs, KeyResource
from fleethub.kinds.values import ObserveContext
from fleethub.model.address import Address
from fleethub.model.facts import KeyRow, ProxyReading
from fleethub.model.observation import Locked, Lockfile, Mark


def values_of(want: KeyResource | None, locked: Locked[KeyAttrs] | None) -> set[str]:
    """Fingerprints that a key of ours may have: wanted, last applied, or begun."""
    begun = locked.pending.attrs if locked and locked.pending else None
    sides = (want.attrs if want else None, locked.attrs if locked else None, begun)
    return {side.value for side in sides if side is not None and side.value}


def mark_of(metadata: Mapping[str, Any]) -> Mark | None:
    """Our mark in a key's metadata, or in a deployment's info."""
    return parse_mark(metadata.get("fleethub"))


def marks(reading: ProxyReading) -> list[tuple[KeyRow, Mark]]:
    """Every marked key of a proxy."""
    rows = (row for same in reading.keys.values() for row in same)
    return [(row, mark) for row in rows if (mark := mark_of(row.metadata)) is not None]


def ours(
    rows: Iterable[KeyRow], reading: ProxyReading, values: Collection[str], sight: ObserveContext
) -> KeyRow | None:
    """The row whose value is one of ``values``: one of those that have the alias, else whoever has it by now."""

    def first(some: Iterable[KeyRow]) -> KeyRow | None:
        return next((r for r in some if sight.fingerprinter.sha256(bytes.fromhex(r.token)) in values), None)

    if not values:
        return None
    return first(rows) or first(row for same in reading.keys.values() for row in same)


def record_of(locked: Locked[KeyAttrs] | None) -> Locked[KeyAttrs]:
    if locked is None:  # pragma: no cover - an item has a wanted or a locked side
        raise AssertionError("an item without a wanted side has a locked one")
    return locked


def floors(lockfile: Lockfile) -> dict[Address, int]:
    """The lowest generation that the value of each key may be of: a key that is gone starts above all that it had."""
    kept = {a: r.generation for a, r in lockfile.resources.items() if a.kind == "key" and r.generation}
    gone = {a: highest + 1 for a, highest in lockfile.generations.items() if a not in lockfile.resources}
    return {**gone, **kept}
