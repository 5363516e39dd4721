"""Stops: what a spec that went wrong would do, held until a person says that it is meant.

Each names its setting in ``[policy]`` and its figures. ``--allow CODE`` lets a plan pass; it is a warning then. Nothing
stops where the whole fleet is taken away: that was asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from fleethub.model.address import Address
from fleethub.model.capacity import PlannedModel
from fleethub.model.finding import Finding, Severity
from fleethub.model.fleet import Fleet
from fleethub.model.observation import Lockfile
from fleethub.model.plan import Action, Blocker, Change, Orders, Why
from fleethub.model.text import plural
from fleethub.planning.judge import Verdict
from fleethub.planning.state import PlanningState

Sets = Mapping[str, tuple[PlannedModel, ...]]


def hold(state: PlanningState, fleet: Fleet, orders: Orders, before: Sets, after: Sets) -> list[Finding]:
    """Block the deletions of what is in use, and of the last user of a backend; ``before`` and ``after``: the sets that
    are planned on each backend.
    """
    if orders.uninstall:
        return []
    found = []
    deleted = [a for a, v in state.verdicts.items() if v.action is Action.DELETE and a not in state.successors]
    known = {thing for item in state.items.values() if item.locked for thing in item.locked.needs}
    for address in deleted:
        emptied = _emptied(state, address, fleet, before, after)
        finding = state.kind(address).missed(state.items[address], fleet.policy, address in known, emptied)
        if finding is None:
            continue
        finding = _allowed(finding, orders)
        found.append(finding)
        if finding.severity is Severity.ERROR:
            state.verdicts[address] = Verdict(Action.BLOCKED, (Blocker(Why.POLICY, finding.message),))
    return found


def _emptied(state: PlanningState, address: Address, fleet: Fleet, before: Sets, after: Sets) -> str:
    """Of a consumer: the backend that nothing uses any more, and that it used; empty: none."""
    locked = state.items[address].locked
    if not state.kind(address).consumer or locked is None:
        return ""
    models = frozenset().union(*locked.needs.values())
    empty = (b for b in sorted(fleet.backends) if before.get(b) and not after.get(b))
    return next((b for b in empty if models & {p.model for p in before[b]}), "")


def exceeded(
    changes: Sequence[Change], lockfile: Lockfile | None, state: PlanningState, fleet: Fleet, orders: Orders
) -> list[Finding]:
    """What the plan does to too great a part of a kind; an old place that is taken down is none of it."""
    if lockfile is None or orders.uninstall:
        return []
    limits = (
        ("stop.deletes", Action.DELETE, "deletes", fleet.policy.max_delete_percent, "max_delete_percent"),
        ("stop.updates", Action.UPDATE, "changes", fleet.policy.max_update_percent, "max_update_percent"),
    )
    found = []
    for code, action, verb, most, setting in limits:
        over = []
        for kind, there in _counted(lockfile.resources, state):
            done = sum(c.action is action and c.address in there for c in changes)
            if len(there) >= fleet.policy.min_existing and done * 100 > most * len(there):
                over.append(f"{done} of {plural(len(there), kind)} ({done * 100 // len(there)} %)")
        if over:
            limit = f"[policy] {setting} is {most}, from min_existing = {fleet.policy.min_existing}"
            hint = f"if it is meant: fleethub apply --allow {code}; or raise {setting}"
            message = f"the plan {verb} {' and '.join(over)}: {limit}"
            found.append(_allowed(Finding(code, message, Address("fleet", fleet.name), hint=hint), orders))
    return found


def _counted(known: Iterable[Address], state: PlanningState) -> Iterable[tuple[str, frozenset[Address]]]:
    there: dict[str, set[Address]] = {}
    for address in known:
        if address not in state.successors:
            there.setdefault(address.kind, set()).add(address)
    return ((kind, frozenset(addresses)) for kind, addresses in sorted(there.items()))


def stopped(changes: Sequence[Change], findings: Iterable[Finding]) -> list[Change]:
    """The changes, each blocked where a stop is for all of them."""
    stop = next((f for f in findings if f.severity is Severity.ERROR), None)
    if stop is None:
        return list(changes)
    return [replace(c, action=Action.BLOCKED, blockers=(_why(c, stop), *c.blockers), after=None) for c in changes]


def _why(change: Change, stop: Finding) -> Blocker:
    """That the change is stopped, with what it is: else nobody could see what is to be decided."""
    what = "" if change.action is Action.BLOCKED else change.action.value
    return Blocker(Why.POLICY, f"stopped: {stop.message}", what)


def _allowed(finding: Finding, orders: Orders) -> Finding:
    if finding.code not in orders.allow:
        return finding
    return replace(finding, severity_override=Severity.WARNING, hint="it was allowed with --allow")
