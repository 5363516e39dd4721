"""A fleet's history for people and for machines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from fleethub.model.history import HistoryEntry
from fleethub.model.observation import Lockfile
from fleethub.model.text import moment, plural
from fleethub.views.style import Style

FEW = 6  # things that an entry of the list names


def log_text(found: Sequence[HistoryEntry], style: Style, about: str = "") -> str:
    """Entries, the latest first; ``about``: the address that they are of."""
    if not found:
        return f"Nothing that is kept is about {about}." if about else "Nothing was done yet."
    return "\n\n".join(_short(one, style) for one in reversed(found))


def entry_text(made: HistoryEntry, lockfile: Lockfile | None, files: Sequence[str], style: Style) -> str:
    """All of one entry. ``files``: of the spec of then, none where it is not kept."""
    lines = [entry_head(made, style), f"  {made.says}"]
    facts = (
        ("plan", made.plan),
        ("planned by", made.planned_by),
        ("approved", made.approved),
        ("as", made.owner),
        ("FleetHub", made.version),
        ("exit", "" if made.exit is None else str(made.exit)),
    )
    lines += [f"  {name}: {value}" for name, value in facts if value]
    if made.part:
        lines.append("  of a part of the fleet")
    kept = f"kept ({', '.join(files)})" if files else "not kept here"
    lines.append(f"  spec: {made.spec.removeprefix('sha256:')[:12] or 'unknown'}, {kept}")
    records = plural(len(lockfile.resources), "resource") if lockfile else ""
    lines.append(f"  lockfile: {f'kept ({records})' if records else 'not kept'}")
    for title, rows in (
        ("Done", list(made.changes.items())),
        ("Failed", list(made.failed)),
        ("Left", list(made.left)),
    ):
        if rows:
            lines += ["", style("bold", title), *(f"  {where}: {what}" for where, what in rows)]
    return "\n".join(lines)


def entry_data(made: HistoryEntry) -> dict[str, Any]:
    """One entry as a line."""
    return {"type": "log", **asdict(made)}


def _short(made: HistoryEntry, style: Style) -> str:
    lines = [entry_head(made, style), f"  {made.says}"] if made.says else [entry_head(made, style)]
    if len(made.changes) > FEW:
        counted = Counter(f"{what} {where.partition('.')[0]}" for where, what in made.changes.items())
        lines.append(f"  {', '.join(f'{n} × {what}' for what, n in sorted(counted.items()))}")
    elif made.changes:
        lines.append(f"  {', '.join(f'{where} {what}' for where, what in made.changes.items())}")
    for style_, word, rows in (("error", "failed", made.failed), ("blocked", "left", made.left)):
        lines += [f"  {style(style_, word)} {where}: {what}" for where, what in rows[:FEW]]
        lines += [f"  {style(style_, word)} and {len(rows) - FEW} more"] if len(rows) > FEW else []
    return "\n".join(lines)


def entry_head(made: HistoryEntry, style: Style) -> str:
    """``apply 12  2026-11-28T10:00:00+00:00  ops@desk  plan 1f8d…  commit 1a2b``."""
    name = f"{made.action} {made.serial}" if made.serial is not None else made.action
    parts = [moment(made.at), made.by, f"as {made.owner}" if made.owner else ""]
    parts += [f"plan {made.plan}" if made.plan else "", f"commit {made.commit}" if made.commit else ""]
    return "  ".join((style("bold", name), *filter(None, parts)))


def spec_lines(files: Iterable[tuple[str, bytes]]) -> list[str]:
    """The files of a spec, one after the other."""
    lines: list[str] = []
    for name, data in files:
        lines += ["", f"# {name}", *data.decode(errors="replace").splitlines()]
    return lines
