"""A saved plan for people and for machines: the plan, as it was shown when it was made, and who made it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fleethub.model.plan import MISSING
from fleethub.planfile.compare import Moved
from fleethub.planfile.document import SavedPlan
from fleethub.views.data import plan_data
from fleethub.views.plan import plan_text
from fleethub.views.style import Style


def saved_text(saved: SavedPlan, style: Style, full: bool = False) -> str:
    """The text of the plan, then where it comes from."""
    made = saved.made
    commit = f" from commit {made.commit}" if made.commit else ""
    lines = [f"(made by {made.by} at {made.at}{commit}, with FleetHub {made.version})"]
    asked = [
        *([f"--as {saved.asked.owner}"] if saved.asked.owner else []),
        *(f"--target {text}" for text in saved.asked.targets),
        *(f"--exclude {text}" for text in saved.asked.excludes),
        *(f"--forget {text}" for text in saved.asked.forget),
        *(f"--allow {code}" for code in saved.asked.allow),
        *(["--prune"] if saved.asked.prune else []),
        *(["--destroy"] if saved.asked.destroy else []),
    ]
    lines += [f"(asked with {' '.join(asked)})"] if asked else []
    return "\n".join((plan_text(saved.plan, style, full), *(style("dim", line) for line in lines)))


def saved_data(saved: SavedPlan, full: bool = False) -> list[dict[str, Any]]:
    """The lines of ``plan --json``; the last one with who made it, and the steps by what they do."""
    *lines, plan = plan_data(saved.plan, full)
    steps = [{"id": s.id, "phase": s.phase, "after": list(s.after)} for s in saved.steps]
    return [*lines, plan | {"steps": steps, "made": asdict(saved.made), "asked": asdict(saved.asked)}]


def moved_data(moved: Moved) -> dict[str, Any]:
    """One thing that is no longer as a plan was made from; an absent side is missing."""
    out: dict[str, Any] = {"type": "moved", "address": str(moved.address) if moved.address else None}
    out["field"] = moved.field
    sides = {"before": moved.before, "after": moved.after}
    return out | {name: value for name, value in sides.items() if value is not MISSING}
