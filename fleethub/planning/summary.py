"""The first sentence of a plan: what moves, VRAM before and after, what is deleted."""

from __future__ import annotations

from collections.abc import Iterable

from fleethub.model.plan import Action, Change, Plan
from fleethub.model.text import gib, plural


def sentence(plan: Plan) -> str:
    """One or two sentences for somebody who reads nothing else."""
    doable = plan.doable
    blocked = [c for c in plan.changes if c.action is Action.BLOCKED]
    if not plan.changes:
        return "Nothing to do: the fleet is as the spec says."
    parts = [*_moves(doable), *_counts(doable)]
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


def _moves(changes: Iterable[Change]) -> list[str]:
    """Nodes by what becomes of their model: "moves 3 nodes from a to b"."""
    moves: dict[tuple[str, str], list[str]] = {}
    for change in changes:
        if change.address.kind != "node" or change.action is not Action.UPDATE:
            continue
        for leaf in change.fields:
            if leaf.path == ("chain",) and isinstance(leaf.before, list) and isinstance(leaf.after, list):
                if not leaf.before or not leaf.after:
                    continue
                before, after = leaf.before[0], leaf.after[0]
                if before != after:
                    moves.setdefault((before, after), []).append(change.address.name)
    return [f"moves {_names(names)} from {before} to {after}" for (before, after), names in moves.items()]


def _counts(changes: Iterable[Change]) -> list[str]:
    counted: dict[tuple[str, str], int] = {}
    for change in changes:
        key = (change.action.value, change.address.kind)
        counted[key] = counted.get(key, 0) + 1
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


def _names(names: list[str]) -> str:
    return ", ".join(names) if len(names) <= 3 else f"{len(names)} nodes"
