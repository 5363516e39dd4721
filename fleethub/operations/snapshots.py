"""What a long-running reader holds of one fleet: the last observation, and one immutable snapshot made from it.

``refresh`` alone reads the network. A spec or lockfile that changed on disk is planned anew from the last facts.
It takes no apply lock and writes nothing but caches: an apply of the command line may run at the same time.
"""

from __future__ import annotations

import logging
import os
import random
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from fleethub.clients.ssh.kept import IDLE, Kept
from fleethub.fleetspec import load
from fleethub.lockfile.errors import LockfileError
from fleethub.model.dataclass import dataclass
from fleethub.model.errors import SpecError
from fleethub.model.facts import Facts
from fleethub.model.finding import Finding
from fleethub.model.fleet import Fleet
from fleethub.model.fleet_status import FleetStatus
from fleethub.model.plan import Plan
from fleethub.operations.held import HeldPlan, PlanInput
from fleethub.operations.notify import seen_events, tell
from fleethub.operations.plan import read_and_plan
from fleethub.operations.resident import tidied
from fleethub.operations.sessions import told
from fleethub.operations.stores import recalled_store
from fleethub.operations.trust import ALONE, Trusting
from fleethub.operations.workplace import Workplace
from fleethub.stores.copy import NAME as COPY
from fleethub.stores.interface import StoreError

log = logging.getLogger(__name__)
NEVER = "Never observed: nothing has been read yet, so nothing is known."
#: What an operator can put right: a spec or lockfile that cannot be used.
BROKEN = (SpecError, LockfileError)
JITTER = 0.1  # of the interval, so that several servers do not ask in step

#: path -> (mtime, size, inode) of each file that a plan is made from; None: it is not there.
Signature = tuple[tuple[str, tuple[int, int, int] | None], ...]


def clock() -> float:
    """Seconds that nobody sets; where the system tells, those that it slept through count too."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The fleet as far as it is known, all of one moment.

    ``fleet``, ``plan`` and ``fleet_status`` are of the last spec that held together, None before there was one.
    ``facts`` None: never observed. ``problem`` says why this is not what spec and network say now (``findings``: the
    spec's own); empty: it is. ``taken`` is when it was observed, by ``clock``. ``body`` is what ``encode`` held.
    """

    fleet: Fleet | None = None
    facts: Facts | None = None
    plan: Plan | None = None
    fleet_status: FleetStatus | None = None
    problem: str = ""
    findings: tuple[Finding, ...] = ()
    taken: float | None = None
    body: bytes = b""

    @property
    def age(self) -> float | None:
        """Seconds since the observation; None: never observed."""
        return None if self.taken is None else max(0.0, clock() - self.taken)


class SnapshotCache:
    """One fleet, for many readers in many threads. ``encode`` makes each snapshot's ``body``, once."""

    def __init__(
        self,
        path: Path,
        encode: Callable[[Snapshot], bytes] = lambda snapshot: b"",
        trusting: Trusting = ALONE,
    ) -> None:
        self._path, self._encode, self._trusting = path, encode, trusting
        self._reading, self._planning = threading.Lock(), threading.Lock()
        self._snapshot, self._signature, self._trouble = Snapshot(), Signature(), ""
        self._kept = Kept()
        self.refreshes = self.failures = 0
        with self._planning:
            self._plan_anew()

    @property
    def latest(self) -> Snapshot:
        """The last snapshot; it costs nothing. See ``changed``."""
        return self._snapshot

    def changed(self) -> bool:
        """Whether spec, templates or lockfile on disk are others than the snapshot's: a few calls of stat."""
        return any(_stat(path) != seen for path, seen in self._signature)

    def current(self) -> Snapshot:
        """The snapshot of what is on disk now, planned anew if need be; takes as long as a plan without reading."""
        if self.changed():
            with self._planning:
                if self.changed():  # who waited here may find it done
                    self._plan_anew()
        return self._snapshot

    def refresh(self) -> Snapshot:
        """Read the network, one at a time, and keep what was seen; what goes wrong is the snapshot's ``problem``."""
        with self._reading:
            self._look()
        return self.current()

    def within(self, seconds: float) -> Snapshot:
        """The snapshot, observed at most so long ago; else the network is read, once for all who wait for it."""
        if self._older(seconds):
            with self._reading:
                if self._older(seconds):  # who waited here may find it done
                    self._look()
        return self.current()

    def _older(self, seconds: float) -> bool:
        age = self._snapshot.age
        return age is None or age > seconds

    def _look(self) -> None:
        self.refreshes += 1
        try:
            self._observe()
        except Exception as error:  # neither a bug nor a full disk may end the server, or pass for a fine fleet
            self.failures += 1
            if not isinstance(error, BROKEN):  # planning anew says the same of those
                self._trouble = _said(error)[0]
                log.error("reading the fleet failed: %s", type(error).__name__)
            with self._planning:
                self._plan_anew()
        tidied()

    def _observe(self) -> None:
        signature = self._sign()
        with Workplace(self._path, trusting=self._trusting, kept=self._kept) as workplace:
            # every model, so that a question about any needs no request
            held = read_and_plan(workplace, PlanInput(every_model=True, only_look=True))
            taken = clock()
            fleet_status = workplace.fleet_status(held)
            if not held.plan.fatal:
                for said in tell(workplace, fleet_status.at, seen_events(fleet_status)):
                    log.warning("%s", said)
            with self._planning:
                if not held.facts.readings and held.plan.fatal:  # refused before anything was asked
                    self._plan_anew()
                    return
                self._trouble = ""
                self._publish(workplace, held, fleet_status, taken, signature)
            with suppress(OSError):  # a folder that cannot be written to is served all the same
                told(workplace, held, fleet_status)

    def run(self, interval: float, stop: threading.Event) -> None:
        """Refresh every ``interval`` seconds, with jitter, until ``stop`` is set."""
        while not stop.is_set():
            self.refresh()
            if interval > IDLE:
                self.close()
            stop.wait(interval * random.uniform(1 - JITTER, 1 + JITTER))  # noqa: S311 - no secret

    def close(self) -> None:
        """Close what was left open for the next look."""
        self._kept.close()

    def _plan_anew(self) -> None:
        """A snapshot of the files on disk and the last facts; reads no network."""
        signature, before = self._signature, self._snapshot
        try:
            signature = self._sign()
            with Workplace(self._path, trusting=self._trusting, store=recalled_store) as workplace:
                seen = before.facts
                held = self._unobserved(workplace) if seen is None else read_and_plan(workplace, facts=seen)
                self._publish(workplace, held, workplace.fleet_status(held), before.taken, signature)
        except Exception as error:
            if not isinstance(error, BROKEN):
                log.error("planning the fleet failed: %s", type(error).__name__)
            self._signature = signature
            problem, findings = _said(error)
            self._show(replace(before, problem=problem, findings=findings))

    def _unobserved(self, workplace: Workplace) -> HeldPlan:
        """Before the first observation there is no plan: one from nothing would read as a diagnosis."""
        refused = workplace.refused()
        plan = refused or Plan(
            "", workplace.fleet.name, NEVER, findings=(*workplace.opened.findings, *workplace.trust.findings)
        )
        wanted = {} if refused else workplace.wanted(workplace.fleet)
        return HeldPlan(PlanInput(), plan, wanted, Facts(""), workplace.store.read().lockfile)

    def _publish(
        self, workplace: Workplace, held: HeldPlan, fleet_status: FleetStatus, taken: float | None, signature: Signature
    ) -> None:
        facts = held.facts if taken is not None else None
        problem = held.plan.sentence if held.plan.fatal else self._trouble
        self._signature = signature
        self._show(Snapshot(workplace.fleet, facts, held.plan, fleet_status, problem, (), taken))

    def _show(self, snapshot: Snapshot) -> None:
        self._snapshot = replace(snapshot, body=self._encode(snapshot))

    def _sign(self) -> Signature:
        """Taken before the files are read: what changes meanwhile is seen by the next look."""
        if self._signature and not self.changed():
            return self._signature  # the spec need not be read for which files it is made of
        main = self._path / "fleet.toml" if self._path.is_dir() else self._path
        root = main.parent
        loaded = load(self._path)
        files = {main, *loaded.files}
        # a new file that an include matches changes its folder
        folders = {*(file.parent for file in files), *(root / name for name in loaded.folders)}
        templates = [root / "templates", *(root / "templates").rglob("*")]
        watched = sorted(str(p) for p in {*files, *folders, *templates, root / "fleet.lock", root / COPY})
        return tuple((path, _stat(path)) for path in watched)


def _stat(path: str) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - asked at each request, and a Path would cost more than the call
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _said(error: Exception) -> tuple[str, tuple[Finding, ...]]:
    if isinstance(error, SpecError):
        return "The spec does not hold together; what is shown is of the last one that did.", error.findings
    if isinstance(error, (*BROKEN, StoreError, OSError)):
        return f"{str(error).rstrip('.')}.", ()
    return f"Reading the fleet failed ({type(error).__name__}): a bug of FleetHub's, please report it.", ()
