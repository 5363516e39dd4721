"""What agents proposed and waits for a person, for people and machines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from fleethub.model.text import named, tame
from fleethub.views.style import Style

if TYPE_CHECKING:
    from fleethub.model.edit import WaitingProposal


def waiting_text(waiting: Sequence[WaitingProposal], style: Style) -> str:
    """A paragraph for each; what an agent wrote is quoted."""
    if not waiting:
        return "No proposal waits."
    return "\n".join(line for one in waiting for line in _lines(one, style))


def waiting_data(one: WaitingProposal) -> dict[str, Any]:
    """All of it."""
    return {"type": "proposal", **asdict(one)}


def by_force(one: WaitingProposal) -> str:
    """Whose entry a proposal takes over, and for whom."""
    return f"the entry is {named(one.displaced)}'s, and {named(one.project)} overrides that"


def _lines(one: WaitingProposal, style: Style) -> list[str]:
    if not one.action:
        return [f"{style('bold', one.id)}  {one.says}", f"    fleethub approve {one.id} --no takes it away"]
    whose = f" for {named(one.project)}" if one.project else ""
    return [
        f"{style('bold', one.id)}  {one.agent}{whose} proposed at {one.at}: {tame(one.says)}",
        *([f"    {style('warning', 'by force')}: {by_force(one)}"] if one.displaced else []),
        f"    plan {one.plan or 'none'}: {tame(one.sentence)}",
        *(f"    {tame(line)}" for line in one.changes),
    ]
