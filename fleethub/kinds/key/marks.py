"""Whose a key is: FleetHub's mark in its metadata, and the fingerprints that its value may have."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from itertools import count
from typing import Any

from fleethub.kinds.compare import parse_mark
from fleethub.kinds.key.attributes import KeyAttrs, KeyResource
from fleethub.kinds.values import ObserveContext
from fleethub.model.address import Address
from fleethub.model.address import key as key_address
from fleethub.model.facts import KeyRow, ProxyReading
from fleethub.model.observation import Locked, Lockfile, Mark
from fleethub.model.secret import Kept


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
    rows: Iterable[KeyRow], reading: ProxyReading, values: Collection[str], context: ObserveContext
) -> KeyRow | None:
    """The row whose value is one of ``values``: one of those that have the alias, else whoever has it by now."""

    def first(some: Iterable[KeyRow]) -> KeyRow | None:
        return next((r for r in some if context.fingerprinter.sha256(bytes.fromhex(r.token)) in values), None)

    if not values:
        return None
    return first(rows) or first(row for same in reading.keys.values() for row in same)


def record_of(locked: Locked[KeyAttrs] | None) -> Locked[KeyAttrs]:
    if locked is None:  # pragma: no cover - an item has a wanted or a locked side
        raise AssertionError("an item without a wanted side has a locked one")
    return locked


def births(lockfile: Lockfile) -> dict[Address, str]:
    """The alias that a key's value is derived from, where that is not its own.

    A renamed key keeps the one that it was made with. Who takes its old name meanwhile gets another, or both would
    have the same values.
    """
    keys = {a: r for a, r in lockfile.resources.items() if a.kind == "key"}
    found = {a: r.born for a, r in keys.items() if r.born}
    taken = {key_address(a.owner, born) for a, born in found.items()}
    for address in sorted(taken - keys.keys()):
        tries = (f"{address.alias}~{n}" for n in count(2))
        found[address] = next(name for name in tries if key_address(address.owner, name) not in taken)
    return found


def floors(lockfile: Lockfile) -> dict[Address, int]:
    """The lowest generation that the value of each key may be of: a key that is gone starts above all that it had."""
    kept = {a: r.generation for a, r in lockfile.resources.items() if a.kind == "key" and r.generation}
    named = births(lockfile)
    gone = {a: lockfile.generations.get(key_address(a.owner, named.get(a, a.alias)), 0) + 1
            for a in {*lockfile.generations, *named} - lockfile.resources.keys()}  # fmt: skip
    return {**gone, **kept}


def kept(lockfile: Lockfile) -> dict[Address, str]:
    """The fingerprints of the values that adoption left their keys."""
    told = {a: r.attrs for a, r in lockfile.resources.items() if a.kind == "key" and Kept.is_told_by(r.shape)}
    return {a: attrs.value for a, attrs in told.items() if isinstance(attrs, KeyAttrs) and attrs.value}
