"""Status: what is there now, and what a plan would change."""

from __future__ import annotations

from fleethub.model.fleet_status import FleetStatus
from fleethub.operations.held import PlanInput
from fleethub.operations.outcome import Outcome
from fleethub.operations.plan import run as plan
from fleethub.operations.workplace import Workplace


def run(workplace: Workplace) -> Outcome[FleetStatus]:
    """Read everything; sessions are told of it. The findings and the exit code are the plan's."""
    planned = plan(workplace, PlanInput(only_look=True))
    return Outcome(workplace.fleet_status(planned.data), planned.exit, planned.findings)
