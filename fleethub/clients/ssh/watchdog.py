"""Ends what takes too long: one thread for all connections of a process, not one for each login and script."""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Callable
from itertools import count


class Watch:
    """One limit. ``late`` once it was passed, as ``bark`` begins, which runs in a thread of its own; until ``end``."""

    def __init__(self, bark: Callable[[], None]) -> None:
        self._bark: Callable[[], None] | None = bark
        self._lock = threading.Lock()
        self.late = False

    def end(self) -> None:
        """It ended in time, or nobody waits for it any more."""
        with self._lock:
            self._bark = None

    def pass_(self) -> None:
        """It did not end in time."""
        with self._lock:
            bark, self._bark = self._bark, None
            self.late = bark is not None
        if bark is not None:
            threading.Thread(target=bark, daemon=True).start()  # to close a connection may take its time


class Watchdog:
    """All limits. Its thread is there while one is pending."""

    def __init__(self) -> None:
        self._pending: list[tuple[float, int, Watch]] = []
        self._numbers = count()
        self._news = threading.Condition()
        self._thread: threading.Thread | None = None

    def watch(self, seconds: float, bark: Callable[[], None]) -> Watch:
        """Call ``bark`` after so long, unless it is ended before."""
        one = Watch(bark)
        with self._news:
            heapq.heappush(self._pending, (time.monotonic() + seconds, next(self._numbers), one))
            if self._thread is None or not self._thread.is_alive():  # a fork takes no thread along
                self._thread = threading.Thread(target=self._run, name="ssh limits", daemon=True)
                self._thread.start()
            elif self._pending[0][2] is one:
                self._news.notify()
        return one

    def _run(self) -> None:
        while True:
            with self._news:
                if not self._pending:
                    self._thread = None
                    return
                end, _, one = self._pending[0]
                if (left := end - time.monotonic()) > 0:
                    self._news.wait(left)
                    continue
                heapq.heappop(self._pending)
            one.pass_()


WATCHDOG = Watchdog()
