"""One apply: the lockfile's intent first, then steps phase by phase, then the lockfile's result.

A step runs when every step it comes after succeeded; one that failed holds back only what depends on it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Lock

from fleethub.clients.resolver import SecretError
from fleethub.kinds import KINDS
from fleethub.kinds.execution import Context, NotActivated, StepError
from fleethub.kinds.readdress import lockfile_after
from fleethub.lockfile.reduce import Fold
from fleethub.model.address import Address
from fleethub.model.capacity import PlannedModel
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
from fleethub.model.observation import AnyLocked, Applied, Lockfile, Pending
from fleethub.model.plan import Action, Phase, Plan, Step
from fleethub.model.text import flat, plural

#: Steps of one phase that run at the same time. Settling only waits, so all of it may wait together.
WORKERS = {Phase.SETTLE: 64, Phase.PROVE: 32}
#: What a record says beside its phases while it is not known whether the thing is there.
ENDS = (Action.CREATE, Action.DELETE)


@dataclass(frozen=True, slots=True)
class Outcome:
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
) -> Outcome:
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
            pending=_pending(plan, lockfile),
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
    for address, locked in _recorded(plan, run):
        run.take(Recorded(address, locked))
    for address, record in _settled(plan, run, run.lockfile.resources):
        run.take(Recorded(address, record))
    run.take(
        ApplyFinished(
            context.serial,
            tuple(run.done),
            tuple(i for i, _ in run.failed),
            tuple(run.skipped),
            _planned(plan, lockfile, run),
            _fits(plan, lockfile),
            _owed(plan, lockfile, run, applied.at),
        )
    )
    save(run.lockfile)
    return Outcome(
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
        """Journal an event, and fold it into the lockfile."""
        with self._lock:
            self._emit(event)
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


def _pending(plan: Plan, lockfile: Lockfile | None) -> dict[Address, AnyLocked]:
    """The intent of every resource with a step that changes it, merged with an intent that a crash left."""
    found: dict[Address, AnyLocked] = {}
    by_address: dict[Address, list[Step]] = {}
    for step in plan.steps:
        by_address.setdefault(step.address, []).append(step)
    for change in plan.changes:
        steps = by_address.get(change.address, [])
        if not any(s.locked is not None or s.removes or s.phase is Phase.DELIVER for s in steps):
            continue
        before = lockfile.resources.get(change.address) if lockfile else None
        wanted = change.locked
        phases = tuple(dict.fromkeys(s.phase.name.lower() for s in steps))
        if change.action in ENDS:
            phases = (change.action.value, *phases)
        needs = dict(wanted.needs) if wanted else {}
        for address, entries in (before.pending.needs if before and before.pending else {}).items():
            needs[address] = needs.get(address, frozenset()) | entries
        # of what was never there, the record is where it is made now
        start = replace(wanted, attrs=None, needs={}, shape="") if wanted and not (before and before.attrs) else before
        if start is not None:
            # of what goes, an intent that a crash left is all that tells what was made
            left = before.pending if before else None
            kind = KINDS[change.address.kind]
            attrs = kind.begun(wanted.attrs, left) if wanted else left.attrs if left else None
            generation = wanted.generation if wanted else left.generation if left else 0
            found[change.address] = replace(
                start,
                pending=Pending(phases, attrs, needs, generation),
            )
    return found


def _planned(plan: Plan, lockfile: Lockfile | None, run: _Run) -> Mapping[str, tuple[PlannedModel, ...]]:
    """The planned sets; when something failed, a newcomer counts as admitted only if a key reaches it by now.

    So it is where a part of the fleet was left out; what was admitted there and is still reached stays beside.
    """
    if not run.failed and not run.skipped and not plan.left_out:
        return plan.planned
    before = lockfile.planned if lockfile else {}
    reached = {
        m
        for a, record in run.lockfile.resources.items()
        for m in (KINDS[a.kind].grants(record.attrs) if record.attrs else ())
    }
    found = {
        backend: tuple(e for e in entries if any(e.same(b) for b in before.get(backend, ())) or e.model in reached)
        for backend, entries in plan.planned.items()
    }
    for backend, entries in before.items() if plan.left_out else ():
        now = {e.model for e in found.get(backend, ())}
        still = (e for e in entries if e.model in reached and e.model not in now)
        found[backend] = tuple(sorted((*found.get(backend, ()), *still), key=lambda e: (e.model, e.context)))
    return {backend: entries for backend, entries in found.items() if entries}


def _fits(plan: Plan, lockfile: Lockfile | None) -> Mapping[str, str]:
    """What is said of the sets; nothing new of a fleet of which a part was left out."""
    return plan.fits if not plan.left_out else lockfile.fits if lockfile else {}


def _owed(plan: Plan, lockfile: Lockfile | None, run: _Run, now: str) -> Mapping[Address, str]:
    """What this apply could not do, with the time of the first that could not; of what it left out nothing is known."""
    before = lockfile.owed if lockfile else {}
    undone = {s.address for s in plan.steps if s.id in run.lost}
    undone |= {change.address for change in plan.changes if change.blockers}
    return {a: before.get(a, now) for a in undone} | {a: before[a] for a in plan.left_out or () if a in before}


def _recorded(plan: Plan, run: _Run) -> Iterable[tuple[Address, AnyLocked | None]]:
    """Where only the lockfile is behind; a record whose thing another takes over stays until that one has it."""
    undone = {s.address for s in plan.steps if s.id in run.lost}
    for change in plan.changes:
        if change.action is Action.RECORD and not {change.after, change.address} & undone:
            yield change.address, change.locked


def _settled(plan: Plan, run: _Run, records: Mapping[Address, AnyLocked]) -> Iterable[tuple[Address, AnyLocked]]:
    """Take the intent off every resource whose steps all succeeded; what is held back keeps a contract pending."""
    held = {c.address: c for c in plan.changes if c.blockers}
    touched: dict[Address, bool] = {}
    for step in plan.steps:
        touched[step.address] = touched.get(step.address, True) and step.id not in run.lost
    recorded = {step.address for step in plan.steps if step.locked is not None or step.removes}
    for address, whole in touched.items():
        record = records.get(address)
        if record is None or not whole or address not in recorded:
            continue
        pending = None
        if address in held and record.pending is not None:
            pending = replace(record.pending, phases=("contract",))
        if record.pending != pending:
            yield address, replace(record, pending=pending)
