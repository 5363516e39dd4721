"""Plans and findings as plain JSON values: what ``--json`` prints, one object a line."""

from __future__ import annotations

from typing import Any

from fleethub.model.finding import Finding
from fleethub.model.plan import MISSING, Change, Drift, FieldChange, LeftAlone, Plan


def finding_data(finding: Finding) -> dict[str, Any]:
    """A finding."""
    return {
        "type": "finding",
        "code": finding.code,
        "severity": finding.severity.value,
        "address": str(finding.address) if finding.address else None,
        "place": str(finding.place) if finding.place else None,
        "message": finding.message,
        "detail": list(finding.detail),
        "hint": finding.hint,
    }


def field_data(field: FieldChange) -> dict[str, Any]:
    """A changed value; an absent side is missing."""
    out: dict[str, Any] = {"path": list(field.path)}
    if field.before is not MISSING:
        out["before"] = field.before
    if field.after is not MISSING:
        out["after"] = field.after
    return out


def change_data(change: Change, full: bool = False) -> dict[str, Any]:
    """A change with its leaves and blockers."""
    out: dict[str, Any] = {
        "type": "change",
        "address": str(change.address),
        "action": change.action.value,
        "owner": change.owner,
        "fields": [field_data(field) for field in change.fields],
        "obstacles": [{"why": o.why.value, "what": o.what, "reason": o.reason} for o in change.blockers],
        "consequence": change.consequence,
        "beside": list(change.beside),
    }
    if full:
        out["files"] = [{"path": f.path, "lines": list(f.lines)} for f in change.files]
    return out


def drift_data(drift: Drift) -> dict[str, Any]:
    """What somebody changed of one resource."""
    return {
        "type": "drift",
        "address": str(drift.address),
        "summary": drift.summary,
        "repaired": drift.repaired,
        "fields": [field_data(field) for field in drift.fields],
        "kept": list(drift.kept),
    }


def left_alone_data(one: LeftAlone) -> dict[str, Any]:
    """What ``ignore`` leaves alone of one resource."""
    return {"type": "ignored", "address": str(one.address), "fields": [field_data(field) for field in one.fields]}


def plan_data(plan: Plan, full: bool = False) -> list[dict[str, Any]]:
    """Changes, drift and findings as lines, then the summary."""
    lines = [change_data(c, full) for c in plan.changes]
    lines += [drift_data(d) for d in plan.drift]
    lines += [left_alone_data(one) for one in plan.left_alone]
    lines += [finding_data(f) for f in plan.findings]
    lines += [
        {**finding_data(one.finding), "type": "accepted", "reason": one.reason, "until": one.until}
        for one in plan.accepted
    ]
    lines.append(
        {
            "type": "plan",
            "id": plan.id,
            "fleet": plan.fleet,
            "sentence": plan.sentence,
            "lineage": plan.lineage,
            "left_out": None if plan.left_out is None else [str(a) for a in plan.left_out],
            "serial": plan.serial,
            "spec": plan.spec,
            "changes": len(plan.changes),
            "steps": [{"id": s.id, "phase": s.phase.name.lower(), "after": list(s.after)} for s in plan.steps],
            "vram": [
                {"backend": v.backend, "before": v.before, "after": v.after, "total": v.total} for v in plan.loads
            ],
            "notes": list(plan.notes),
        }
    )
    return lines
