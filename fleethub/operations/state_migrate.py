"""Make a store ready, and take a fleet's state from one store to another, with all that is kept beside the lockfile."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from fleethub.fleetspec.values import state_store
from fleethub.model.errors import FleetHubError, InputError
from fleethub.model.exit import Exit
from fleethub.model.fleet import Fleet, State
from fleethub.operations.spec import load_fleet
from fleethub.operations.state_write import StateWritten, lockfile_of, noted
from fleethub.operations.stores import MOVED, opened, store_of
from fleethub.operations.trust import Trusting
from fleethub.stores.interface import LockedError, Shelf, Store
from fleethub.stores.lock import pauses

FILE, FILE_PLACE = "file", "fleet.lock"
SHELVES: tuple[Shelf, ...] = ("specs", "proposals", "plans")


class HasStateError(FleetHubError):
    """The store that the state was to be taken to has one already; nothing was written."""

    code = "state.there"
    exit = Exit.STALE


def init(path: Path, trusting: Trusting) -> tuple[str, tuple[str, ...]]:
    """Make the store of the fleet at ``path`` ready; its place, and what was made.

    Raises SpecError, StoreError (also for a service that cannot be one), and what ``operations.trust.settle`` raises.
    """
    store = opened(load_fleet(path), trusting)
    try:
        return store.place, store.prepare()
    finally:
        store.close()


def migrate(path: Path, source: str, trusting: Trusting, wait: float = 0, endpoint: str = "") -> StateWritten:
    """Take the state from ``source`` (``file``, a reference or URL as in ``[state] store``) to the store that the spec
    names: the lockfile with its serial, earlier ones, the history, documents. Where it was stays locked, with a message
    that says where it is, for whoever has the spec of before; one that broke off is gone on with. ``endpoint``: of an
    object store as ``source`` that is not its cloud's own; none: the spec's.

    Raises InputError, NoStateError, HasStateError, and what ``init`` and locks raise.
    """
    fleet = load_fleet(path)
    there = store_of(_from(fleet, source, endpoint))
    here = opened(fleet, trusting)
    try:
        if there.place == here.place:
            raise InputError(f"the state is in {here.place} already; write the new one as [state] store first")
        here.prepare()
        return carry(Path(fleet.root), there, here, wait)
    finally:
        there.close()
        here.close()


def carry(root: Path, there: Store, here: Store, wait: float = 0) -> StateWritten:
    """Take the state from one store to another; ``root`` is the fleet's folder. Raises as ``migrate`` does."""
    message = f"{MOVED}{here.place} now: go on with the spec that names it"
    with _left(there, message, wait), _entered(here) as was, here.lock("state migrate", wait):
        return _moved(root, there, here, was)


@contextmanager
def _left(there: Store, message: str, wait: float) -> Iterator[None]:
    """Hold the store that is left, for good where all goes well: a lock would end, and it would be applied on."""
    held = there.holder()
    if held is not None and held.message == message:  # by a migration that broke off, or by another clone's
        yield
        return
    for _ in pauses(wait):
        try:
            there.hold(message)
            break
        except LockedError as error:
            refused = error
    else:
        raise refused
    try:
        yield
    except BaseException:
        with suppress(FleetHubError, OSError):
            there.release()
        raise


@contextmanager
def _entered(here: Store) -> Iterator[bool]:
    """Whether the state was there before, and left; then it is held no longer, unless it does not come back."""
    held = here.holder()
    was = held is not None and held.message.startswith(MOVED)
    if was:
        here.release()
    try:
        yield was
    except BaseException:
        if was and held is not None:
            with suppress(FleetHubError, OSError):
                here.hold(held.message)
        raise


def _from(fleet: Fleet, source: str, endpoint: str) -> Fleet:
    """The fleet with its state where it was; whoever names that at a prompt trusts it."""
    try:
        store = "" if source == FILE else state_store(source)
    except ValueError:
        raise InputError("--from is file, a reference (env:, file:, command:), or s3://, gs://, az://") from None
    return replace(fleet, state=State(store=store, endpoint=endpoint or fleet.state.endpoint))


def _moved(root: Path, there: Store, here: Store, was: bool) -> StateWritten:
    lockfile, base = lockfile_of(there), here.read()
    old = base.lockfile
    back = was and old is not None and old.lineage == lockfile.lineage and old.serial <= lockfile.serial
    if old is not None and old != lockfile and not back:
        raise HasStateError(
            f"{here.place} holds a lockfile of serial {old.serial} already, and was left as it is; "
            f"{there.place} has serial {lockfile.serial}: fleethub state push replaces it by one that you name"
        )
    kept = set(here.serials())
    for serial in sorted(set(there.serials()) - kept):
        earlier = there.at(serial)
        if earlier is not None and serial < lockfile.serial:
            here.archive(earlier)
    told = {_said(line) for line in here.history()}
    for line in there.history():
        if _said(line) not in told:
            here.record(line)
    for shelf in SHELVES:
        for name in there.names(shelf):
            document = there.get(shelf, name)
            if document is not None:
                here.put(shelf, name, document)
    if old != lockfile:
        here.write(lockfile, base.version)  # last: until then the store holds nothing that a plan would go by
    notes = noted(here, "state migrate", f"from {there.place} to {here.place}", serial=lockfile.serial)
    if there.place == FILE_PLACE:
        (root / FILE_PLACE).replace(root / ".fleethub/moved.lock")
        notes += (f"{FILE_PLACE} is .fleethub/moved.lock now: commit that it is gone, so that no clone goes by it",)
    return StateWritten(None, lockfile.serial, here.place, notes)


def _said(line: Mapping[str, Any]) -> str:
    return json.dumps(line, sort_keys=True)
