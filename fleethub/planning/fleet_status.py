"""A plan and what it was made from -> FleetStatus: what is where, for everyone who reads rather than applies. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace

from fleethub.kinds import KINDS
from fleethub.kinds.values import StatusInputs
from fleethub.model.address import Address
from fleethub.model.capacity import Fit
from fleethub.model.facts import Facts
from fleethub.model.fleet import Fleet
from fleethub.model.fleet_status import ChangeStatus, DriftStatus, FleetStatus, ModelStatus
from fleethub.model.observation import AnyResource, Lockfile, Observation
from fleethub.model.plan import Change, Plan
from fleethub.placement.ask import ORDER, AskError, Question, ask
from fleethub.placement.backends import status as backend_status

MOST = 12  # models that nobody names, and that are judged: each costs as much as a question to capacity


def fleet_status(
    fleet: Fleet,
    lockfile: Lockfile | None,
    wanted: Mapping[Address, AnyResource],
    facts: Facts,
    plan: Plan,
    seen: Mapping[Address, Observation],
) -> FleetStatus:
    """The fleet as one value; ``seen`` is what was observed of every resource, wanted or last applied."""
    applied = lockfile.applied if lockfile else None
    owed = lockfile.owed if lockfile else {}
    changes = {c.address: _change(c, owed.get(c.address, "")) for c in plan.changes}
    drift = {d.address: d.summary for d in plan.drift}
    inputs = StatusInputs(fleet, lockfile, wanted, facts, seen, changes, drift)
    status = FleetStatus(
        fleet=fleet.name,
        root=fleet.root,
        at=facts.at,
        spec=fleet.digest,
        serial=lockfile.serial if lockfile else 0,
        sentence=plan.sentence,
        plan=plan.id,
        applied_at=applied.at if applied else "",
        applied_by=applied.by if applied else "",
        applied_spec=applied.spec if applied else "",
        fatal=plan.fatal,
        backends=backend_status(fleet, facts),
        drift=tuple(DriftStatus(str(d.address), d.summary, d.repaired) for d in plan.drift),
        changes=tuple(changes.values()),
        findings=plan.findings,
    )
    for kind in KINDS.values():
        status = kind.status(status, inputs)
    return replace(status, models=tuple(_idle(fleet, facts, status.models)))


def _idle(fleet: Fleet, facts: Facts, models: Iterable[ModelStatus]) -> Iterable[ModelStatus]:
    """The models, with what would become of those that nobody names; of very many only the first are asked for."""
    left = MOST
    for model in models:
        if model.nodes or model.keys or not model.backends or left <= 0:
            yield model
            continue
        left -= 1
        found = set()
        for backend in model.backends:
            with suppress(AskError):
                found.add(ask(fleet, facts, Question(backend, model.name), others=False).verdict.fit)
        best = next((fit.value for fit in ORDER if fit in found), Fit.UNKNOWN.value)
        yield replace(model, fits=best)


def _change(change: Change, since: str) -> ChangeStatus:
    waits = tuple(f"{o.what}: {o.reason}" if o.what else o.reason for o in change.blockers)
    return ChangeStatus(str(change.address), change.action.value, waits, since if waits else "")
