"""A registration with TangleClaw, and a change of Claude's settings, as text and as JSON values."""

from __future__ import annotations

from typing import Any

from fleethub.integrations.tangleclaw.result import StepOutcome, TangleClawReport
from fleethub.views.style import Style


def report_text(report: TangleClawReport, style: Style) -> str:
    """A line for each step, what to do about it, then the notes."""
    wide = max(len(step.name) for step in report.steps)
    lines = [style("bold", f"TangleClaw at {report.base}")]
    for step in report.steps:
        colour = "good" if step.outcome.fine else "dim" if step.outcome is StepOutcome.SKIPPED else "error"
        word = f"refused({step.code})" if step.outcome is StepOutcome.REFUSED and step.code else step.outcome.value
        lines.append(f"  {step.name:{wide}}  {style(colour, word)}{f'  {step.detail}' if step.detail else ''}")
        if step.hint:
            lines.append(f"  {'':{wide}}  {style('dim', f'→ {step.hint}')}")
    lines += [f"  note: {note}" for note in report.notes]
    return "\n".join(lines)


def report_data(report: TangleClawReport) -> list[dict[str, Any]]:
    """The steps as JSON values."""
    return [
        {
            "type": "step",
            "step": step.name,
            "outcome": step.outcome.value,
            "code": step.code or None,
            "detail": step.detail or None,
            "hint": step.hint or None,
        }
        for step in report.steps
    ]


def summary_data(report: TangleClawReport, code: int) -> dict[str, Any]:
    """The last line of ``--json``."""
    return {"type": "summary", "exit": code, "base": report.base, "notes": list(report.notes)}
