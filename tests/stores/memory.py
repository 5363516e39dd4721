"""A store that keeps everything in this process: what the interface alone is enough for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock

from fleethub.lockfile.text import dump, load
from fleethub.model.event import Event, Waiting
from fleethub.model.observation import Lockfile
from fleethub.stores.interface import LockedError, StaleLockfileError, Stored


@dataclass
class Shelf:
    """What stores of one fleet share; ``texts`` are all lockfiles ever written, a version is how many."""

    texts: list[str] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    holder: dict[str, object] | None = None
    guard: Lock = field(default_factory=Lock)


class MemoryStore:
    """One of the stores on a shelf."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    def read(self) -> Stored:
        texts = self._shelf.texts
        return Stored(load(texts[-1]) if texts else None, str(len(texts)))

    def write(self, lockfile: Lockfile, base: str) -> str:
        with self._shelf.guard:
            if base != str(len(self._shelf.texts)):
                raise StaleLockfileError("somebody else wrote; plan again")
            self._shelf.texts.append(dump(lockfile))
            return str(len(self._shelf.texts))

    def check(self, base: str) -> None:
        if base != str(len(self._shelf.texts)):
            raise StaleLockfileError("somebody else wrote; plan again")

    def earlier(self) -> tuple[Lockfile, ...]:
        last = {(lockfile := load(text)).serial: lockfile for text in self._shelf.texts}
        return tuple(last.values())[-2::-1]

    @contextmanager
    def lock(self, operation: str) -> Iterator[None]:
        with self._shelf.guard:
            if self._shelf.holder is not None:
                raise LockedError(self._shelf.holder)
            self._shelf.holder = {"who": "me", "pid": os.getpid(), "operation": operation, "since": "now"}
        try:
            yield
        finally:
            self._shelf.holder = None

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
