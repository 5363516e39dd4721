"""What a store of a fleet's state is: the lockfile under compare-and-swap, one lock, the journal, earlier lockfiles.

A new store is one file beside this one and a class in ``tests/stores`` that takes the conformance suite over.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from fleethub.model.errors import FleetHubError
from fleethub.model.event import Event
from fleethub.model.exit import Exit
from fleethub.model.observation import Lockfile


class LockedError(FleetHubError):
    """Somebody else is applying; ``holder`` is what they wrote: who, pid, operation, since."""

    code = "locked"
    exit = Exit.LOCKED

    def __init__(self, holder: Mapping[str, object]) -> None:
        self.holder = holder
        who = f"{holder.get('who', 'somebody')} (pid {holder.get('pid', '?')}, {holder.get('operation', '?')})"
        super().__init__(f"the fleet is locked by {who} since {holder.get('since', '?')}; wait for it to end")


class StaleLockfileError(FleetHubError):
    """The lockfile is not the one that was read any more, so it was not replaced; the message says what to do."""

    code = "lockfile.stale"
    exit = Exit.STALE


@dataclass(frozen=True, slots=True)
class Stored:
    """What a store holds: the lockfile, None before the first apply. ``version`` is for ``Store.write`` alone."""

    lockfile: Lockfile | None
    version: str


class Journal(Protocol):
    """Takes each event of an apply, which is kept when the call returns; raises OSError."""

    def __call__(self, event: Event) -> None:
        """Keep one event; waiting is not worth it."""

    def close(self) -> None:
        """Take no more."""


class Store(Protocol):
    """The state of one fleet. Several stores, in threads, processes or on machines, may be open on the same one."""

    def read(self) -> Stored:
        """The lockfile and its version; raises LockfileError for what cannot be read."""

    def write(self, lockfile: Lockfile, base: str) -> str:
        """Replace the lockfile if its version is still ``base``, and return the new version.

        It is kept whole when this returns. Raises StaleLockfileError, and then what was there is still there; OSError.
        """

    def check(self, base: str) -> None:
        """Before each step of an apply: raises StaleLockfileError when the lockfile's version is not ``base`` any more,
        or the lock that this store holds was taken from it (a frozen apply is taken for a dead one).
        """

    def earlier(self) -> tuple[Lockfile, ...]:
        """The last lockfile of each serial before this one, the latest first: twenty at least, if there were."""

    def lock(self, operation: str) -> AbstractContextManager[None]:
        """One apply at a time; given back when the process dies. Raises LockedError at once when it is held."""

    def journal(self) -> Journal:
        """The journal, open for the events of one apply; raises OSError."""

    def events(self) -> list[Event]:
        """What all applies journalled, in order, but for what a crash cut off."""
