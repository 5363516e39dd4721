"""Make a store ready, and take a fleet's state from one store to another, with all that is kept beside the lockfile."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from fleethub.fleetspec.values import state_store
from fleethub.model.errors import FleetHubError, InputError
from fleethub.model.exit import Exit
from fleethub.model.fleet import Fleet, State
from fleethub.operations.spec import load_fleet
from fleethub.operations.state_write import StateWritten, lockfile_of, noted
from fleethub.operations.stores import opened, store_of
from fleethub.operations.trust import Trusting
from fleethub.stores.interface import Shelf, Store

FILE = "file"
SHELVES: tuple[Shelf, ...] = ("specs", "proposals")


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


def migrate(path: Path, source: str, trusting: Trusting, wait: float = 0) -> StateWritten:
    """Take the state from ``source`` (``file``, a reference or URL as in ``[state] store``) to the store that the spec
    names: the lockfile with its serial, earlier ones, the history, documents. Both stay locked meanwhile.

    Raises InputError, NoStateError, HasStateError, and what ``init`` and locks raise.
    """
    fleet = load_fleet(path)
    there = store_of(_from(fleet, source))
    here = opened(fleet, trusting)
    try:
        if there.place == here.place:
            raise InputError(f"the state is in {here.place} already; write the new one as [state] store first")
        here.prepare()
        with there.lock("state migrate", wait), here.lock("state migrate", wait):
            return _moved(Path(fleet.root), there, here)
    finally:
        there.close()
        here.close()


def _from(fleet: Fleet, source: str) -> Fleet:
    """The fleet with its state where it was; whoever names that at a prompt trusts it."""
    try:
        store = "" if source == FILE else state_store(source)
    except ValueError:
        raise InputError("--from is file, a reference (env:, file:, command:), or s3://, gs://, az://") from None
    return replace(fleet, state=State(store=store, endpoint=fleet.state.endpoint))


def _moved(root: Path, there: Store, here: Store) -> StateWritten:
    lockfile, base = lockfile_of(there), here.read()
    if base.lockfile is not None:
        raise HasStateError(
            f"{here.place} holds a lockfile of serial {base.lockfile.serial} already, and was left as it is; "
            f"{there.place} has serial {lockfile.serial}: fleethub state push replaces it by one that you name"
        )
    version = base.version
    for serial in sorted(there.serials()):
        earlier = there.at(serial)
        if earlier is not None and serial < lockfile.serial:
            version = here.write(earlier, version)
    for line in there.history():
        here.record(line)
    for shelf in SHELVES:
        for name in there.names(shelf):
            document = there.get(shelf, name)
            if document is not None:
                here.put(shelf, name, document)
    here.write(lockfile, version)  # last: until then the store holds nothing that a plan would go by
    notes = noted(here, "state migrate", f"from {there.place} to {here.place}", serial=lockfile.serial)
    if there.place == "fleet.lock":
        (root / "fleet.lock").replace(root / ".fleethub/moved.lock")
        notes += ("fleet.lock is .fleethub/moved.lock now: commit that it is gone, so that no clone goes by it",)
    return StateWritten(None, lockfile.serial, here.place, notes)
