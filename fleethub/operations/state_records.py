"""The records of the lockfile, one by one: look at them, put one under another address, forget one."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from fleethub.kinds import KINDS
from fleethub.kinds.readdress import readdressed
from fleethub.model.address import Address, successor
from fleethub.model.dataclass import dataclass
from fleethub.model.errors import InputError
from fleethub.model.finding import CODES
from fleethub.model.observation import AnyLocked, Lockfile, birth
from fleethub.operations.state_write import StateWritten, edit, lockfile_of
from fleethub.stores.interface import Store


def listed(store: Store, patterns: Sequence[str] = ()) -> Mapping[Address, AnyLocked]:
    """The records whose address a pattern names (none: all), by address. Raises InputError for one that names none."""
    records = lockfile_of(store).resources
    found: dict[Address, AnyLocked] = {}
    for pattern in patterns or ("*",):
        named = {a: r for a, r in records.items() if fnmatchcase(str(a), pattern)}
        if not named and patterns:
            raise InputError(f"{pattern!r} names nothing that is recorded; fleethub state list shows what is")
        found |= named
    return dict(sorted(found.items()))


def one(store: Store, text: str) -> tuple[Address, AnyLocked]:
    """One record by its address; raises InputError."""
    lockfile = lockfile_of(store)
    address = _recorded(lockfile, text)
    return address, lockfile.resources[address]


@dataclass(frozen=True, slots=True)
class Edited:
    """What was written, and what is to be known of it, a line each."""

    written: StateWritten
    says: tuple[str, ...]


def may_move(store: Store, old: str, new: str) -> tuple[Address, Address]:
    """Both addresses; raises what ``move`` would: before anybody is asked."""
    to = _address(new)
    lockfile = lockfile_of(store)
    address = _recorded(lockfile, old)
    _may_move(lockfile, address, to)
    return address, to


def may_remove(store: Store, texts: Sequence[str]) -> tuple[Address, ...]:
    """The addresses, each once; raises what ``remove`` would: before anybody is asked."""
    lockfile = lockfile_of(store)
    addresses = tuple(dict.fromkeys(_recorded(lockfile, text) for text in texts))
    for address in addresses:
        _may_go(lockfile, address)
    return addresses


def move(store: Store, old: str, new: str, wait: float = 0) -> Edited:
    """Put the record of ``old`` under ``new``, with what others need of it; nothing that lives is touched.

    Raises InputError, and what the store raises.
    """
    address, to = may_move(store, old, new)

    def change(now: Lockfile) -> Lockfile:
        _may_move(now, _recorded(now, old), to)
        owed = {to if a == address else a: since for a, since in now.owed.items()}
        return replace(now, resources=readdressed(now.resources, {address: to}), owed=owed)

    written = edit(store, "state mv", f"{address} is {to} now", change, {address: "moved", to: "moved"}, wait)
    block = f"[{to.kind}s.{to.alias}]"
    says = [f"{address} is {to} now; what lives was not touched"]
    says.append(f"the spec must have {block}: fleethub plan shows what else becomes of it")
    return Edited(written, tuple(says))


def remove(store: Store, texts: Sequence[str], wait: float = 0) -> Edited:
    """Forget records; what they are of lives on. Raises InputError, and what the store raises."""
    lockfile = lockfile_of(store)
    addresses = may_remove(store, texts)

    def change(now: Lockfile) -> Lockfile:
        for text in texts:
            _may_go(now, _recorded(now, text))
        left = {a: r for a, r in now.resources.items() if a not in addresses}
        owed = {a: since for a, since in now.owed.items() if a not in addresses}
        gone = [(a, now.resources[a]) for a in addresses]
        return replace(now, resources=left, owed=owed, generations=_living(now.generations, gone))

    named = ", ".join(map(str, addresses))
    written = edit(
        store, "state rm", f"{named} forgotten, and living on", change, dict.fromkeys(addresses, "forgotten"), wait
    )
    return Edited(written, tuple(_left(lockfile, address) for address in addresses))


def _living(reached: Mapping[Address, int], gone: Iterable[tuple[Address, AnyLocked]]) -> dict[Address, int]:
    """The highest generations without those of keys that live on unrecorded: else the next plan would want a value
    above, and take the key for somebody else's. A revoked value stays one that is never made again.
    """
    found = dict(reached)
    for address, record in gone:
        if record.generation and not record.revoked and _as_born(address, record):
            found[address] = record.generation - 1
    return {address: highest for address, highest in found.items() if highest}


def _as_born(address: Address, record: AnyLocked) -> bool:
    """Whether it is a key whose value is derived from the name that it has."""
    return birth(address, record) == address


def _left(lockfile: Lockfile, address: Address) -> str:
    """What lives on, who uses it, and what the next plan says of it."""
    says = f"{address} is forgotten, and lives on at {lockfile.resources[address].source.at}"
    users = sorted(a for a, record in lockfile.resources.items() if address in record.needs)
    says += f" (used by {', '.join(map(str, users))})" if users else ""
    orphan = f"{address.kind}.orphan"
    if address.kind == "key" and not _as_born(address, lockfile.resources[address]):
        take = f"fleethub import {shlex.quote(str(address))}"
        return f"{says}: its value is derived from an earlier name, so {take} takes it over again"
    else_ = (
        f"it is told as {orphan}, and apply --prune deletes it" if orphan in CODES else "nothing watches it any more"
    )
    return f"{says}: if the spec has it, the next plan takes it over by its mark; else {else_}"


def _may_move(lockfile: Lockfile, old: Address, new: Address) -> None:
    if new.kind != old.kind:
        raise InputError(f"{old} stays a {old.kind}: {new} is none")
    if KINDS[old.kind].block(old).startswith("proxy.") and new.owner != old.owner:
        raise InputError(f"{old} is on the proxy {old.owner}, and stays there: {new} would be on {new.owner}")
    if new in lockfile.resources:
        raise InputError(f"{new} is recorded already: fleethub state show {shlex.quote(str(new))}")
    if successor(new) is not None:
        raise InputError(f"{new} is the name of an old place, which only an apply gives")


def _may_go(lockfile: Lockfile, address: Address) -> None:
    if lockfile.resources[address].protected:
        raise InputError(
            f"{address} is protected, so its record stays: write protected = false in the spec, and apply first"
        )


def _recorded(lockfile: Lockfile, text: str) -> Address:
    address = _address(text)
    if address not in lockfile.resources:
        from difflib import get_close_matches

        near = get_close_matches(text, [str(a) for a in lockfile.resources], n=1, cutoff=0.5)
        hint = f"; did you mean {near[0]}?" if near else "; fleethub state list shows what is"
        raise InputError(f"{address} is not recorded{hint}")
    return address


def _address(text: str) -> Address:
    try:
        address = Address.parse(text)
    except ValueError as error:
        raise InputError(str(error)) from None
    if address.kind not in KINDS:
        raise InputError(f"{address} is nothing that is recorded: {', '.join(sorted(KINDS))} are")
    return address
