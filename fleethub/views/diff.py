"""What was changed from one apply to another: for people, for machines, and as a comment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from fleethub.lockfile.between import Planned, StateDiff
from fleethub.model.history import HistoryEntry
from fleethub.model.plan import Action, Change
from fleethub.model.text import gib, markdown, named, plural
from fleethub.views.data import change_data
from fleethub.views.log import entry_data, entry_head
from fleethub.views.plan import changes_lines
from fleethub.views.plan_markdown import marker, within
from fleethub.views.state import head, head_data
from fleethub.views.style import Style

WORDS = ((Action.CREATE, "added"), (Action.UPDATE, "changed"), (Action.DELETE, "removed"))


def diff_text(made: StateDiff, style: Style, full: bool = False) -> str:
    """Both sides, what differs by kind, the planned sets, who did it; ``full``: the spec's diff too."""
    lines = [f"From {_side(made.before)}", f"to   {_side(made.after)}", "", style("bold", sentence(made))]
    for title, rows in _sections(made, style, full):
        lines += ["", style("bold", title), *rows]
    return "\n".join([*lines, *(style("dim", f"({note})") for note in made.notes)])


def diff_markdown(made: StateDiff, full: bool = False, most: int | None = None) -> str:
    """The same as a comment, details folded; ``most``: bytes."""
    sign = "➖" if made.same else "📝"
    fleet, first, last = markdown(made.after.fleet), made.before.serial, made.after.serial
    title = f"### {sign} fleethub diff: {fleet}, {first} → {last}"
    text = f"{marker(made.after.fleet, 'fleethub diff')}\n{title}\n\n{markdown(sentence(made))}"
    notes = [("Notes", [f"  {note}" for note in made.notes])] if made.notes else []
    return within(text, [*_sections(made, Style(), full), *notes], most, "fleethub diff")


def diff_data(made: StateDiff, full: bool = False) -> Iterator[dict[str, Any]]:
    """A line for each change with who did it last, for each planned set, for each thing done; then the sides."""
    for change in made.changes:
        by = made.by.get(change.address)
        who = {"serial": by.serial, "by": by.by, "at": by.at, "action": by.action} if by else None
        line = change_data(change)
        yield {name: line[name] for name in ("type", "address", "action", "owner", "fields")} | {"changed_by": who}
    for one in made.planned:
        sets = {
            name: [{"model": p.model, "context": p.context} for p in getattr(one, name)] for name in ("came", "went")
        }
        yield {"type": "vram", "backend": one.backend, "before": one.before, "after": one.after, **sets}
    yield from map(entry_data, made.done)
    yield {
        "type": "diff",
        "fleet": made.after.fleet,
        "before": head_data(made.before),
        "after": head_data(made.after),
        "sentence": sentence(made),
        "spec_lines": len(made.spec),
        **({"spec": list(made.spec)} if full else {}),
        "notes": list(made.notes),
    }


def sentence(made: StateDiff) -> str:
    """``2 resources changed; 4 lines of the spec changed.`` Of the state: what it has no more may live on."""
    counted = [(sum(one.action is action for one in made.changes), word) for action, word in WORDS]
    parts = [f"{plural(n, 'resource')} {word}" for n, word in counted if n]
    parts += [f"VRAM planned otherwise on {plural(len(made.planned), 'backend')}"] if made.planned else []
    parts += [f"{plural(_changed(made.spec), 'line')} of the spec changed"] if made.spec else []
    return "; ".join(parts) + "." if parts else "Nothing differs."


def _changed(spec: Sequence[str]) -> int:
    return sum(line[:1] in ("+", "-") and line[:4] not in ("+++ ", "--- ") for line in spec)


def _side(lockfile: Any) -> str:
    return head(lockfile) if lockfile.serial else "before the first apply"


def _sections(made: StateDiff, style: Style, full: bool) -> list[tuple[str, list[str]]]:
    found = []
    for title in sorted({change.title for change in made.changes}):
        of = [_with_who(change, made.by.get(change.address)) for change in made.changes if change.title == title]
        found.append((title, changes_lines(of, style)))
    found.append(("VRAM", [line for one in made.planned for line in _planned(one)]))
    found.append(("Done in between", [f"  {entry_head(one, style)}" for one in made.done]))
    found.append(("Spec", [f"  {line}" for line in made.spec] if full else []))
    return [(title, rows) for title, rows in found if rows]


def _with_who(change: Change, by: HistoryEntry | None) -> Change:
    what = f"{by.action} {by.serial}" + (f" by {named(by.by)}" if by.by else "") if by else ""
    return replace(change, consequence=what)


def _planned(one: Planned) -> Iterator[str]:
    before, after = (gib(side) if side is not None else "unknown" for side in (one.before, one.after))
    yield f"  {one.backend}: {before} planned → {after}"
    for sign, models in (("+", one.came), ("-", one.went)):
        yield from (
            f"      {sign} {named(p.model)}, {p.context} tokens{'' if p.primary else ', fallback'}" for p in models
        )
