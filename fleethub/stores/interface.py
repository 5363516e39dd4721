"""What a store of a fleet's state is: the lockfile under compare-and-swap, one lock, what was done, documents, journal.

A new store is one file beside this one and a class in ``tests/stores`` that takes the conformance suite over.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, replace
from typing import Any, Literal, Protocol

from fleethub.model.dataclass import dataclass
from fleethub.model.errors import FleetHubError
from fleethub.model.event import Event
from fleethub.model.exit import Exit
from fleethub.model.observation import Lockfile

#: What a store keeps beside the lockfile, by name: edits that wait for a yes, saved plans, the specs that were applied.
Shelf = Literal["proposals", "plans", "specs"]
#: Earlier lockfiles and lines of the history that are kept at least, if there were so many.
SERIALS, LINES = 20, 1000
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds the fleet's lock. ``since`` is ISO 8601 in UTC; ``message``: of a lock that a person put on
    (``Store.hold``), which no process has to live for; ``pid`` is then of who did.
    """

    who: str = "somebody"
    pid: int = 0
    operation: str = "?"
    since: str = "?"
    message: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)

    @staticmethod
    def of(raw: object) -> Holder:
        """The inverse; of what was damaged, as much as is there."""
        known = raw if isinstance(raw, Mapping) else {}
        texts = {name: known[name] for name in ("who", "operation", "since") if isinstance(known.get(name), str)}
        pid, message = known.get("pid"), known.get("message")
        held = Holder(pid=pid if isinstance(pid, int) else 0, message=message if isinstance(message, str) else "")
        return replace(held, **texts)


class LockedError(FleetHubError):
    """Somebody else is applying, or has locked the fleet."""

    code = "locked"
    exit = Exit.LOCKED

    def __init__(self, holder: Holder) -> None:
        self.holder = holder
        if holder.message:
            text = f"{holder.who} locked the fleet at {holder.since}: {holder.message}"
        else:
            who = f"{holder.who} (pid {holder.pid or '?'}, {holder.operation})"
            text = f"the fleet is locked by {who} since {holder.since}; wait for it to end"
        super().__init__(text)


class StaleLockfileError(FleetHubError):
    """The lockfile is not the one that was read any more, so it was not replaced; the message says what to do."""

    code = "lockfile.stale"
    exit = Exit.STALE


class StoreError(FleetHubError):
    """The store cannot be reached or used, so that nothing is known of the state; the message says what to do."""

    code = "state.store"


@dataclass(frozen=True, slots=True)
class Stored:
    """What a store holds: the lockfile, None before the first apply. ``version`` is for ``Store.write`` alone."""

    lockfile: Lockfile | None
    version: str


class Journal(Protocol):
    """Takes each event of an apply, which is kept when the call returns; from many threads. Raises OSError."""

    def __call__(self, event: Event) -> None:
        """Keep one event; waiting is not worth it."""

    def close(self) -> None:
        """Take no more."""


class Store(Protocol):
    """The state of one fleet. Several stores, in threads, processes or on machines, may be open on the same one.

    Each call raises StoreError where the store cannot be reached; what it did before stays done.
    """

    @property
    def place(self) -> str:
        """Where it is, for people: ``fleet.lock``, a database or bucket by its name; no secret."""

    def prepare(self) -> tuple[str, ...]:
        """Make what the store needs where it is not there yet (tables), and prove that it does what it must; says what
        was made. Raises StoreError for a service that cannot be one. For ``fleethub state init``.
        """

    def close(self) -> None:
        """Give connections back."""

    def read(self) -> Stored:
        """The lockfile and its version; raises LockfileError for what cannot be read."""

    def version(self) -> str:
        """The version alone, also of a lockfile that cannot be read: for telling that it changed, and to replace it."""

    def write(self, lockfile: Lockfile, base: str) -> str:
        """Replace the lockfile if its version is still ``base``, and return the new version.

        It is kept whole when this returns. Raises StaleLockfileError, also for a serial below the one that is there,
        and then what was there is still there; OSError.
        """

    def check(self, base: str) -> None:
        """Before each step of an apply: raises StaleLockfileError when the lockfile's version is not ``base`` any more,
        or the lock that this store holds was taken from it (a frozen apply is taken for a dead one).
        """

    def serials(self) -> tuple[int, ...]:
        """The serials of earlier lockfiles that are kept, the latest first: ``SERIALS`` at least."""

    def at(self, serial: int) -> Lockfile | None:
        """The last lockfile of a serial, this one or an earlier; None for what is not kept. Raises LockfileError."""

    def every(self, serial: int) -> tuple[Lockfile, ...]:
        """All earlier lockfiles of a serial that are kept and can be read: of twins both, the last one first."""

    def archive(self, lockfile: Lockfile) -> None:
        """Keep an earlier lockfile of another store as if it had been here; the one that is there stays. OSError."""

    def lock(self, operation: str, wait: float = 0) -> AbstractContextManager[None]:
        """One apply at a time; given back when the process dies. Raises LockedError when it is held for ``wait``
        seconds more.
        """

    def holder(self) -> Holder | None:
        """Who holds the lock now; None: nobody."""

    def hold(self, message: str) -> Holder:
        """Lock the fleet until ``release``, whatever becomes of this process; raises LockedError."""

    def release(self) -> Holder | None:
        """Take the lock from whoever holds it, and say who that was. An apply that lost it ends at its next step."""

    def record(self, line: Mapping[str, Any]) -> None:
        """Add to the history what was done: plain JSON values, no secret. On disk when this returns; raises OSError."""

    def history(self) -> list[dict[str, Any]]:
        """What was recorded, in order: the last ``LINES`` at least."""

    def put(self, shelf: Shelf, name: str, document: Mapping[str, Any]) -> None:
        """Keep a document (plain JSON values, no secret), in place of what has that name; OSError, ValueError."""

    def get(self, shelf: Shelf, name: str) -> dict[str, Any] | None:
        """A document; None where there is none."""

    def names(self, shelf: Shelf) -> tuple[str, ...]:
        """The names of all documents on a shelf, sorted."""

    def delete(self, shelf: Shelf, name: str) -> bool:
        """Remove a document; False where there is none: of several who do it at once, one is told that it did."""

    def journal(self) -> Journal:
        """The journal, open for the events of one apply; it is kept where the apply runs. Raises OSError."""

    def events(self) -> list[Event]:
        """What all applies journalled here, in order, but for what a crash cut off."""


def fit_name(name: str) -> str:
    """A document's name; raises ValueError for what is not letters, digits, ``.``, ``_`` and ``-``, at most 128."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name of a document")
    return name
