"""What every route works on: the snapshots, and how old an observation may be."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import field
from pathlib import Path
from threading import Lock
from typing import Any

from anyio import CapacityLimiter
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from fleethub.model.dataclass import dataclass
from fleethub.model.edit import WaitingProposal
from fleethub.model.facts import Facts
from fleethub.operations.capacity import LookResult
from fleethub.operations.snapshots import Snapshot, SnapshotCache, clock
from fleethub.operations.stores import store_of
from fleethub.operations.trust import ALONE, Trusting
from fleethub.operations.workplace import Workplace
from fleethub.server.answers import findings_data, fleet_body
from fleethub.server.encoded import Encoded
from fleethub.server.errors import Refusal, json_response
from fleethub.stores.interface import Store
from fleethub.views.commands import AS_WRITTEN, Commands

STALE_INTERVALS = 3
FRESH = 2.0  # seconds in which what waits is not read again
ASKING = 8  # threads that ask the store at once: one that hangs must not take every thread from who reads snapshots


@dataclass(slots=True)
class Site:
    """One served fleet. ``stale_after`` in seconds; ``commands``: how they are written for whoever asks."""

    path: Path
    snapshots: SnapshotCache
    stale_after: float
    trusting: Trusting = ALONE
    commands: Commands = AS_WRITTEN
    _encoded: tuple[Snapshot, Encoded] | None = None
    waiting: tuple[float, tuple[WaitingProposal, ...]] | None = None  # what agents proposed, and when that was read
    placed: tuple[Snapshot, tuple[str, ...], dict[str, Any]] | None = None  # the last proposal, what it is of, drained
    placing: Lock = field(default_factory=Lock)
    _same: asyncio.AbstractEventLoop | None = None  # in whose turn of now the files were found as the snapshot has them
    _anew: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def latest(self) -> Snapshot:
        """What is known now; a spec that changed on disk is planned anew beside the event loop, in one thread."""
        if not self._unchanged():
            async with self._anew:  # who comes meanwhile waits for it, and takes no thread
                if self.snapshots.changed():
                    await run_in_threadpool(self.snapshots.current)
        return self.snapshots.latest

    def _unchanged(self) -> bool:
        """Whether the snapshot is of the files on disk, asked once for all requests of one turn of the loop."""
        loop = asyncio.get_running_loop()
        if self._same is not loop and not self.snapshots.changed():
            self._same = loop
            loop.call_soon(self._turned)
        return self._same is loop

    def _turned(self) -> None:
        self._same = None

    async def good(self) -> Snapshot:
        """The same, where a spec has held together at least once."""
        return usable(await self.latest())

    def response(self, body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
        """JSON whose commands work where they are read."""
        return json_response(self.commands.within(body), status, headers)

    def waiting_is_old(self) -> bool:
        """Whether what agents proposed is to be read, again or for the first time."""
        return self.waiting is None or clock() - self.waiting[0] > FRESH

    @contextmanager
    def store(self) -> Iterator[Store]:
        """The store of the fleet's state. Raises what ``operations.workplace.Workplace`` raises, and StoreError."""
        fleet = self.snapshots.latest.fleet
        if fleet is not None and not fleet.state.store:
            yield store_of(fleet)  # beside the spec, which need not be read for it
            return
        with Workplace(self.path, trusting=self.trusting) as workplace:
            yield workplace.store

    def encoded(self, snapshot: Snapshot) -> Encoded:
        """The snapshot's body, made ready to be sent once for each snapshot."""
        known = self._encoded
        if known is None or known[0] is not snapshot:
            made = Encoded(snapshot.body, "application/json", {"Cache-Control": "no-cache"})
            known = self._encoded = (snapshot, made)
        return known[1]


def asking() -> CapacityLimiter:
    """For the routes that ask the store."""
    return CapacityLimiter(ASKING)


def site_of(path: Path, interval: float, trusting: Trusting = ALONE, commands: Commands = AS_WRITTEN) -> Site:
    """Open a fleet's folder; reads no network. ``interval``: seconds between two observations."""
    stale_after = STALE_INTERVALS * interval
    snapshots = SnapshotCache(path, lambda it: fleet_body(it, stale_after, commands), trusting)
    return Site(path, snapshots, stale_after, trusting, commands)


def usable(snapshot: Snapshot) -> Snapshot:
    """The snapshot, or the refusal that there is nothing to answer from."""
    if snapshot.fleet_status is None or snapshot.fleet is None:
        raise Refusal("SPEC_BROKEN", snapshot.problem, findings=findings_data(snapshot.findings))
    return snapshot


def age_of(snapshot: Snapshot) -> dict[str, str]:
    """The header that tells how old an answer is; none before the first observation."""
    return {} if snapshot.age is None else {"Age": str(int(snapshot.age))}


def looked(snapshot: Snapshot) -> LookResult:
    """A snapshot as something to ask about capacity."""
    assert snapshot.fleet is not None
    return LookResult(snapshot.fleet, snapshot.facts or Facts(""), ())
