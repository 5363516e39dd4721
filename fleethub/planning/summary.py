"""The first sentence of a plan: what moves, VRAM before and after, what is deleted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fleethub.kinds import KINDS
from fleethub.model.plan import Action, Change, Plan
from fleethub.model.text import gib, plural


def sentence(plan: Plan) -> str:
    """One or two sentences for somebody who reads nothing else."""
    doable = plan.doable
    blocked = [c for c in plan.changes if c.action is Action.BLOCKED]
    if not plan.changes and plan.left_out:
        return f"Nothing to do for what was asked; {plural(len(plan.left_out), 'change')} left out."
    if not plan.changes:
        return "Nothing to do: the fleet is as the spec says."
    parts = [*_headlines(doable), *_counts(doable)]
    text = "; ".join(parts) if parts else "Nothing can be done now"
    text = text[0].upper() + text[1:]
    vram = _vram(plan)
    if vram and parts:
        text += f"; VRAM {vram}"
    if not any(c.action is Action.DELETE for c in doable):
        text += "; nothing is deleted"
    if blocked:
        text += f"; {len(blocked)} blocked"
    return text + "."


def _headlines(changes: Sequence[Change]) -> list[str]:
    """What each kind says of its changes beside their number."""
    return [
        said
        for name, kind in KINDS.items()
        for said in kind.headline([change for change in changes if change.address.kind == name])
    ]


def _counts(changes: Iterable[Change]) -> list[str]:
    counted: dict[tuple[str, str], int] = {}
    for change in changes:
        same = (change.action.value, change.address.kind)
        counted[same] = counted.get(same, 0) + 1
    return [f"{action}s {plural(n, kind)}" for (action, kind), n in sorted(counted.items())]


def _vram(plan: Plan) -> str:
    shown = []
    for load in plan.loads:
        if load.before == load.after and load.after is not None:
            continue
        before = gib(load.before) if load.before is not None else "unknown"
        after = gib(load.after) if load.after is not None else "unknown"
        total = f" of {gib(load.total)}" if load.total is not None else ""
        shown.append(f"on {load.backend} {before} → {after}{total}")
    return ", ".join(shown)
