"""Apply and destroy: plan under the fleet's policy, then carry out the plan that was said yes to, by its id."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace
from threading import Lock
from typing import Any

from fleethub import __version__
from fleethub.model.dataclass import dataclass
from fleethub.model.errors import FleetHubError
from fleethub.model.event import Event
from fleethub.model.exit import Exit
from fleethub.model.finding import Severity
from fleethub.model.history import HistoryEntry
from fleethub.model.observation import Applied, Lockfile
from fleethub.model.plan import Result
from fleethub.operations import history
from fleethub.operations import plan as planning
from fleethub.operations.held import HeldPlan, PlanInput, StalePlan
from fleethub.operations.outcome import Outcome
from fleethub.operations.plan import blocked_by_unknown, plan_exit, read_and_plan
from fleethub.operations.sessions import publish, remember
from fleethub.operations.workplace import Workplace
from fleethub.stores.interface import StaleLockfileError, StoreError

Sink = Callable[[Event], Any]


@dataclass(frozen=True, slots=True)
class ApplyInput:
    """How to apply.

    ``destroy``: take away all that FleetHub made. ``auto_approve``: nobody is asked, so drift is left alone unless the
    policy says repair. ``parallel``: nodes that are delivered to and activated at a time, after the first (16), and
    what is read at a time (32). ``max_failures``: nodes that may not come up before the rest is left alone.
    For the history: ``action`` (default: apply or destroy), ``approved``: how the yes was given, ``planned_by``: who
    saved the plan, where it was.
    ``targets``, ``excludes``, ``forget``, ``prune``, ``allow``, ``owner``: see ``PlanInput``.
    """

    destroy: bool = False
    auto_approve: bool = False
    parallel: int | None = None
    max_failures: int = 0
    targets: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()
    forget: tuple[str, ...] = ()
    prune: bool = False
    allow: tuple[str, ...] = ()
    owner: str = ""
    action: str = ""
    approved: str = ""
    planned_by: str = ""

    @property
    def operation(self) -> str:
        """What it is called in the lock and the history."""
        return self.action or ("destroy" if self.destroy else "apply")


def prepare(workplace: Workplace, asked: ApplyInput) -> Outcome[HeldPlan]:
    """The plan that this apply would carry out, under the policy for drift."""
    return planning.run(workplace, planned_as(workplace, asked))


def planned_as(workplace: Workplace, asked: ApplyInput) -> PlanInput:
    """How an apply plans."""
    policy = workplace.fleet.policy.drift
    repair = asked.destroy or policy == "repair" or (policy is None and not asked.auto_approve)
    reads = asked.parallel or 32
    how = PlanInput(repair, asked.destroy, reads, targets=asked.targets, excludes=asked.excludes)
    return replace(how, forget=asked.forget, prune=asked.prune, allow=asked.allow, owner=asked.owner)


def asks_about_drift(workplace: Workplace, held: HeldPlan) -> bool:
    """Whether a person decides if what was changed by hand is undone, for the policy leaves it open."""
    return workplace.fleet.policy.drift is None and not held.input.destroy and any(d.repaired for d in held.plan.drift)


def leave_drift(workplace: Workplace, held: HeldPlan) -> Outcome[HeldPlan]:
    """The plan once more, without undoing what was changed by hand."""
    return planning.run(workplace, replace(held.input, repair=False))


def declined(held: HeldPlan) -> Outcome[Result]:
    """What becomes of a plan that nobody said yes to: nothing."""
    plan = held.plan
    return Outcome(Result(plan, applied=False, serial=plan.serial), plan_exit(plan), plan.findings)


def run(
    workplace: Workplace, held: HeldPlan, asked: ApplyInput, sinks: tuple[Sink, ...] = (), again: bool = True
) -> Outcome[Result]:
    """Carry out a held plan: lock, read and plan again, compare ids, do it. An empty plan writes nothing but a
    FLEETHUB.md that is gone or edited. After an apply everything is read once more, for sessions are told of it.

    ``sinks`` get every event. ``again`` False: the plan was made just now, and nobody was asked since. Raises
    StalePlan (nothing was applied), stores.interface.LockedError, StaleLockfileError when somebody wrote the lockfile
    meanwhile, and StoreError where the store is lost, before the first request; once steps were done that is a note of
    the result, and its exit code.
    """
    with workplace.lock(asked.operation):
        if again:
            now = read_and_plan(workplace, held.input)
            if now.id != held.id:
                raise StalePlan(held.moved(now))
            held = now
        plan = held.plan
        if plan.fatal or not plan.doable or (held.input.destroy and held.lockfile is None):
            done = declined(held)
            if plan.fatal or held.input.destroy or plan.doable:
                return done
            # all that an apply of an empty plan may mend
            notes = publish(workplace.fleet, workplace.store.read().lockfile, plan)
            return replace(done, data=replace(done.data, notes=notes))
        return carry_out(workplace, held, asked, sinks)


def carry_out(
    workplace: Workplace,
    held: HeldPlan,
    asked: ApplyInput,
    sinks: tuple[Sink, ...] = (),
    then: Callable[[Lockfile], HeldPlan] | None = None,
) -> Outcome[Result]:
    """Carry out a plan as it is, under the fleet's lock, and record it; see ``run`` for what it raises.

    ``then``: the plan that follows, by the lockfile; without it everything is read once more.
    """
    from fleethub.applying import apply
    from fleethub.clients.git import commit
    from fleethub.clients.host import Hosts
    from fleethub.kinds.execution import Context
    from fleethub.observing import now
    from fleethub.stores.lock import who

    plan, resolver, store = held.plan, workplace.resolver, workplace.store
    journal, base, showing = store.journal(), held.base, list(sinks)
    refused: StaleLockfileError | StoreError | None = None  # after something was done
    stopped = ""  # why the steps that were left were not done: from the first on that was not, none is

    def save(lockfile: Lockfile) -> None:
        nonlocal base, refused
        try:
            base = store.write(lockfile, base)
        except (StaleLockfileError, StoreError) as error:
            if base == held.base:
                raise
            refused = error

    def fence() -> str:
        nonlocal stopped
        try:
            if not stopped:
                store.check(base)
        except (StaleLockfileError, StoreError, OSError) as error:
            stopped = str(error)
        return stopped

    one = Lock()

    def emit(event: Event) -> None:
        journal(event)
        with one:
            for sink in list(showing):
                try:
                    sink(event)
                except Exception:  # who watches must not decide what becomes of the nodes
                    showing.remove(sink)

    context = Context(
        http=workplace.http,
        resolver=resolver,
        hosts=Hosts(workplace.shells, workplace.root),
        lineage=plan.lineage or secrets.token_hex(16),
        serial=plan.serial + 1,
        apply=secrets.token_hex(4),
        fleet=workplace.fleet.identity,
        emit=emit,
        parallel=asked.parallel or 16,
        max_failures=asked.max_failures,
        fence=fence,
    )
    # of a spec of which a part was left out nobody says that it was applied
    spec = workplace.fleet.digest if not plan.left_out else held.lockfile.applied.spec if held.lockfile else ""
    applied = Applied(now(), who(), spec, commit(workplace.root), __version__)
    notes = _kept(workplace)
    seed = resolver.seed_fingerprint() or (held.lockfile.seed if held.lockfile else "")
    try:
        outcome = apply(plan, held.lockfile, context, applied, seed, save, emit)
    except KeyboardInterrupt:
        if refused is not None:
            raise refused from None
        raise
    except OSError as error:
        if base == held.base:
            raise
        says = "the apply ended there: what was done is done, and fleethub apply goes on with the rest"
        raise FleetHubError(f"{error.strerror}: {str(error.filename)!r}; {says}", code="apply.broken-off") from error
    finally:
        journal.close()
    notes += outcome.notes
    if stopped:
        notes += (stopped,)
    if refused is not None:
        notes += (f"{refused}; what was done is done: if nobody else applied, that file belongs in its place",)
    elif not stopped:
        notes += publish(workplace.fleet, outcome.lockfile)
    notes += _trusted(workplace, outcome.lockfile)
    try:
        look = PlanInput(reads=held.input.reads, only_look=True)
        remember(workplace, then(outcome.lockfile) if then is not None else read_and_plan(workplace, look))
    except (Exception, KeyboardInterrupt) as error:  # what was done is done, and must be told
        notes += (f"what sessions are told is not of after this apply ({type(error).__name__})",)
    result = Result(plan, True, outcome.done, outcome.failed, outcome.skipped, notes, outcome.lockfile.serial)
    code = Exit.STALE if stopped or refused is not None else _exit(result)
    made = HistoryEntry(
        "", asked.operation, applied.by, apply=context.apply, planned_by=asked.planned_by, approved=asked.approved,
        owner=held.input.owner, spec=workplace.fleet.digest, commit=applied.commit, version=applied.version,
    )  # fmt: skip
    notes += history.record(store, history.of_result(result, made, code))
    return Outcome(replace(result, notes=notes), code, plan.findings)


def _kept(workplace: Workplace) -> tuple[str, ...]:
    """The spec is kept for a rollback before anything is done with it; says why not."""
    try:
        history.keep_spec(workplace.store, workplace.fleet.digest, workplace.opened.texts)
    except (OSError, StoreError) as error:
        return (f"the spec is not kept for a rollback: {error}",)
    return ()


def _trusted(workplace: Workplace, lockfile: Lockfile) -> tuple[str, ...]:
    """What this machine trusts is known of the lineage from now on; says why not."""
    from fleethub.operations.trust import moved
    from fleethub.state.trust import TrustError

    try:
        moved(workplace.fleet, lockfile)
    except TrustError as error:
        return (str(error),)
    return ()


def _exit(result: Result) -> Exit:
    """The exit code of what was applied."""
    if result.failed or result.skipped:
        return Exit.PARTIAL
    refused = any(f.severity is Severity.ERROR for f in result.plan.findings)
    return Exit.PARTIAL if refused or blocked_by_unknown(result.plan) else Exit.FINE
