"""A proposal for the whole fleet, for people and machines: moves, sums before and after, what is left and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

from fleethub.model.capacity import AdmissionVerdict, Fit
from fleethub.model.placing import Move, Placing, Standing, Unmoved
from fleethub.model.text import gib, plural
from fleethub.views.style import Style

#: What each part of a standing counts.
COUNTS = {
    "leaving": "models on backends that they are to leave",
    "dropped": "models taken off a backend without another in its place",
    "broken": "backends whose primaries do not all stay",
    "pushed": "fallbacks that do not stay beside the primaries",
    "one_backend": "chains that lie on one backend",
    "one_machine": "chains that lie on one machine",
}
#: Lines of one sort; the others are counted.
MOST = 40


def placing_text(found: Placing, style: Style, full: bool = False) -> str:
    """Moves with their reasons, what is wrong before and after, the sums of the backends, what is left."""
    lines = [style("bold", _headline(found))]
    lines += [f"  {line}" for line in _standing(found.before, found.after)]
    if found.moves:
        lines += ["", style("bold", "Moves"), *_some(_moves(found.moves, style), full)]
    if found.sums:
        lines += ["", style("bold", "Sums, with the reserve"), *_some(_sums(found, style), full)]
    if found.left:
        lines += ["", style("bold", "Left as it is"), *_some((_left(one, style) for one in found.left), full)]
    if found.unobserved:
        title = "Not observed: judged by the spec, and by what was seen before"
        silent = (f"  {style('warning', name)}: {why}" for name, why in sorted(found.unobserved.items()))
        lines += ["", style("bold", title), *_some(silent, full)]
    if found.solver and not found.proved:
        lines += ["", style("dim", f"({found.solver})")]
    return "\n".join(lines)


def diff_text(diff: Iterable[str], style: Style) -> str:
    """The diff of the spec, a line each; empty where there is none."""
    painted = [f"  {_painted(line, style)}" for line in diff]
    return "\n".join(("", style("bold", "The spec"), *painted)) if painted else ""


def placing_data(found: Placing, diff: Iterable[str] = ()) -> list[dict[str, Any]]:
    """A line for each move, backend, thing left and backend that was not read, then the diff; sizes in bytes."""
    lines = [{"type": "move", **asdict(move)} for move in found.moves]
    lines += [
        {"type": "backend", "backend": one.backend, "before": _sum_data(one.before), "after": _sum_data(one.after)}
        for one in found.sums
    ]
    lines += [{"type": "left", **asdict(one)} for one in found.left]
    lines += [{"type": "unobserved", "backend": name, "why": why} for name, why in sorted(found.unobserved.items())]
    shown = list(diff)
    return [*lines, {"type": "diff", "lines": shown}] if shown else lines


def summary_data(found: Placing) -> dict[str, Any]:
    """What stands at the end."""
    return {
        "moves": len(found.moves),
        "before": found.before._asdict(),
        "after": found.after._asdict(),
        "least": found.least,
        "proved": found.proved,
        "solver": found.solver or None,
        "unobserved": sorted(found.unobserved),
    }


def _headline(found: Placing) -> str:
    count = len(found.moves)
    if not count:
        if not any(found.after):
            unknown = found.unobserved or any(not one.model and not one.lacks for one in found.left)
            return "Nothing is to be moved" + (", of what is known." if unknown else ".")
        return "No move helps" + (": that is proved." if found.proved else ", of those that were tried.")
    if found.proved:
        return f"{plural(count, 'move')}: no placement is better, or as good with fewer (proved)"
    if found.least is None:
        return f"{plural(count, 'move')}; whether there is a better placement is not proved"
    gap = "as few as can be" if found.least == count else f"at least {found.least} are needed for as good a placement"
    return f"{plural(count, 'move')}; {gap}, and whether there is a better one is not proved"


def _standing(before: Standing, after: Standing) -> Iterator[str]:
    for name, says in COUNTS.items():
        was, now = getattr(before, name), getattr(after, name)
        if was or now:
            yield f"{says}: {was}" + (f" -> {now}" if was != now else "")


def _moves(moves: Iterable[Move], style: Style) -> Iterator[str]:
    for move in moves:
        size = f", {gib(move.bytes)}" if move.bytes is not None else ""
        where = f"{move.source} -> {move.target}" if move.target else f"off {move.source}, no other takes it"
        owner = f", {move.owner}'s" if move.owner else ""
        yield f"  {style('bold', move.model)}  {where}  ({move.role}{size}{owner})"
        yield f"      {move.why}"
        if move.absent:
            how = "an apply pulls it there" if move.pulls else "install it there before the apply, or write pull = true"
            yield f"      it is not on the disk of {move.target}: {how}"


def _sums(found: Placing, style: Style) -> Iterator[str]:
    width = max(len(one.backend) for one in found.sums)
    for one in found.sums:
        yield f"  {one.backend:<{width}}  {_sum(one.before, style)} -> {_sum(one.after, style)}"


def _sum(verdict: AdmissionVerdict, style: Style) -> str:
    there = gib(verdict.total) if verdict.total is not None else "unknown GPUs"
    if not verdict.placed:
        return f"nothing planned of {there}"
    need = gib(verdict.need + verdict.reserve) if verdict.need is not None else "an unknown sum"
    fits = style("good" if verdict.fit is Fit.FITS else "warning", verdict.fit.value)
    return f"{need} of {there}, {fits}"


def _left(one: Unmoved, style: Style) -> str:
    subject = f"{one.model} on {one.backend}" if one.model else one.backend
    return f"  {style('error' if one.lacks else 'warning', subject)}: {one.says}"


def _sum_data(verdict: AdmissionVerdict) -> dict[str, Any]:
    return {
        "fit": verdict.fit.value,
        "need": verdict.need,
        "reserve": verdict.reserve,
        "total": verdict.total,
        "models": [p.model for p in verdict.placed],
        "fallbacks": {name: fit.value for name, fit in verdict.fallbacks},
        "reason": verdict.reason or None,
    }


def _some(lines: Iterable[str], full: bool) -> list[str]:
    found = list(lines)
    if full or len(found) <= MOST:
        return found
    return [*found[:MOST], f"  … and {len(found) - MOST} more lines (--full shows all)"]


def _painted(line: str, style: Style) -> str:
    if line.startswith("+") and not line.startswith("+++"):
        return style("create", line)
    return style("delete", line) if line.startswith("-") and not line.startswith("---") else line
