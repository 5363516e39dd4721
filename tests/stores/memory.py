"""A store that keeps everything in this process: what the interface alone is enough for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from fleethub.lockfile.text import dump, load
from fleethub.model.event import Event, Waiting
from fleethub.model.observation import Lockfile
from fleethub.stores.interface import Holder, LockedError, Shelf, StaleLockfileError, Stored, fit_name
from fleethub.stores.kept import packed, unpacked
from fleethub.stores.lock import myself, pauses
from fleethub.stores.remote import every


@dataclass
class Shared:
    """What stores of one fleet share; ``texts`` are all lockfiles ever written, a version is how many."""

    texts: list[str] = field(default_factory=list)
    archived: list[Lockfile] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    holder: Holder | None = None
    lines: list[dict[str, Any]] = field(default_factory=list)
    documents: dict[tuple[str, str], bytes] = field(default_factory=dict)
    guard: Lock = field(default_factory=Lock)


class MemoryStore:
    """One of the stores on a shelf."""

    place = "memory"

    def __init__(self, shelf: Shared) -> None:
        self._shelf, self._mine = shelf, None

    def prepare(self) -> tuple[str, ...]:
        return ()

    def close(self) -> None:
        pass

    def read(self) -> Stored:
        texts = self._shelf.texts
        return Stored(load(texts[-1]) if texts else None, str(len(texts)))

    def version(self) -> str:
        return str(len(self._shelf.texts))

    def write(self, lockfile: Lockfile, base: str) -> str:
        with self._shelf.guard:
            self.check(base)
            if self._shelf.texts and load(self._shelf.texts[-1]).serial > lockfile.serial:
                raise StaleLockfileError("it would turn a serial back; plan again")
            self._shelf.texts.append(dump(lockfile))
            return str(len(self._shelf.texts))

    def check(self, base: str) -> None:
        if base != str(len(self._shelf.texts)):
            raise StaleLockfileError("somebody else wrote; plan again")
        if self._mine is not None and self._shelf.holder is not self._mine:
            raise StaleLockfileError("the lock was taken from this apply; plan again")

    def serials(self) -> tuple[int, ...]:
        return tuple(dict.fromkeys(lockfile.serial for lockfile in self._all()))[1:]

    def at(self, serial: int) -> Lockfile | None:
        return next((found for found in self._all() if found.serial == serial), None)

    def every(self, serial: int) -> tuple[Lockfile, ...]:
        return every(self, serial)

    def archive(self, lockfile: Lockfile) -> None:
        self._shelf.archived.append(lockfile)

    def _all(self) -> list[Lockfile]:
        archived = sorted(self._shelf.archived, key=lambda one: -one.serial)
        return [*map(load, reversed(self._shelf.texts)), *archived]

    @contextmanager
    def lock(self, operation: str, wait: float = 0) -> Iterator[None]:
        for _ in pauses(wait):
            with self._shelf.guard:
                if self._shelf.holder is None:
                    mine = self._mine = self._shelf.holder = myself(operation)
                    break
        else:
            raise LockedError(self._shelf.holder or Holder())
        try:
            yield
        finally:
            self._mine = None
            if self._shelf.holder is mine:
                self._shelf.holder = None

    def holder(self) -> Holder | None:
        return self._shelf.holder

    def hold(self, message: str) -> Holder:
        with self.lock("lock"):
            pass
        self._shelf.holder = held = myself("lock", message)
        return held

    def release(self) -> Holder | None:
        held, self._shelf.holder = self._shelf.holder, None
        return held

    def record(self, line: Mapping[str, Any]) -> None:
        self._shelf.lines.append({"ts": "now", **line})

    def history(self) -> list[dict[str, Any]]:
        return list(self._shelf.lines)

    def put(self, shelf: Shelf, name: str, document: Mapping[str, Any]) -> None:
        self._shelf.documents[shelf, fit_name(name)] = packed(document)

    def get(self, shelf: Shelf, name: str) -> dict[str, Any] | None:
        found = self._shelf.documents.get((shelf, fit_name(name)))
        return None if found is None else unpacked(found)

    def names(self, shelf: Shelf) -> tuple[str, ...]:
        return tuple(sorted(name for at, name in self._shelf.documents if at == shelf))

    def delete(self, shelf: Shelf, name: str) -> bool:
        return self._shelf.documents.pop((shelf, fit_name(name)), None) is not None

    def journal(self) -> MemoryJournal:
        return MemoryJournal(self._shelf.events)

    def events(self) -> list[Event]:
        return list(self._shelf.events)


class MemoryJournal:
    """Events in a list."""

    def __init__(self, events: list[Event]) -> None:
        self._events = events

    def __call__(self, event: Event) -> None:
        if not isinstance(event, Waiting):
            self._events.append(event)

    def close(self) -> None:
        pass
