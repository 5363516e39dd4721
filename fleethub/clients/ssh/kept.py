"""Connections that outlive a look at the fleet: a server's next look needs no login where nothing changed since."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING

from fleethub.clients.ssh.watchdog import WATCHDOG, Watch

if TYPE_CHECKING:
    from fleethub.clients.ssh import Remote

MOST = 256  # connections; each is a descriptor, a thread, and a session on its host
IDLE = 600.0  # seconds without a look after which they are closed
#: Address, whether the ssh program is asked for, and what is withheld from it.
Key = tuple[str, bool, frozenset[str]]


class Kept:
    """What one look leaves open for the next, ``most`` at a time. What that one does not take is closed at its end."""

    def __init__(self, most: int = MOST, idle: float = IDLE) -> None:
        self._most, self._idle = most, idle
        self._open: dict[Key, Remote] = {}
        self._lock = threading.Lock()
        self._limit: Watch | None = None

    def take(self, key: Key) -> Remote | None:
        """A connection that was kept; it is the taker's until it is given back."""
        with self._lock:
            return self._open.pop(key, None)

    def give(self, used: Iterable[tuple[Key, Remote]]) -> None:
        """Keep what is still open of these, and close the rest."""
        with self._lock:
            rest, self._open = list(self._open.values()), {}
            for key, remote in used:
                if len(self._open) < self._most and remote.keep():
                    self._open[key] = remote
                else:
                    rest.append(remote)
            if self._limit is not None:
                self._limit.end()
            self._limit = WATCHDOG.watch(self._idle, self.close) if self._open else None
        for remote in rest:
            remote.close()

    def close(self) -> None:
        """Close all of them."""
        self.give(())
