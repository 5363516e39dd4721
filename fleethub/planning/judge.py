"""One resource at a time: what should become of it, and what forbids that."""

from __future__ import annotations

from dataclasses import dataclass, replace

from fleethub.kinds import KINDS
from fleethub.kinds.diff import diff
from fleethub.kinds.interface import ResourceState, behind, differs, managed
from fleethub.model.finding import Finding, Severity
from fleethub.model.fleet import Policy
from fleethub.model.observation import Absent, Lockfile, Unknown
from fleethub.model.plan import Action, Blocker, Drift, FieldChange, Why
from fleethub.model.secret import SENSITIVE


@dataclass(frozen=True, slots=True)
class Verdict:
    """``action`` None: nothing to do. ``blockers`` block the whole resource."""

    action: Action | None
    blockers: tuple[Blocker, ...] = ()
    findings: tuple[Finding, ...] = ()
    drift: Drift | None = None


def judge(item: ResourceState, lockfile: Lockfile | None, policy: Policy, repair: bool) -> Verdict:
    """``repair`` False: what somebody changed by hand is shown, and not undone."""
    if isinstance(item.have, Unknown):
        if item.want is None and item.locked is None:
            return Verdict(None)
        return Verdict(Action.BLOCKED, (Blocker(Why.UNKNOWN, item.have.reason),))
    objections = tuple(KINDS[item.address.kind].objections(item, lockfile))
    if objections and (item.want is not None or item.locked is not None):
        why = Why.REFUSED if any(f.severity is Severity.ERROR for f in objections) else Why.POLICY
        return Verdict(Action.BLOCKED, tuple(Blocker(why, f.message) for f in objections), objections)
    if item.want is None:
        return _unwanted(item)
    seen = item.seen
    # what somebody changed into just what the spec wants is no drift to repair or to stop at: it is recorded
    as_wanted = seen is not None and not differs(managed(item), seen.attrs)
    found = None if as_wanted else drift(item, repair)
    revoked = _revoked(item)
    if revoked and policy.revoked == "stop":
        left = replace(found, repaired=False) if found else None
        return Verdict(Action.BLOCKED, (Blocker(Why.POLICY, revoked[0].message),), revoked, left)
    gone = _folder_gone(item) if found else ()
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
    if seen is not None and differs(managed(item), seen.attrs) and not seen.telemetry.get("theirs"):
        return Verdict(Action.UPDATE, findings=revoked, drift=found)
    if seen is not None and seen.telemetry.get("theirs"):
        return Verdict(None)
    if behind(item.locked, item.want):
        return Verdict(Action.RECORD, drift=found)
    return Verdict(None, drift=found)


def _unwanted(item: ResourceState) -> Verdict:
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


def drift(item: ResourceState, repair: bool) -> Drift | None:
    """What differs between observed and last applied; while an apply is pending nothing is called drift."""
    locked = item.locked
    if locked is None or not locked.attrs or (locked.pending and set(locked.pending.phases) != {"contract"}):
        return None
    if item.want is not None and item.want.source.id != locked.source.id:
        return None  # it was applied somewhere else
    if isinstance(item.have, Absent):
        what = "the whole folder is gone" if item.address.kind == "node" else "it is gone"
        return Drift(item.address, what, (), repair)
    seen = item.seen
    applied = KINDS[item.address.kind].applied(item)
    if seen is None or not differs(applied, seen.attrs):
        return None
    before = {name: value for name, value in applied.items() if value is not None}
    found = diff(before, {name: value for name, value in seen.attrs.items() if name in applied})
    finer = KINDS[item.address.kind].drifted(item)
    told = {leaf.path[0] for leaf in finer}
    # the mark is of the whole set: where a file differs, it says nothing more
    rest = [leaf for leaf in found if leaf.path != ("marked",) or len(found) == 1]
    shown = tuple(_shown(leaf) for leaf in rest if leaf.path[-1] != "fingerprint" or leaf.path[1] not in told)
    shown += finer
    renamed = next((leaf.after for leaf in shown if leaf.path == ("renamed",)), None)
    shown = tuple(leaf for leaf in shown if leaf.path != ("renamed",))
    names = ", ".join(dict.fromkeys(leaf.path[1] if leaf.path[0] == "files" else leaf.path[0] for leaf in shown))
    says = ", ".join(filter(None, (f"renamed to {renamed}" if renamed else "", f"{names} changed" if names else "")))
    return Drift(item.address, says, shown, repair, KINDS[item.address.kind].kept(item))


def _shown(leaf: FieldChange) -> FieldChange:
    if leaf.path[-1] == "fingerprint":
        return FieldChange(leaf.path[:-1], "as applied", "changed by hand")
    if leaf.path == ("value",):
        return FieldChange(leaf.path, SENSITIVE, SENSITIVE)
    if len(leaf.path) == 2 and leaf.path[0] == "files":
        gone = not isinstance(leaf.after, dict)
        return FieldChange(
            leaf.path, "as applied", "gone" if gone else f"a {leaf.after.get('kind', 'file')} in its place"
        )
    return leaf


def _folder_gone(item: ResourceState) -> tuple[Finding, ...]:
    if item.address.kind != "node" or not isinstance(item.have, Absent) or item.want is None:
        return ()
    message = f"the whole folder of {item.address} is gone: {item.want.source.at}"
    return (Finding("node.folder-gone", message, item.address, item.want.place, "is this the machine it lies on?"),)


def _revoked(item: ResourceState) -> tuple[Finding, ...]:
    """A key that was ours and is deleted or blocked; raising its generation is the operator's consent."""
    locked, want = item.locked, item.want
    if item.address.kind != "key" or locked is None or not locked.attrs or want is None:
        return ()
    if locked.pending and "create" in locked.pending.phases:
        return ()
    gone = isinstance(item.have, Absent)
    if not gone and not (item.seen and item.seen.attrs.get("blocked")):
        return ()
    if locked.shape != want.shape:
        return ()
    if gone and locked.source.id != want.source.id:
        moved = f"the key {item.address.alias!r} was made at {locked.source.at}, and is not at {want.source.at}"
        hint = "if that is another LiteLLM, give the proxy another name in the spec, so that the old keys are removed"
        return (Finding("key.revoked", moved, item.address, want.place, hint),)
    return (
        Finding(
            "key.revoked",
            f"the key {item.address.alias!r} on {item.address.owner} was {'deleted' if gone else 'blocked'} by hand",
            item.address,
            want.place,
            "git pull, in case another clone did it; to give the node a new key raise generation in "
            f'[keys.{item.address.alias}]; to bring the same one back write revoked = "restore" in [policy]',
        ),
    )
