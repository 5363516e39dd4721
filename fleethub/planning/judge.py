"""One resource at a time: what should become of it, and what forbids that."""

from __future__ import annotations

from dataclasses import replace

from fleethub.kinds import KINDS
from fleethub.kinds.compare import behind
from fleethub.kinds.values import AnyState
from fleethub.model.dataclass import dataclass
from fleethub.model.finding import Finding, Severity
from fleethub.model.fleet import Policy
from fleethub.model.observation import Absent, Lockfile, Unknown
from fleethub.model.plan import Action, Blocker, Drift, Why


@dataclass(frozen=True, slots=True)
class Verdict:
    """``action`` None: nothing to do. ``blockers`` block the whole resource. ``says``: what that means for
    people. ``let_go``: of what is recorded as gone: it stays, and is made again what it was before FleetHub.
    """

    action: Action | None
    blockers: tuple[Blocker, ...] = ()
    findings: tuple[Finding, ...] = ()
    drift: Drift | None = None
    says: str = ""
    let_go: bool = False


def judge(item: AnyState, lockfile: Lockfile | None, policy: Policy, repair: bool) -> Verdict:
    """``repair`` False: what somebody changed by hand is shown, and not undone."""
    if isinstance(item.have, Unknown):
        if item.want is None and item.locked is None:
            return Verdict(None)
        return Verdict(Action.BLOCKED, (Blocker(Why.UNKNOWN, item.have.reason),))
    kind = KINDS[item.address.kind]
    objections = tuple(kind.objections(item, lockfile))
    if objections and (item.want is not None or item.locked is not None):
        why = Why.REFUSED if any(f.severity is Severity.ERROR for f in objections) else Why.POLICY
        return Verdict(Action.BLOCKED, tuple(Blocker(why, f.message) for f in objections), objections)
    if item.want is None:
        return _unwanted(item)
    seen = item.seen
    # what somebody changed into just what the spec wants is no drift to repair or to stop at: it is recorded
    as_wanted = seen is not None and seen.attrs == item.want.attrs
    found = None if as_wanted else drift(item, repair)
    revoked = kind.revoked(item)
    if revoked and policy.revoked == "stop":
        left = replace(found, repaired=False) if found else None
        return Verdict(Action.BLOCKED, (Blocker(Why.POLICY, revoked[0].message),), revoked, left)
    gone = kind.absent(item)[1] if found and isinstance(item.have, Absent) else ()
    if found and not repair and not revoked:
        stopped = Finding(
            "drift.stopped",
            f"{item.address} was changed by hand: {found.summary}",
            item.address,
            item.want.place,
            'write drift = "repair" in [policy], or apply on a terminal and say yes',
        )
        return Verdict(Action.BLOCKED, (Blocker(Why.POLICY, stopped.message),), (stopped, *gone), found)
    if isinstance(item.have, Absent):
        return Verdict(Action.CREATE, findings=(*revoked, *gone), drift=found)
    if kind.theirs(item):
        return Verdict(None)
    if not as_wanted:
        return Verdict(Action.UPDATE, findings=revoked, drift=found)
    if behind(item.locked, item.want):
        return Verdict(Action.RECORD, drift=found)
    return Verdict(None, drift=found)


def _unwanted(item: AnyState) -> Verdict:
    if item.locked is None:
        return Verdict(None)
    if item.locked.protected:
        finding = Finding(
            "resource.protected",
            f"{item.address} is protected, and the spec no longer has it",
            item.address,
            hint="put it back with protected = false and apply, then remove it",
        )
        return Verdict(Action.BLOCKED, (Blocker(Why.REFUSED, finding.message),), (finding,))
    return Verdict(Action.RECORD if isinstance(item.have, Absent) else Action.DELETE)


def drift(item: AnyState, repair: bool) -> Drift | None:
    """What differs between observed and last applied; while an apply is pending nothing is called drift."""
    locked, kind = item.locked, KINDS[item.address.kind]
    if locked is None or locked.attrs is None or (locked.pending and set(locked.pending.phases) != {"contract"}):
        return None
    if item.want is not None and item.want.source.id != locked.source.id:
        return None  # it was applied somewhere else
    if isinstance(item.have, Absent):
        return Drift(item.address, kind.absent(item)[0], (), repair, title=kind.title(item.address))
    found = kind.drifted(item)
    return Drift(item.address, *found, repair, kind.kept(item), kind.title(item.address)) if found is not None else None
