"""What a fleet's own checks hold back: the change of the thing that an error is about, and whoever waits for it.

An error about a backend or a model holds back who would newly load it, as one that does not fit does; one about the
fleet, or about the check itself, every change.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence

from fleethub.checks.answers import Evaluate
from fleethub.checks.judge import judged
from fleethub.checks.refusing import of_all, refused_loads
from fleethub.checks.view import DONE, view_of
from fleethub.model.address import Address
from fleethub.model.finding import Finding
from fleethub.model.fleet import Fleet
from fleethub.model.observation import AnyResource, Unknown
from fleethub.model.plan import Action, Blocker, Change, PlannedVram, Why
from fleethub.planning.acknowledged import refused
from fleethub.planning.judge import Verdict
from fleethub.planning.state import PlanningState


def checked(
    fleet: Fleet,
    wanted: Mapping[Address, AnyResource],
    loads: Iterable[PlannedVram],
    changes: Callable[[], Sequence[Change]],
    evaluate: Evaluate | None,
    whole: bool = True,
    left: Container[Address] = (),
) -> tuple[Finding, ...]:
    """What the checks find, but of what is ``left`` out; ``changes`` are only made where there is a check. ``whole``:
    they are all. Without somebody who asks the checks nothing is known of any.
    """
    if not fleet.checks or evaluate is None:
        return ()
    return judged(fleet, view_of(fleet, wanted, loads, changes(), whole), evaluate, left)


def changes_of(state: PlanningState) -> list[Change]:
    """What is to become of each thing, before anything holds it back."""
    found = []
    for address, verdict in state.verdicts.items():
        item = state.items[address]
        if verdict.action in DONE and address not in state.successors and not isinstance(item.have, Unknown):
            owner = item.want.owner if item.want else item.locked.owner if item.locked else ""
            found.append(Change(address, verdict.action, state.kind(address).describe(item)[0], owner=owner))
    return found


def hold_checked(state: PlanningState, fleet: Fleet, findings: Sequence[Finding], at: str) -> list[Finding]:
    """Hold back what an error is about; returns the errors that are about all of the plan. ``at``: now (ISO 8601)."""
    errors = refused(findings, fleet, at)
    for finding in errors:
        if finding.address in state.verdicts:
            verdict = state.verdicts[finding.address]
            if verdict.action in DONE:
                held = (Blocker(Why.REFUSED, finding.message),)
                state.verdicts[finding.address] = Verdict(Action.BLOCKED, held, verdict.findings, verdict.drift)
    for pair, why in refused_loads(errors, fleet).items():
        state.refused.setdefault(pair, why)
    return [finding for finding in errors if of_all(finding, fleet)]
