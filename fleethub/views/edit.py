"""A proposed edit for people and machines: what it does to the spec, what refuses it, the plan that would follow."""

from __future__ import annotations

from typing import Any

from fleethub.model.edit import Proposal, Written
from fleethub.views.data import finding_data, plan_data
from fleethub.views.plan import findings_lines, plan_text
from fleethub.views.style import Style


def proposal_text(proposal: Proposal, style: Style, full: bool = False) -> str:
    """Everything about a proposal as lines."""
    lines = [style("bold", f"{proposal.says[:1].upper()}{proposal.says[1:]}")]
    if proposal.nothing:
        return "\n".join((*lines, "  The spec says so already: nothing to write."))
    lines += [f"  {note}" for note in proposal.notes]
    if proposal.displaced:
        lines.append(f"  {style('warning', 'taken over')} from {proposal.displaced} by {proposal.project}, by force")
    if proposal.diff:
        lines += ["", *(f"  {_painted(line, style)}" for line in proposal.diff)]
    if proposal.findings:
        lines += ["", *findings_lines(proposal.findings, style)]
    if proposal.owned and proposal.entry is not None:
        shown = {k: v for k, v in proposal.entry.items() if v not in ("", [], {}, None, False)}
        lines += [f"      {name}: {_value(value)}" for name, value in shown.items()]
    if proposal.plan is not None:
        lines += ["", style("bold", "The plan that would follow"), plan_text(proposal.plan, style, full)]
    return "\n".join(lines)


def refusal_text(proposal: Proposal) -> str:
    """Why a refused proposal is not written, in a sentence."""
    if proposal.owned:
        return "Refused: the entry belongs to somebody else. Nothing was written."
    if proposal.findings:
        return "Refused: the spec would not hold together. Nothing was written."
    if proposal.conflicts:
        where = ", ".join(dict.fromkeys(f.address.name for f in proposal.conflicts if f.address))
        return (
            f"Refused: {where} would not hold what is planned for it (see the findings). Nothing was written.\n"
            f'overcommit = "{proposal.overcommit}" in [policy] decides this; --force is about owners alone.'
        )
    return "Refused: no plan can be made, so what this would do is not known. Nothing was written."


def proposal_data(proposal: Proposal, full: bool = False) -> list[dict[str, Any]]:
    """The edit, the findings that refuse it, then the plan's lines. Conflicts are named in the edit by their codes."""
    edit = {
        "type": "edit",
        "action": proposal.action,
        "says": proposal.says,
        "address": str(proposal.address),
        "project": proposal.project,
        "force": proposal.force,
        "displaced": proposal.displaced,
        "entry": proposal.entry,
        "files": list(proposal.files),
        "diff": list(proposal.diff),
        "notes": list(proposal.notes),
        "conflicts": [finding_data(f) for f in proposal.conflicts],
        "before": proposal.before,
        "after": proposal.after,
    }
    lines = [edit, *(finding_data(f) for f in proposal.findings)]
    return lines + (plan_data(proposal.plan, full) if proposal.plan is not None else [])


def written_text(written: Written) -> str:
    """What was written, and what comes next."""
    commit = f", committed as {written.commit}" if written.commit else ""
    lines = [f"Wrote {', '.join(written.files)}{commit}.", *(f"note: {note}" for note in written.notes)]
    return "\n".join((*lines, "Next: fleethub apply"))


def _painted(line: str, style: Style) -> str:
    if line.startswith("+") and not line.startswith("+++"):
        return style("create", line)
    if line.startswith("-") and not line.startswith("---"):
        return style("delete", line)
    return line


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{k} = {v}" for k, v in value.items())
    return ", ".join(value) if isinstance(value, list) else str(value)
