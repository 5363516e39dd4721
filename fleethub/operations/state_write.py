"""Writing the state by an order about itself: lock, what was there kept, a higher serial, a line of history."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from fleethub import __version__
from fleethub.model.address import Address
from fleethub.model.dataclass import dataclass
from fleethub.model.errors import FleetHubError
from fleethub.model.history import HistoryEntry
from fleethub.model.observation import Lockfile
from fleethub.operations import history
from fleethub.operations.spec import load_fleet
from fleethub.operations.stores import opened
from fleethub.stores.interface import Store

if TYPE_CHECKING:
    from fleethub.operations.trust import Trusting


class NoStateError(FleetHubError):
    """There is no state to work on; the message says how it comes to be."""

    code = "state.none"


@dataclass(frozen=True, slots=True)
class StateWritten:
    """What was written: the serial before (None: there was no lockfile), the one now, and what is to be told."""

    before: int | None
    serial: int
    place: str
    notes: tuple[str, ...] = ()


@contextmanager
def reached(path: Path, trusting: Trusting | None = None) -> Iterator[Store]:
    """The store of the fleet at ``path``, closed afterwards. What only reads or corrects the state asks nobody else.

    Raises SpecError, for the spec says where the state is; StoreError, and what ``operations.trust.settle`` raises.
    """
    store = opened(load_fleet(path), trusting)
    try:
        yield store
    finally:
        store.close()


def lockfile_of(store: Store) -> Lockfile:
    """The lockfile; raises NoStateError where there is none, LockfileError for one that cannot be read."""
    found = store.read().lockfile
    if found is None:
        raise NoStateError(
            f"{store.place} is not there: nothing was applied from here. fleethub plan tells whether something was "
            "from elsewhere; what was lost comes back with fleethub state restore, or fleethub state rebuild"
        )
    return found


def edit(
    store: Store,
    operation: str,
    says: str,
    change: Callable[[Lockfile], Lockfile],
    changes: Mapping[Address, str],
    wait: float = 0,
) -> StateWritten:
    """Change the lockfile that is there, under the fleet's lock. ``says``: what is done, in words; ``changes``: what
    becomes of which record. Raises what ``change``, lock and store raise.
    """
    with store.lock(operation, wait):
        stored = store.read()
        before = lockfile_of(store)
        after = replace(change(before), serial=before.serial + 1, apply=secrets.token_hex(4))
        return put(store, operation, says, after, stored.version, before.serial, changes)


def put(
    store: Store,
    operation: str,
    says: str,
    lockfile: Lockfile,
    base: str,
    before: int | None,
    changes: Mapping[Address, str] = MappingProxyType({}),
) -> StateWritten:
    """Write a lockfile in the place of the version ``base``, and say so in the history; the lock is held already."""
    store.write(lockfile, base)
    told = {str(address): became for address, became in sorted(changes.items())}
    notes = noted(store, operation, says, serial=lockfile.serial, apply=lockfile.apply, changes=told)
    return StateWritten(before, lockfile.serial, store.place, notes)


def noted(store: Store, operation: str, says: str, **more: Any) -> tuple[str, ...]:
    """Add what was done to the history; says why not, for what was done is done."""
    from fleethub.stores.lock import who

    return history.record(store, HistoryEntry("", operation, who(), says, version=__version__, exit=0, **more))
