"""Findings that the spec accepts: one line each instead of all that they say, until their day.

Errors never are, but for those of the fleet's own checks: whoever may write an exception may change the check.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from fleethub.model.finding import CHECK, Finding, Severity
from fleethub.model.fleet import Acknowledged, Fleet
from fleethub.model.plan import Accepted, Plan


def acknowledge(plan: Plan, fleet: Fleet, at: str) -> Plan:
    """The plan with what is accepted apart; ``at``: now (ISO 8601)."""
    if not fleet.acknowledged or plan.fatal:
        return plan
    today, taken, notes = at[:10], dict[Finding, Acknowledged](), list[str]()
    for one in fleet.acknowledged:
        met = [finding for finding in plan.findings if _means(one, finding)]
        errors = [finding for finding in met if finding.severity is Severity.ERROR and not _own(finding, fleet)]
        what = f"[[accept]] of {one.code}" + (f" {one.address}" if one.address else "") + f" ({one.place})"
        if today > one.until:
            notes += [f"{what} ended on {one.until}"] if met else [f"{what} ended on {one.until}, and may be removed"]
            continue
        notes += [f"{what} takes no error: what it refuses stays refused"] if errors else []
        notes += [f"{what} meets nothing now"] if not met and plan.left_out is None else []
        taken |= {finding: one for finding in met if finding not in errors}
    left = tuple(finding for finding in plan.findings if finding not in taken)
    return replace(plan, findings=left, accepted=_lines(list(taken.items())), notes=(*plan.notes, *notes))


def refused(findings: Iterable[Finding], fleet: Fleet, at: str) -> tuple[Finding, ...]:
    """Of what the fleet's own checks find, the errors that nobody accepts now."""
    good = [one for one in fleet.acknowledged if at[:10] <= one.until]
    return tuple(
        finding
        for finding in findings
        if finding.severity is Severity.ERROR
        and not (_own(finding, fleet) and any(_means(one, finding) for one in good))
    )


def _own(finding: Finding, fleet: Fleet) -> bool:
    return any(finding.code == CHECK + check.name for check in fleet.checks)


def _means(one: Acknowledged, finding: Finding) -> bool:
    return finding.code == one.code and (one.address is None or finding.address == one.address)


def _lines(taken: Sequence[tuple[Finding, Acknowledged]]) -> tuple[Accepted, ...]:
    return tuple(Accepted(finding, one.reason, one.until) for finding, one in taken)
