"""VRAM for machines: reports, answers and rankings as JSON values."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fleethub.model.capacity import (
    AdmissionVerdict,
    Answer,
    CapacityReport,
    Held,
    Placed,
    Rank,
)
from fleethub.views.data import finding_data


def report_data(report: CapacityReport) -> dict[str, Any]:
    """One backend as a JSON value; sizes in bytes."""
    return {
        "type": "backend",
        "backend": report.backend,
        "unobserved": report.unobserved or None,
        "verdict": verdict_data(report.verdict),
        "gpus": [asdict(bar) | {"headroom": bar.headroom} for bar in report.bars],
        "residents": [held_data(h) for h in report.held],
        "findings": [finding_data(f) for f in report.findings],
    }


def verdict_data(verdict: AdmissionVerdict) -> dict[str, Any]:
    """A verdict with its placements and checks; sizes in bytes, a count where the rule counts."""
    return {
        "fit": verdict.fit.value,
        "need": verdict.need,
        "total": verdict.total,
        "total_from": verdict.total_from,
        "reserve": verdict.reserve,
        "era": verdict.scheduler,
        "reason": verdict.reason or None,
        "models": [placed_data(p) for p in verdict.placed],
        "checks": [asdict(check) for check in verdict.checks],
        "fallbacks": dict(verdict.fallbacks),
        "notes": list(verdict.notes),
    }


def placed_data(placed: Placed) -> dict[str, Any]:
    """A model as it would be loaded, with its rows."""
    return {
        "model": placed.model,
        "tag": placed.tag,
        "primary": placed.primary,
        "context": placed.context,
        "context_from": placed.context_from,
        "parallel": placed.parallel,
        "kv_type": placed.kv_type,
        "preflight": placed.preflight,
        "bytes": placed.estimate.total,
        "low": placed.estimate.low if placed.estimate.rows else None,
        "high": placed.estimate.high if placed.estimate.rows else None,
        "per_gpu": list(placed.parts) or None,
        "needs": placed.needs.total if placed.needs is not None else None,
        "requests_at_once": None if placed.at_once is None else round(placed.at_once, 2),
        "reason": placed.estimate.reason or None,
        "runner": placed.runner or None,
        "remote": placed.remote or None,
        "why": placed.why or None,
        "rows": [asdict(row) for row in placed.estimate.rows],
    }


def held_data(held: Held) -> dict[str, Any]:
    """A resident."""
    return asdict(held) | {"spilled": max(0, held.size - held.size_vram)}


def answer_data(answer: Answer) -> dict[str, Any]:
    """An answer as a JSON value; sizes in bytes, contexts in tokens."""
    return {
        "type": "answer",
        "backend": answer.backend,
        "unobserved": answer.unobserved or None,
        "model": placed_data(answer.placed),
        "verdict": verdict_data(answer.verdict),
        "without": answer.before.fit.value,
        "residents": [held_data(h) for h in answer.held],
        "unplanned": [h.tag for h in answer.unplanned],
        "with_unplanned": verdict_data(answer.beside) if answer.beside is not None else None,
        "largest_context": answer.largest,
        "largest_rounded": answer.rounded,
        "largest_reason": answer.largest_reason or None,
        "context_limit": answer.limit,
        "changes": [
            {"set": dict(r.values), "says": r.says, "cost": r.cost or None, "fit": r.verdict.fit.value}
            for r in answer.suggestions
        ],
        "notes": list(answer.notes),
    }


def rank_data(rank: Rank) -> dict[str, Any]:
    """One place of a ranking."""
    return {
        "type": "place",
        "backend": rank.answer.backend,
        "unobserved": rank.answer.unobserved or None,
        "model": placed_data(rank.answer.placed),
        "fit": rank.answer.verdict.fit.value,
        "headroom": rank.headroom,
        "reason": rank.reason or None,
    }
