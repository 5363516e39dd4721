"""Whose a key is: FleetHub's mark in its metadata, and the fingerprints that its value may have."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from itertools import count
from typing import Any

from fleethub.kinds.compare import parse_mark
from fleethub.kinds.key.attributes import KeyAttrs, KeyResource, interim
from fleethub.model.address import Address
from fleethub.model.address import key as key_address
from fleethub.model.observation import AnyLocked, Locked, Lockfile, Mark, birth
from fleethub.model.plan import Action
from fleethub.model.readings.proxy import KeyRow, ProxyReading
from fleethub.model.secret import Derived, Fingerprinter, KeptValue


def values_of(want: KeyResource | None, locked: Locked[KeyAttrs] | None) -> set[str]:
    """Fingerprints that a key of ours may have: wanted, last applied, or begun, and what those replace."""
    begun = locked.pending.attrs if locked and locked.pending else None
    sides = [side for side in (want.attrs if want else None, locked.attrs if locked else None, begun) if side]
    return {value for side in sides for value in (side.value, *(side.replaces or ())) if value}


def made(address: Address, want: KeyResource | None, locked: Locked[Any], fleet: str) -> tuple[Derived, ...]:
    """Its values that FleetHub made: as it was last applied, as an apply began it, and as it is wanted now.

    Of an adopted key's only those of generations above the one that it was found with.
    """
    born, begun = birth(address, locked), locked.pending.generation if locked.pending else 0
    found = locked.generation if KeptValue.is_told_by(locked.shape) else 0
    slots = (
        Derived.key_of(locked.shape, born.owner),
        *(Derived("key", fleet, born.owner, born.alias, n) for n in (locked.generation, begun) if n > found),
        want.material.slot if want is not None else None,
    )
    return tuple(dict.fromkeys(slot for slot in slots if isinstance(slot, Derived)))


def mark_of(metadata: Mapping[str, Any]) -> Mark | None:
    """Our mark in a key's metadata, or in a deployment's info."""
    return parse_mark(metadata.get("fleethub"))


def marks(reading: ProxyReading) -> list[tuple[KeyRow, Mark]]:
    """Every marked key of a proxy."""
    rows = (row for same in reading.keys.values() for row in same)
    return [(row, mark) for row in rows if (mark := mark_of(row.metadata)) is not None]


Rows = Mapping[str | None, tuple[KeyRow, ...]]


def by_value(reading: ProxyReading, fingerprinter: Fingerprinter) -> Rows:
    """Every row by the fingerprint of its value: made once of a reading, however many keys are looked for in it."""
    found: dict[str | None, tuple[KeyRow, ...]] = {}
    for row in {row.token: row for same in reading.keys.values() for row in same}.values():
        value = fingerprinter.sha256(bytes.fromhex(row.token))
        found[value] = (*found.get(value, ()), row)
    return found


def ours(
    address: Address, known: Rows, want: KeyResource | None, locked: Locked[KeyAttrs] | None
) -> tuple[KeyRow, ...]:
    """The rows of our values, whatever their alias is by now: the wanted one first, then the one that was applied.

    ``known``: see ``by_value``.
    """
    values = values_of(want, locked)
    first = [side.attrs.value for side in (want, locked) if side is not None and side.attrs is not None]
    found = [(value, row) for value in values for row in known.get(value, ())]

    def rank(one: tuple[str, KeyRow]) -> tuple[int, bool, str]:
        value, row = one
        return first.index(value) if value in first else len(first), row.alias != address.alias, row.token

    return tuple(row for _, row in sorted(found, key=rank))


def by_budget(reading: ProxyReading) -> Mapping[str, Sequence[KeyRow]]:
    """The rows that have a row of budgets, by it: made once of a reading, as ``by_value``."""
    found: dict[str, list[KeyRow]] = {}
    for row in (row for same in reading.keys.values() for row in same if row.budget):
        found.setdefault(row.budget, []).append(row)
    return found


def shares_budget(row: KeyRow, budgets: Mapping[str, Sequence[KeyRow]], mine: Collection[KeyRow] = ()) -> bool:
    """Whether somebody else's key has the same row of budgets: a soft budget that is written there is both's.

    ``budgets``: see ``by_budget``.
    """
    return any(one != row and one not in mine for one in budgets.get(row.budget, ()))


def interims(address: Address, want: KeyResource | None, locked: Locked[KeyAttrs] | None, row: KeyRow) -> set[str]:
    """Aliases that a value of this key may have while an older one is there."""
    mark, begun = mark_of(row.metadata), locked.pending if locked else None
    sides = (mark, want, locked, begun)
    generations = {side.generation for side in sides if side is not None}
    return {interim(address.alias, generation, again) for generation in generations for again in (False, True)}


def record_of(locked: Locked[KeyAttrs] | None) -> Locked[KeyAttrs]:
    if locked is None:  # pragma: no cover - an item has a wanted or a locked side
        raise AssertionError("an item without a wanted side has a locked one")
    return locked


def births(lockfile: Lockfile) -> dict[Address, Address]:
    """What a key's value is derived from, where that is not its own name on its proxy's.

    A renamed key, or one whose proxy was renamed, keeps what it was made with. Who takes its old name meanwhile gets
    another, or both would have the same values.
    """
    keys = {a: born for a, r in lockfile.resources.items() if a.kind == "key" and (born := birth(a, r))}
    found = {a: born for a, born in keys.items() if born != a}
    taken = {*found.values()}
    for address in sorted(taken - keys.keys()):
        tries = (key_address(address.owner, f"{address.alias}~{n}") for n in count(2))
        found[address] = next(one for one in tries if one not in taken)
    return found


def floors(lockfile: Lockfile) -> dict[Address, int]:
    """The lowest generation that the value of each key may be of: a key that is gone starts above all that it had, and
    so does one that a broken apply may have deleted.
    """
    kept = {
        a: r.generation + _may_be_gone(r) for a, r in lockfile.resources.items() if a.kind == "key" and r.generation
    }
    named = births(lockfile)
    gone = {a: lockfile.generations.get(named.get(a, a), 0) + 1
            for a in {*lockfile.generations, *named} - lockfile.resources.keys()}  # fmt: skip
    return {**gone, **kept}


def _may_be_gone(record: AnyLocked) -> bool:
    """Whether an apply that broke off was to delete a key of a value of FleetHub's."""
    begun = record.pending
    return begun is not None and Action.DELETE in begun.phases and not KeptValue.is_told_by(record.shape)


def values_by_key(lockfile: Lockfile | None) -> dict[Address, frozenset[str]]:
    """The fingerprints of every value that each key has by what was applied."""
    keys = {a: r.attrs for a, r in lockfile.resources.items() if a.kind == "key"} if lockfile else {}
    return {
        address: frozenset(value for value in (attrs.value, *(attrs.replaces or ())) if value)
        for address, attrs in keys.items()
        if isinstance(attrs, KeyAttrs)
    }


def kept(lockfile: Lockfile) -> dict[Address, str]:
    """The fingerprints of the values that adoption left their keys."""
    return {address: attrs.value for address, attrs in _adopted(lockfile).items() if attrs.value}


def endings(lockfile: Lockfile) -> dict[Address, str]:
    """The moments at which adopted keys end; a lifetime was the spec's, and goes with it."""
    return {a: attrs.expires for a, attrs in _adopted(lockfile).items() if attrs.expires and is_moment(attrs.expires)}


def is_moment(end: str) -> bool:
    """Whether a key's end was found, and is not a lifetime as a spec has it."""
    return re.fullmatch(r"\d+[smhdw]", end) is None


def _adopted(lockfile: Lockfile) -> dict[Address, KeyAttrs]:
    told = {a: r.attrs for a, r in lockfile.resources.items() if a.kind == "key" and KeptValue.is_told_by(r.shape)}
    return {address: attrs for address, attrs in told.items() if isinstance(attrs, KeyAttrs)}
