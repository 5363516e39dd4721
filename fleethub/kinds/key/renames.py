"""Keys that have another name by now, or whose proxy has: each keeps its value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from fleethub.model.address import CALLERS, Address
from fleethub.model.address import key as key_address
from fleethub.model.fleet import Fleet
from fleethub.model.observation import AnyLocked, Pending, birth

Renames = Callable[[Fleet, Mapping[Address, AnyLocked]], Mapping[Address, Address]]


def renames(fleet: Fleet, locked: Mapping[Address, AnyLocked], of_proxies: Renames) -> dict[Address, Address]:
    """By ``[[moved]]`` of a key, of a node whose name it has, and then of their proxy (``of_proxies``)."""
    keys = {address: record for address, record in locked.items() if address.kind == "key"}
    found: dict[Address, Address] = {}
    for old, new in _names(fleet).items():
        for address in keys:
            now = key_address(address.owner, new)
            if address.alias == old and now not in keys and now not in found.values():
                found[address] = now
    then = of_proxies(fleet, {found.get(address, address): record for address, record in keys.items()})
    every = {address: then.get(now, now) for address in keys for now in (found.get(address, address),)}
    return {address: now for address, now in every.items() if now != address}


def _names(fleet: Fleet) -> dict[str, str]:
    """Old alias -> new one. Of a node the key that has its name, where nobody else uses it: a block that names models
    is one of its own.
    """
    found = {old.name: new.name for old, new in fleet.moved.items() if old.kind == "key"}
    for old, new in ((before.name, now.name) for before, now in fleet.moved.items() if before.kind in CALLERS):
        if (
            fleet.nodes[new].key == new
            and (old not in fleet.keys or not (fleet.keys[old].models or fleet.keys[old].also))
            and all(n.key != old for n in fleet.nodes.values())
        ):
            found.setdefault(old, new)
    return found


def carried(record: AnyLocked, before: Address, now: Address) -> AnyLocked:
    """A record under a new address, with what its value is derived from."""
    born = birth(before, record)
    return replace(
        record,
        born=born.alias if born.alias != now.alias else "",
        born_proxy=born.owner if born.owner != now.owner else "",
        pending=record.pending or Pending(("rename",), record.attrs, record.needs, record.generation),
    )
