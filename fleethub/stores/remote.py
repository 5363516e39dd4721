"""What the stores on other machines have in common: the journal and a copy of the lockfile stay where one works."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from fleethub.atomic import replace
from fleethub.lockfile.errors import LockfileError
from fleethub.lockfile.text import dump, parsed
from fleethub.model.event import Event
from fleethub.model.observation import Lockfile
from fleethub.stores import journal
from fleethub.stores.copy import LocalCopy
from fleethub.stores.interface import StaleLockfileError, Store, Stored, StoreError

AGAIN = "fleethub state restore brings an earlier one back"
REFUSED = ".fleethub/refused.lock"
STOPPED = "; nothing more was done, run fleethub plan"


def every(store: Store, serial: int) -> tuple[Lockfile, ...]:
    """``Store.every`` of a store in which a serial is reached once."""
    try:
        found = store.at(serial)
    except LockfileError:
        return ()
    return (found,) if found is not None else ()


class Remote:
    """The local half of a remote store; ``place`` names the other for people. What was read is kept by its version."""

    def __init__(self, root: Path, place: str) -> None:
        self._root, self.place = root, place
        self._copy, self._known = LocalCopy(root), Stored(None, "")

    def journal(self) -> journal.Journal:
        """See ``Store.journal``."""
        return journal.Journal(self._root / ".fleethub/journal.ndjson")

    def events(self) -> list[Event]:
        """See ``Store.events``."""
        return journal.read(self._root / ".fleethub/journal.ndjson")

    def _unchanged(self, version: str) -> Stored | None:
        """The lockfile of a version, where this machine has it already."""
        if self._known.version == version and self._known.lockfile is not None:
            return self._known
        copied = self._copy.read()
        if copied is None or (copied.version, copied.place) != (version, self.place):
            return None
        self._copy.confirm()
        self._known = Stored(copied.lockfile, version)
        return self._known

    def _took(self, version: str, raw: dict[str, Any] | None, tag: str = "") -> Stored:
        """What was read just now; raises LockfileError."""
        if raw is None:
            self._copy.drop()
            self._known = Stored(None, version)
        else:
            self._known = Stored(parsed(raw, f"the lockfile in {self.place}", AGAIN), version)
            self._copy.keep(raw, version, self.place, tag)
        return self._known

    def _wrote(self, version: str, lockfile: Lockfile, raw: dict[str, Any], tag: str = "") -> str:
        self._known = Stored(lockfile, version)
        self._copy.keep(raw, version, self.place, tag)
        return version

    @contextmanager
    def _keeping(self, lockfile: Lockfile) -> Iterator[None]:
        """What could not be written is kept here: after an apply it is what was done."""
        try:
            yield
        except (StaleLockfileError, StoreError) as error:
            with suppress(OSError):
                (self._root / ".fleethub").mkdir(parents=True, exist_ok=True)
                replace(self._root / REFUSED, dump(lockfile).encode(), 0o644)
            raise type(error)(f"{error}; what should have been written is in {REFUSED}") from None

    def _stale(self, now: int | None, serial: int) -> StaleLockfileError:
        """Why a lockfile was not written over the one of serial ``now``."""
        if now is not None and serial < now:
            why = f"the lockfile in {self.place} has serial {now}, which serial {serial} would turn back"
        else:
            why = f"the lockfile in {self.place} was changed by somebody else since it was read"
        return StaleLockfileError(f"{why}, and was left as it is: plan again")
