"""What the fleet's store tells beside the last look: what agents proposed, and what was done last.

It is read beside the pages that show it: a database that takes its time, or hangs, holds none of them up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from threading import Thread

from fleethub.model.dataclass import dataclass
from fleethub.model.edit import WaitingProposal
from fleethub.model.errors import FleetHubError
from fleethub.model.history import HistoryEntry
from fleethub.operations.history import last_done
from fleethub.operations.snapshots import clock
from fleethub.server.approving import waiting_at
from fleethub.server.site import FRESH, Site

LAST = 8  # of what was done
PATIENCE = 1.0  # seconds that a page waits for the store
OLD = 30.0  # seconds for which what was told before stands in for what a slow store does not tell


@dataclass(frozen=True, slots=True)
class Kept:
    """What agents proposed, what was done last (the latest first); or why that is not known (``unread``)."""

    waiting: Sequence[WaitingProposal] = ()
    done: Sequence[HistoryEntry] = ()
    unread: str = ""


NOTHING = Kept()
LATE = Kept(unread="The store of the state was asked, and has not answered yet.")


class KeptCache:
    """What the store told last, read again where that is old: once for all who ask, in a thread of its own."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._told, self._at = NOTHING, float("-inf")
        self._with: object = site  # the proposals that it was read with: others read and decide those too
        self._asked: Future[Kept] | None = None
        self._since = 0.0

    async def now(self) -> Kept:
        """As of two seconds ago at most; from a store that takes longer than a page waits, what it told just before."""
        if self._asked is None:
            if not self._overtaken() and clock() - self._at <= FRESH:
                return self._told
            self._asked, self._since = _begun(self._site), clock()
        asked, left = self._asked, self._since + PATIENCE - clock()
        if left > 0:
            await asyncio.wait({asyncio.wrap_future(asked)}, timeout=left)
        if asked.done() and self._asked is asked:
            self._asked = None
            told = asked.result()
            self._with, self._at = self._site.waiting, clock()
            self._told = self._told if told == self._told else told
        if not asked.done() and (self._overtaken() or clock() - self._at > OLD):
            return LATE
        return self._told

    def _overtaken(self) -> bool:
        return self._with is not self._site.waiting


def _begun(site: Site) -> Future[Kept]:
    """Read it in a thread that holds up neither the loop, nor its pool, nor the end of the process."""
    future: Future[Kept] = Future()

    def read() -> None:
        try:
            future.set_result(_read(site))
        except BaseException as error:
            future.set_exception(error)

    Thread(target=read, name="asking the store", daemon=True).start()
    return future


def _read(site: Site) -> Kept:
    """Where the store does not answer, the rest of the page is from before, and stays."""
    fleet = site.snapshots.latest.fleet
    if site.snapshots.latest.fleet_status is None or fleet is None:
        return NOTHING
    try:
        waiting = waiting_at(site)
        with site.store() as store:
            return Kept(waiting, tuple(last_done(store, Path(fleet.root), LAST)))
    except (FleetHubError, OSError) as error:
        return Kept(unread=str(error))
