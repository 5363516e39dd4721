"""Records under other addresses: what moves leaves its record behind, until its old place is taken down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from fleethub.kinds import KINDS
from fleethub.model.address import Address
from fleethub.model.observation import AnyLocked, AnyResource

#: What follows a name in the address of what is left behind at an earlier place; no name of a spec holds it.
WAS = "@was"


def moves_of(wanted: Mapping[Address, AnyResource], locked: Mapping[Address, AnyLocked]) -> dict[Address, Address]:
    """Of what is wanted at another place than it was applied at: its address -> the one that the old place gets."""
    found: dict[Address, Address] = {}
    for address, want in wanted.items():
        record = locked.get(address)
        if record is not None and record.source.id != want.source.id and KINDS[address.kind].moves(want, record):
            names = (Address(address.kind, f"{address.name}{WAS}{n or ''}") for n in range(len(locked) + 1))
            found[address] = next(name for name in names if name not in locked)
    return found


def successor(address: Address) -> Address | None:
    """Who comes in the place of what is left behind; None for what is not."""
    name, was, _ = address.name.partition(WAS)
    return Address(address.kind, name) if was else None


def readdressed(locked: Mapping[Address, AnyLocked], renamed: Mapping[Address, Address]) -> dict[Address, AnyLocked]:
    """The records with each under its new address; nothing needs what may move."""
    if not renamed.keys() & locked.keys():
        return dict(locked)
    found: dict[Address, AnyLocked] = {}
    for address, record in locked.items():
        now = renamed.get(address, address)
        source = replace(record.source, of=KINDS[now.kind].block(now)) if now != address else record.source
        found[now] = replace(record, source=source)
    return found
