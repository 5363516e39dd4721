"""A plan as one comment of a pull request: a marker to find it by, the summary first, the details folded."""

from __future__ import annotations

import re
from collections.abc import Iterable

from fleethub.model.finding import Severity
from fleethub.model.plan import Action, Plan
from fleethub.model.text import markdown, plural
from fleethub.views.plan import accepted_lines, changes_lines, drift_lines, findings_lines, load_line
from fleethub.views.style import Style

#: What a comment has to hold at least, in bytes: the marker, the summary and that something was cut.
LEAST = 1000
ACTIONS = (
    (Action.CREATE, "create"),
    (Action.UPDATE, "update"),
    (Action.DELETE, "delete"),
    (Action.BLOCKED, "blocked"),
    (Action.RECORD, "record"),
)


def marker(fleet: str, command: str = "fleethub plan") -> str:
    """The comment's first line, by which the next run finds the comment that it is to replace."""
    return f"<!-- {command} {re.sub(r'[^a-z0-9-]', '', fleet)} -->"


def plan_markdown(plan: Plan, full: bool = False, most: int | None = None) -> str:
    """The plan; ``most`` bytes (UTF-8) at most, from the end of its details what is too much is left out, and said."""
    errors = [f for f in plan.findings if f.severity is Severity.ERROR]
    sign = "❌" if errors or plan.fatal else "➖" if not plan.changes else "📝"
    head = [marker(plan.fleet), f"### {sign} fleethub plan: {markdown(plan.fleet)}", "", markdown(plan.sentence), ""]
    counts = {action: sum(c.action is action for c in plan.changes) for action, _ in ACTIONS}
    if plan.changes:
        named = [(word, counts[action]) for action, word in ACTIONS if counts[action]]
        head += [f"| {' | '.join(word for word, _ in named)} |", f"|{'---|' * len(named)}"]
        head += [f"| {' | '.join(str(n) for _, n in named)} |", ""]
    head += [f"- **{f.code}** {markdown(f.message)}" for f in errors[:5]]
    head += [f"- … {plural(len(errors) - 5, 'more error')}"] if len(errors) > 5 else []
    text = "\n".join(head)
    bare = Style()
    sections: list[tuple[str, list[str]]] = []
    for title in dict.fromkeys(c.title for c in sorted(plan.changes, key=lambda c: c.title)):
        of = [c for c in plan.changes if c.title == title]
        sections.append((f"{title} ({len(of)})", changes_lines(of, bare, full)))
    sections.append((f"Changed behind our back ({len(plan.drift)})", drift_lines(plan.drift, bare, full)))
    found = [*findings_lines(plan.findings, bare, fold=not full), *accepted_lines(plan, bare)]
    sections.append((f"Findings ({len(plan.findings)})", found))
    sections.append(("VRAM", [f"  {load_line(load)}" for load in plan.loads] if plan.changes else []))
    sections.append(("Notes", [f"  {note}" for note in plan.notes]))
    return within(text, [(title, lines) for title, lines in sections if lines], most, "fleethub plan")


def within(text: str, sections: Iterable[tuple[str, list[str]]], most: int | None, command: str) -> str:
    """A comment of ``text`` and folded sections, of ``most`` bytes; ``command`` shows what was left out."""
    cut = 0
    for title, lines in sections:
        room = None if most is None else most - _size(text) - 200
        kept = lines if room is None else _fitting(lines, room - _size(title))
        cut += len(lines) - len(kept)
        if kept:
            text += "\n\n" + _folded(title, kept)
    text = text if most is None else text.encode()[: most - 200].decode(errors="ignore")
    if cut:
        text += f"\n\n{plural(cut, 'line')} left out: this comment may have {most:,} bytes. `{command}` has all."
    return text


def _fitting(lines: list[str], room: int) -> list[str]:
    kept = []
    for line in lines:
        room -= _size(line) + 1
        if room < 100:
            break
        kept.append(line)
    return kept


def _folded(title: str, lines: list[str]) -> str:
    """Lines as they are on a terminal, in a fence that nothing in them ends."""
    longest = max((len(run) for line in lines for run in re.findall(r"`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    body = "\n".join(line.replace("\r", " ") for line in lines)
    return f"<details><summary>{markdown(title)}</summary>\n\n{fence}text\n{body}\n{fence}\n\n</details>"


def _size(text: str) -> int:
    return len(text.encode())
