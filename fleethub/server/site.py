"""What every route works on: the snapshots, and how old an observation may be."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from starlette.concurrency import run_in_threadpool

from fleethub.model.facts import Facts
from fleethub.operations.capacity import Looked
from fleethub.operations.snapshots import SnapshotCache, View
from fleethub.operations.trust import ALONE, Trusting
from fleethub.server.answers import findings_data, fleet_body
from fleethub.server.errors import Refusal

STALE_INTERVALS = 3


@dataclass(slots=True)
class Site:
    """One served fleet. ``stale_after`` in seconds."""

    path: Path
    snapshots: SnapshotCache
    stale_after: float
    trusting: Trusting = ALONE
    _tagged: tuple[View, str] | None = None

    async def view(self) -> View:
        """What is known now; a spec that changed on disk is planned anew beside the event loop."""
        return await run_in_threadpool(self.snapshots.current) if self.snapshots.changed() else self.snapshots.view

    async def good(self) -> View:
        """The same, where a spec has held together at least once."""
        return usable(await self.view())

    def etag(self, view: View) -> str:
        """A strong validator of the view's body; hashed once for each view."""
        known = self._tagged
        if known is None or known[0] is not view:
            known = self._tagged = (view, f'"{hashlib.sha256(view.body).hexdigest()[:32]}"')
        return known[1]


def site_of(path: Path, interval: float, trusting: Trusting = ALONE) -> Site:
    """Open a fleet's folder; reads no network. ``interval``: seconds between two observations."""
    stale_after = STALE_INTERVALS * interval
    return Site(path, SnapshotCache(path, lambda view: fleet_body(view, stale_after), trusting), stale_after, trusting)


def usable(view: View) -> View:
    """The view, or the refusal that there is nothing to answer from."""
    if view.fleet_status is None or view.fleet is None:
        raise Refusal("SPEC_BROKEN", view.problem, findings=findings_data(view.findings))
    return view


def age_of(view: View) -> dict[str, str]:
    """The header that tells how old an answer is; none before the first observation."""
    return {} if view.age is None else {"Age": str(int(view.age))}


def looked(view: View) -> Looked:
    """A view as something to ask about capacity."""
    assert view.fleet is not None
    return Looked(view.fleet, view.facts or Facts(""), ())
