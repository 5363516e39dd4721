"""Status: what is there now, and what a plan would change."""

from __future__ import annotations

from dataclasses import replace

from fleethub.model.exit import Exit
from fleethub.model.finding import Finding, Severity
from fleethub.model.fleet_status import FleetStatus
from fleethub.operations.held import PlanInput
from fleethub.operations.outcome import Outcome
from fleethub.operations.plan import run as plan
from fleethub.operations.workplace import Workplace


def run(workplace: Workplace) -> Outcome[FleetStatus]:
    """Read everything; sessions are told of it. The findings and the exit code are the plan's.

    Who has no master key is shown the last look of somebody who had it, with its time and why.
    """
    why = workplace.keyless()
    if why and workplace.refused() is None and (earlier := _earlier(workplace, why)) is not None:
        wrong = any(f.severity is Severity.ERROR for f in earlier.findings)
        return Outcome(earlier, Exit.REFUSED if wrong else Exit.FINE, earlier.findings)
    planned = plan(workplace, PlanInput(only_look=True))
    return Outcome(workplace.fleet_status(planned.data), planned.exit, planned.findings)


def _earlier(workplace: Workplace, why: tuple[str, ...]) -> FleetStatus | None:
    from fleethub.state import last_look

    seen = last_look.read(workplace.root)
    if seen is None or seen.fleet != workplace.fleet.name:
        return None
    edited = "" if seen.spec == workplace.fleet.digest else "; the spec was edited since, which it does not show"
    message = f"this is what was seen at {seen.at}, for {'; '.join(why)}{edited}"
    hint = "fleethub capacity: the backends, which need no key; fleethub observe, where the key is: a new look"
    return replace(seen, findings=(Finding("look.earlier", message, hint=hint), *seen.findings))
