"""What an import would take for people and machines: the spec's new lines, the keys, what stays outside and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fleethub.model.text import plural
from fleethub.views.data import finding_data
from fleethub.views.edit import diff_text
from fleethub.views.plan import findings_lines
from fleethub.views.style import Style

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fleethub.model.address import Address
    from fleethub.model.edit import Proposal
    from fleethub.model.finding import Finding

SHOWN = 12  # addresses that are named; ``--json`` has all


def import_text(
    edit: Proposal,
    taken: Sequence[Address],
    left: Sequence[tuple[str, str]],
    findings: Sequence[Finding],
    style: Style,
    outside: str = "Not taken",
) -> str:
    """Everything about a proposal as lines; ``outside``: the heading of what is left."""
    lines = [style("bold", f"{edit.says[:1].upper()}{edit.says[1:]}")]
    if edit.diff:
        lines += ["", *diff_text(edit, style)]
    if taken:
        lines += ["", style("bold", "The lockfile takes, as they are")]
        lines += [f"  = {address}" for address in taken[:SHOWN]]
        lines += [f"  … and {len(taken) - SHOWN} more"] if len(taken) > SHOWN else []
    if left:
        lines += ["", style("bold", outside)]
        lines += [f"  {style('warning', address)}: {why}" for address, why in left]
    if findings:
        lines += ["", style("bold", "Findings of the plan that follows"), *findings_lines(findings, style)]
    if not edit.diff and not taken:
        lines.append("  Nothing to write.")
    return "\n".join(lines)


def import_data(
    edit: Proposal, taken: Sequence[Address], left: Sequence[tuple[str, str]], findings: Sequence[Finding]
) -> list[dict[str, Any]]:
    """The import, then a line for each thing that is not taken, then the findings."""
    first = {
        "type": "import",
        "says": edit.says,
        "files": list(edit.files),
        "diff": list(edit.diff),
        "taken": [str(address) for address in taken],
        "before": edit.before,
        "after": edit.after,
    }
    lines = [{"type": "left", "address": address, "why": why} for address, why in left]
    return [first, *lines, *(finding_data(finding) for finding in findings)]


def imported_text(files: Sequence[str], taken: int, serial: int | None, changes: int) -> str:
    """What was written, and what comes next."""
    done = [f"wrote {', '.join(files)}"] if files else []
    done += [f"{plural(taken, 'thing')} in fleet.lock (serial {serial})"] if serial is not None else []
    says = "; ".join(done) or "nothing was written"
    left = f"a plan has {plural(changes, 'change')} of other things" if changes else "a plan is empty now"
    return f"{says[:1].upper()}{says[1:]}. Nothing was sent to anybody; {left}.\nNext: fleethub plan"
