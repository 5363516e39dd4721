"""Observe: read everything, keep what sessions are told, and put FLEETHUB.md right. Changes nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from fleethub.model.capacity import Fit
from fleethub.model.dataclass import dataclass
from fleethub.model.fleet_status import FleetStatus
from fleethub.model.observation import Lockfile
from fleethub.model.plan import Plan
from fleethub.operations.held import PlanInput
from fleethub.operations.notify import seen_events, tell
from fleethub.operations.offline import commit_facts
from fleethub.operations.outcome import Outcome
from fleethub.operations.plan import plan_exit, read_and_plan
from fleethub.operations.sessions import publish, told
from fleethub.operations.workplace import Workplace


@dataclass(frozen=True, slots=True)
class ObserveResult:
    """What was seen. Without ``fleet_status`` nothing was asked: the findings say why. ``notes``: for people."""

    fleet_status: FleetStatus | None
    notes: tuple[str, ...] = ()


def run(workplace: Workplace, facts: bool = False) -> Outcome[ObserveResult]:
    """Look at everything. Fine however the fleet is. Raises OSError when the summary cannot be written.

    ``facts``: also write what plans without a network reckon with, beside the spec.
    """
    held = read_and_plan(workplace, PlanInput(only_look=True, every_model=facts))
    plan = held.plan
    fleet_status = workplace.fleet_status(held)
    why = told(workplace, held, fleet_status)
    if plan.fatal:
        return Outcome(ObserveResult(None), plan_exit(plan), plan.findings)
    lockfile = workplace.store.read().lockfile  # once more: an apply may have ended while the fleet was read
    if lockfile is not None and lockfile == held.lockfile and not plan.changes:
        lockfile = _asked_no_more(lockfile, plan)
    notes = (*publish(workplace.fleet, lockfile), *_listed(workplace.root))
    if why:
        notes += ("sessions are still told what was seen before: what this account sees is less",)
    notes += tell(workplace, fleet_status.at, seen_events(fleet_status))
    if facts:
        where = commit_facts(workplace.fleet, held.facts).relative_to(workplace.root)
        notes += (f"{where}/ has what plan --offline reckons with; commit it",)
    return Outcome(ObserveResult(fleet_status, notes), findings=plan.findings)


def _asked_no_more(lockfile: Lockfile, plan: Plan) -> Lockfile:
    """As an apply of an empty plan would leave it, which writes nothing: the spec may have moved a backend since, or
    declared other GPUs. What is unknown just now keeps what was known; of the applied spec nothing is judged anew.
    """
    if lockfile.applied.spec == plan.spec:
        return lockfile
    known = {(backend, p.model, p.context): p.bytes for backend, some in lockfile.planned.items() for p in some}
    planned = {
        backend: tuple(p if p.bytes else replace(p, bytes=known.get((backend, p.model, p.context))) for p in some)
        for backend, some in plan.planned.items()
    }
    fits = {b: lockfile.fits.get(b, fit) if fit == Fit.UNKNOWN.value else fit for b, fit in plan.fits.items()}
    return replace(lockfile, planned=planned, fits=fits, applied=replace(lockfile.applied, spec=plan.spec))


def _listed(folder: Path) -> Iterable[str]:
    """The user's list of fleets has this one from its first observation on, so that sessions elsewhere find it."""
    from fleethub.state.fleets import remember as list_it

    try:
        new = list_it(folder)
    except (OSError, RuntimeError) as error:
        yield f"the list of fleets could not be written ({error}): sessions elsewhere do not find this fleet"
        return
    if new:
        yield f"{folder} is now in your list of fleets, so that sessions everywhere are told of it"
