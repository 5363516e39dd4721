"""Records under other addresses: what moves leaves its record behind, until its old place is taken down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from fleethub.kinds import KINDS
from fleethub.model.address import WAS, Address, successor, turn
from fleethub.model.fleet import Fleet
from fleethub.model.observation import AnyLocked, AnyResource, Lockfile, Needs


def moves_of(wanted: Mapping[Address, AnyResource], locked: Mapping[Address, AnyLocked]) -> dict[Address, Address]:
    """Of what is wanted at another place than it was applied at: its address -> the one that the old place gets."""
    found: dict[Address, Address] = {}
    for address, want in wanted.items():
        record = locked.get(address)
        if record is not None and record.source.id != want.source.id and KINDS[address.kind].moves(want, record):
            found[address] = old_place(address, locked)
    return found


def old_place(address: Address, locked: Mapping[Address, AnyLocked]) -> Address:
    """The address of what is left behind, among the records that there are: after those of earlier moves."""
    n = max((turn(other) + 1 for other in locked if successor(other) == address), default=0)
    return Address(address.kind, f"{address.name}{WAS}{n or ''}")


def renames_of(fleet: Fleet, locked: Mapping[Address, AnyLocked]) -> dict[Address, Address]:
    """What the spec's ``[[moved]]`` renames of the lockfile, as each kind has it."""
    return {before: now for kind in KINDS.values() for before, now in kind.renames(fleet, locked).items()}


def renaming(
    fleet: Fleet, wanted: Mapping[Address, AnyResource], locked: Mapping[Address, AnyLocked]
) -> dict[Address, Address]:
    """All that an apply puts under another address: by ``[[moved]]``, then what moves to another place."""
    renamed = renames_of(fleet, locked)
    return _composed(renamed, moves_of(wanted, readdressed(locked, renamed)))


def _composed(first: Mapping[Address, Address], then: Mapping[Address, Address]) -> dict[Address, Address]:
    """What one renaming after another does."""
    rest = {a: b for a, b in then.items() if a not in first.values()}
    return {a: then.get(b, b) for a, b in first.items()} | rest


def lockfile_after(lockfile: Lockfile | None, renamed: Mapping[Address, Address]) -> Lockfile | None:
    """The lockfile as an apply's first write leaves it: with what moves, and what is owed, under its new address."""
    if lockfile is None or not renamed:
        return lockfile
    owed = {renamed.get(address, address): since for address, since in lockfile.owed.items()}
    return replace(lockfile, resources=readdressed(lockfile.resources, renamed), owed=owed)


def readdressed(locked: Mapping[Address, AnyLocked], renamed: Mapping[Address, Address]) -> dict[Address, AnyLocked]:
    """The records with each under its new address, and what they need under theirs.

    A key keeps the alias that its value is derived from; until it has its new one in the proxy, that is pending.
    """
    if not renamed.keys() & locked.keys():
        return dict(locked)

    def needs(before: Needs) -> Needs:
        return {renamed.get(a, a): entries for a, entries in before.items()}

    found: dict[Address, AnyLocked] = {}
    for address, record in locked.items():
        now = renamed.get(address, address)
        begun = record.pending
        record = replace(record, needs=needs(record.needs))
        if begun is not None:
            record = replace(record, pending=replace(begun, needs=needs(begun.needs)))
        if now != address:
            record = replace(record, source=replace(record.source, of=KINDS[now.kind].block(now)))
        if now != address:
            record = KINDS[now.kind].carried(record, address)
        found[now] = record
    return found
