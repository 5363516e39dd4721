"""One apply: the lockfile's intent first, then steps phase by phase, then the lockfile's result.

A step runs when every step it comes after succeeded; one that failed holds back only what depends on it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Lock

from fleethub.applying import records
from fleethub.clients.resolver import SecretError
from fleethub.kinds import KINDS
from fleethub.kinds.execution import Context, NotActivated, StepError
from fleethub.kinds.readdress import lockfile_after
from fleethub.lockfile.reduce import Fold
from fleethub.model.dataclass import dataclass
from fleethub.model.event import (
    ApplyFinished,
    ApplyStarted,
    Event,
    Recorded,
    StepDone,
    StepFailed,
    StepStarted,
)
from fleethub.model.observation import Applied, Lockfile
from fleethub.model.plan import Phase, Plan, Step
from fleethub.model.text import flat, plural

#: Steps of one phase that run at the same time. Settling only waits, so all of it may wait together.
WORKERS = {Phase.SETTLE: 64, Phase.PROVE: 32}


@dataclass(frozen=True, slots=True)
class ApplyOutcome:
    """What an apply did; ``lockfile`` is the state after it."""

    lockfile: Lockfile
    done: tuple[str, ...]
    failed: tuple[tuple[str, str], ...]
    skipped: tuple[str, ...]
    notes: tuple[str, ...] = ()


def apply(
    plan: Plan,
    lockfile: Lockfile | None,
    context: Context,
    applied: Applied,
    seed: str,
    save: Callable[[Lockfile], None],
    emit: Callable[[Event], None],
) -> ApplyOutcome:
    """Carry the plan out. ``context.serial`` is the new serial; ``save`` puts a lockfile on disk before it returns."""
    run, lockfile = _Run(lockfile, emit), lockfile_after(lockfile, plan.renamed)
    run.take(
        ApplyStarted(
            plan=plan.id,
            fleet=plan.fleet,
            lineage=context.lineage,
            serial=context.serial,
            seed=seed,
            apply=context.apply,
            applied=applied,
            pending=records.pending(plan, lockfile),
            steps=len(plan.steps),
            id=plan.fleet_id,
            by_name=plan.by_name,
            renamed=plan.renamed,
        )
    )
    save(run.lockfile)
    try:
        for phase in Phase:
            if phase is Phase.DELIVER:
                run.waves(plan.steps, context)
            elif phase is not Phase.ACTIVATE:
                run.phase([s for s in plan.steps if s.phase is phase], context, WORKERS.get(phase, 8))
    except KeyboardInterrupt:
        save(run.lockfile)  # with what is pending: the next plan goes on from there
        raise
    for address, locked in records.recorded(plan, run.lost):
        run.take(Recorded(address, locked))
    for address, record in records.settled(plan, run.lost, run.lockfile.resources):
        run.take(Recorded(address, record))
    run.take(
        ApplyFinished(
            context.serial,
            tuple(run.done),
            tuple(i for i, _ in run.failed),
            tuple(run.skipped),
            records.planned(plan, lockfile, run.lockfile, not run.failed and not run.skipped),
            records.fits(plan, lockfile),
            records.owed(plan, lockfile, run.lost, applied.at),
        )
    )
    save(run.lockfile)
    return ApplyOutcome(
        run.lockfile, tuple(run.done), tuple(run.failed), tuple(run.skipped), tuple(dict.fromkeys(run.notes))
    )


class _Run:
    """The state of one apply: what is done, and the lockfile so far."""

    def __init__(self, lockfile: Lockfile | None, emit: Callable[[Event], None]) -> None:
        self._fold, self._emit, self._lock = Fold(lockfile), emit, Lock()
        self.done: list[str] = []
        self.failed: list[tuple[str, str]] = []
        self.skipped: list[str] = []
        self.lost: set[str] = set()  # steps that failed or were skipped
        self.notes: list[str] = []
        self.broken = 0  # nodes that do not come up with their new set

    @property
    def lockfile(self) -> Lockfile:
        with self._lock:
            lockfile = self._fold.lockfile
        assert lockfile is not None, "an apply starts with its intent"
        return lockfile

    def take(self, event: Event) -> None:
        """Journal an event, and fold it into the lockfile. Steps beside each other wait for the disk together."""
        self._emit(event)
        with self._lock:
            self._fold.take(event)

    def waves(self, steps: Sequence[Step], context: Context) -> None:
        """Deliver and activate: one node first, then as many at a time as may be; too many that fail end it.

        A node that cannot be delivered to is its own trouble; one that does not come up may be the new set's.
        """
        starting = {s.address for s in steps if s.phase is Phase.ACTIVATE}
        rolling = [s for s in steps if s.phase in (Phase.DELIVER, Phase.ACTIVATE)]
        self.phase([s for s in rolling if s.address not in starting], context, context.parallel)
        queue, size, canary = sorted(starting), 1, True
        while queue:
            wave, queue = set(queue[:size]), queue[size:]
            for phase in (Phase.DELIVER, Phase.ACTIVATE):
                self.phase([s for s in rolling if s.address in wave and s.phase is phase], context, context.parallel)
            if self.broken > context.max_failures:
                left = [s for s in rolling if s.address in queue]
                self.leave(left, f"{plural(self.broken, 'node')} did not come up with the new files")
                return
            done = set(self.done)
            canary = canary and not any(
                s.id in done for s in rolling if s.address in wave and s.phase is Phase.ACTIVATE
            )
            size = 1 if canary else context.parallel

    def leave(self, steps: Sequence[Step], reason: str) -> None:
        """Steps that are not tried."""
        for step in steps:
            self.skipped.append(step.id)
            self.lost.add(step.id)
            self.take(StepFailed(step.id, step.address, step.phase.name.lower(), reason, skipped=True))

    def phase(self, steps: list[Step], context: Context, workers: int) -> None:
        """Run one phase's steps, in as many rounds as they depend on each other."""
        left = list(steps)
        while left:
            waiting = {s.id for s in left}
            ready = [s for s in left if waiting.isdisjoint(s.after)] or left
            taken = {s.id for s in ready}
            left = [s for s in left if s.id not in taken]
            with ThreadPoolExecutor(max_workers=max(1, min(workers, len(ready)))) as pool:
                try:  # from the first step on: one that only waits is already under way while others are handed in
                    running = [pool.submit(self._step, step, context) for step in ready]
                    for future in running:
                        future.result()
                except KeyboardInterrupt:
                    context.say("interrupted: requests under way are finished, waits are not", 0)
                    context.stop.set()
                    pool.shutdown(cancel_futures=True)
                    raise

    def _step(self, step: Step, context: Context) -> None:
        phase = step.phase.name.lower()
        if lost := self.lost.intersection(step.after):
            self.leave([step], f"{min(lost)} was not done")
            return
        if why := context.fence():
            self.leave([step], why)
            return
        self.take(StepStarted(step.id, step.address, phase, step.do.says))
        try:
            notes = KINDS[step.address.kind].handlers()[type(step.do)](step.do, context)
        except (StepError, SecretError) as error:
            self.broken += isinstance(error, NotActivated)
            reason = flat(str(error))
            self.failed.append((step.id, reason))
            self.lost.add(step.id)
            self.take(StepFailed(step.id, step.address, phase, reason))
            return
        context.ended[step.id] = time.monotonic()
        self.done.append(step.id)
        self.notes += notes
        locked = step.locked
        if locked is not None:
            before = self._fold.record(step.address)
            locked = replace(locked, pending=before.pending if before else None)
        self.take(StepDone(step.id, step.address, phase, locked, step.removes, notes))
