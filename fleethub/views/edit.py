"""A proposed edit for people and machines: what it does to the spec, what refuses it, the plan that would follow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fleethub.model.address import Address
from fleethub.model.edit import Located, Proposal, WrittenEdit
from fleethub.model.finding import CHECK
from fleethub.views.data import finding_data, plan_data
from fleethub.views.plan import findings_lines, plan_text
from fleethub.views.style import Style

MOST = 6  # addresses that are named in a line


def proposal_text(proposal: Proposal, style: Style, full: bool = False) -> str:
    """Everything about a proposal as lines."""
    lines = [style("bold", f"{proposal.says[:1].upper()}{proposal.says[1:]}")]
    if proposal.nothing:
        return "\n".join((*lines, "  The spec says so already: nothing to write."))
    lines += [f"  {note}" for note in proposal.notes]
    if proposal.displaced:
        by = f"the entry is {proposal.displaced}'s; {proposal.project} overrides that, which is recorded"
        lines.append(f"  {style('warning', 'by force')}: {by}")
    if proposal.diff:
        lines += ["", *diff_text(proposal, style)]
    if proposal.findings:
        lines += ["", *findings_lines(proposal.findings, style)]
    if proposal.owned and proposal.entry is not None:
        shown = {k: v for k, v in proposal.entry.items() if v not in ("", [], {}, None, False)}
        lines += [f"      {name}: {_value(value)}" for name, value in shown.items()]
    if proposal.plan is not None:
        lines += ["", style("bold", "The plan that would follow"), plan_text(proposal.plan, style, full)]
    return "\n".join(lines)


def diff_text(proposal: Proposal, style: Style) -> list[str]:
    """The diff of the spec's files, a line each."""
    return [f"  {_painted(line, style)}" for line in proposal.diff]


def refusal_text(proposal: Proposal) -> str:
    """Why a refused proposal is not written, in a sentence."""
    if proposal.owned:
        return "Refused: the entry belongs to somebody else. Nothing was written."
    if proposal.findings and all(finding.code.startswith(CHECK) for finding in proposal.findings):
        return "Refused: the fleet's own checks do not allow it. Nothing was written."
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
        "pending": list(map(str, proposal.pending)),
        "conflicts": [finding_data(f) for f in proposal.conflicts],
        "before": proposal.before,
        "after": proposal.after,
    }
    lines = [edit, *(finding_data(f) for f in proposal.findings)]
    return lines + (plan_data(proposal.plan, full) if proposal.plan is not None else [])


def located_text(found: Sequence[Located], style: Style) -> str:
    """What lies at the target already, a line for each file, and what becomes of it."""
    if not found:
        return "Its target was not looked at."
    lines = [style("bold", "At its target")]
    lines += [f"  {one.role:8}  {_state(one, style)}: {one.says}" for one in found]
    if any(one.state in ("found", "other") for one in found):
        lines.append(
            "  None of these is changed. A plan leaves files without FleetHub's mark alone: for as long as they are\n"
            "  there, it blocks the node (node.target-taken)."
        )
    return "\n".join(lines)


def located_data(one: Located) -> dict[str, Any]:
    """A file of a node that is taken in."""
    return {"type": "located", "role": one.role, "path": one.path, "state": one.state, "says": one.says}


def _state(one: Located, style: Style) -> str:
    if one.state == "found":
        return f"{style('good', one.path)}"
    return f"{one.path} {style('warning' if one.state != 'absent' else 'dim', one.state)}"


def written_data(written: WrittenEdit | None) -> dict[str, Any]:
    """The part of a summary that says what was written; None: nothing."""
    found = written or WrittenEdit((), "")
    return {
        "written": bool(found.files),
        "files": list(found.files),
        "removed": list(found.removed),
        "commit": found.commit,
        "notes": list(found.notes),
    }


def written_text(written: WrittenEdit, apply: str, pending: Sequence[Address] = ()) -> str:
    """What was written, and what comes next.

    ``apply``: the command that carries it out; ``pending``: what that would change without this edit too.
    """
    kept = [name for name in written.files if name not in written.removed]
    done = [f"wrote {', '.join(kept)}"] if kept else []
    done += [f"removed {', '.join(written.removed)}"] if written.removed else []
    done += [f"committed as {written.commit}"] if written.commit else []
    says = "; ".join(done)
    lines = [f"{says[:1].upper()}{says[1:]}.", *(f"note: {note}" for note in written.notes)]
    if pending:
        some = f"{', '.join(map(str, pending[:MOST]))}{f' and {len(pending) - MOST} more' if pending[MOST:] else ''}"
        lines.append(f"Mind that an apply carries out everybody's pending edits, these too: {some}")
    return "\n".join((*lines, f"Next: {apply}"))


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
