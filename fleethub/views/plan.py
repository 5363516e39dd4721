"""A plan for people: the sentence, changes by node and proxy with changed fields only, drift, findings, summary."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from fleethub.model.address import Address
from fleethub.model.capacity import Fit
from fleethub.model.finding import Finding, Severity, SourceLocation
from fleethub.model.plan import MISSING, Action, Change, Drift, FieldChange, LeftAlone, Plan, PlannedVram
from fleethub.model.text import gib, heard, moment, named, plural
from fleethub.views.style import Style

SIGNS = {
    Action.CREATE: "+",
    Action.UPDATE: "~",
    Action.DELETE: "-",
    Action.RECORD: "=",
    Action.BLOCKED: "!",
}
WORDS = {Action.RECORD: "  (only the lockfile is behind)", Action.BLOCKED: "  blocked"}
WIDE = 80  # characters of a nested value; ``--full`` shows the file itself
BREAKS = re.compile(r"[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")
NAMES = 4  # how many names a folded line shows
COMMANDS = (("command",), ("remove",), ("stop",))  # fields that are a list of arguments


def plan_text(plan: Plan, style: Style, full: bool = False) -> str:
    """The whole plan as lines."""
    lines = [style("bold", plan.sentence)]
    groups: dict[str, list[Change]] = {}
    for change in plan.changes:
        groups.setdefault(change.title, []).append(change)
    for title in sorted(groups):
        lines += ["", style("bold", title), *changes_lines(groups[title], style, full)]
    if plan.drift:
        lines += ["", style("bold", "Changed behind our back"), *drift_lines(plan.drift, style, full)]
    if plan.findings or plan.accepted:
        lines += ["", style("bold", "Findings"), *findings_lines(plan.findings, style, fold=not full)]
        lines += accepted_lines(plan, style)
    if plan.loads and plan.changes:
        lines += ["", style("bold", "VRAM")]
        lines += [f"  {load_line(load)}" for load in plan.loads]
    if plan.id:
        lines += ["", f"Plan {plan.id}: {_summary(plan)}"]
    lines += left_alone_lines(plan.left_alone, style)
    lines += [style("dim", f"({note})") for note in plan.notes]
    return "\n".join(lines)


def accepted_lines(plan: Plan, style: Style) -> list[str]:
    """What the spec accepts, one line each."""
    return [
        f"  {style('dim', 'accepted')} {one.finding.code}{f' {one.finding.address}' if one.finding.address else ''}"
        f" until {one.until}: {heard(one.reason)}"
        for one in plan.accepted
    ]


def changes_lines(changes: Iterable[Change], style: Style, full: bool = False) -> list[str]:
    """Changes with their fields and what holds them back; those that differ in their address alone are one."""
    return [line for same in _folded(changes) for line in _change(same, style, full)]


def drift_lines(drifts: Sequence[Drift], style: Style, full: bool = False) -> list[str]:
    """Grouped and folded as changes are; ``full``: each by itself."""
    groups: dict[str, list[Drift]] = {}
    for drift in drifts:
        groups.setdefault(drift.title, []).append(drift)
    lines: list[str] = []
    for title in sorted(groups):
        lines += [f"  {title}"] if len(groups) > 1 else []
        for alike in [[d] for d in groups[title]] if full else _alike(groups[title]):
            lines += [("  " if len(groups) > 1 else "") + line for line in _drift(alike, style)]
    return lines


def left_alone_lines(every: Sequence[LeftAlone], style: Style) -> list[str]:
    """What ``ignore`` leaves alone; what differs in nothing but its address is one."""
    groups: dict[Any, list[LeftAlone]] = {}
    for one in every:
        fields = tuple((field.path, repr(field.before), repr(field.after)) for field in one.fields)
        groups.setdefault((one.address.kind, fields), []).append(one)
    return [style("dim", f"(left alone: {_left_alone(same)})") for same in groups.values()]


def _left_alone(same: Sequence[LeftAlone]) -> str:
    """``node.volta: openclaw.json agents.defaults.model.primary: a → b``: from what is wanted to what is there."""
    whose = str(same[0].address) if len(same) == 1 else _several([one.address for one in same])
    return f"{whose}: {'; '.join(_field(field) for field in same[0].fields)}"


def load_line(load: PlannedVram) -> str:
    """``gpu: 33.4 GiB planned of 48.0 GiB (declared): fits; fallback b evicts``."""
    after = gib(load.after) if load.after is not None else "unknown"
    total = gib(load.total) if load.total is not None else "unknown"
    verdict = load.verdict
    if verdict is None:
        return f"{load.backend}: {after} planned of {total}"
    by = f" ({verdict.total_from})" if verdict.total_from else ""
    beside = [f"fallback {alias} {fit}" for alias, fit in verdict.fallbacks if fit is not Fit.FITS]
    return "; ".join((f"{load.backend}: {after} planned of {total}{by}: {verdict.fit}", *beside))


def _summary(plan: Plan) -> str:
    counted = {a: sum(c.action is a for c in plan.changes) for a in Action}
    words = {
        Action.CREATE: "to create",
        Action.UPDATE: "to update",
        Action.DELETE: "to delete",
        Action.RECORD: "to record",
        Action.BLOCKED: "blocked",
    }
    shown = [f"{n} {words[a]}" for a, n in counted.items() if n]
    return ", ".join(shown) + "." if shown else "no changes."


def _folded(changes: Iterable[Change]) -> list[list[Change]]:
    """Changes that differ in nothing but their address become one."""
    groups: dict[Any, list[Change]] = {}
    for change in changes:
        key = (
            change.address.kind,
            change.action,
            tuple((field.path, repr(field.before), repr(field.after)) for field in change.fields),
            tuple(_common(o.reason, change) for o in change.blockers),
            change.consequence,
            change.beside,
        )
        groups.setdefault(key, []).append(change)
    return list(groups.values())


def _common(reason: str, change: Change) -> str:
    """A reason without the name of the one that it is about: ``waits for key.main.*``."""
    return _without(reason, change.address)


def _without(text: str, address: Address) -> str:
    return re.sub(rf"(?<![\w-]){re.escape(address.alias)}(?![\w-])", "*", text)


def _change(same: Sequence[Change], style: Style, full: bool) -> list[str]:
    first = same[0]
    meaning = first.action.value
    if len(same) == 1:
        owner = f"  ({named(first.owner)})" if first.owner else ""
        head = f"{first.address}{owner}"
    else:
        head = _several([c.address for c in same], full)
    consequence = f"  → {first.consequence}" if first.consequence and first.action is not Action.BLOCKED else ""
    # of what is let go of it is said what becomes of it, which may be more than a record
    words = "" if first.action is Action.RECORD and consequence else WORDS.get(first.action, "")
    lines = [f"  {style(meaning, SIGNS[first.action])} {head}{words}{style('dim', consequence)}"]
    if first.action is not Action.RECORD:
        lines += [f"      {_field(field)}" for field in first.fields]
        lines += [f"      {style('dim', 'left alone:')} {', '.join(first.beside)}"] if first.beside else []
    for blocker in first.blockers:
        what = f"{blocker.what}: " if blocker.what else ""
        reason = blocker.reason if len(same) == 1 else _common(blocker.reason, first)
        lines.append(f"      {style('blocked', '!')} {what}{reason}")
    if full:
        for change in same:
            for file in change.files:
                lines += [f"      {line}" for line in file.lines]
    return lines


def _field(field: FieldChange) -> str:
    """One line: what others named and wrote begins no other, which would pass for FleetHub's own."""
    return BREAKS.sub(lambda found: json.dumps(found[0])[1:-1], _field_text(field))


def _field_text(field: FieldChange) -> str:
    path = _path(field.path)
    if field.path == ("expires",):  # of a key that was adopted it is as LiteLLM writes it
        before, after = (moment(v) if isinstance(v, str) else v for v in (field.before, field.after))
        field = replace(field, before=before, after=after)
    if field.path in COMMANDS:
        before, after = (shlex.join(v) if isinstance(v, list) else v for v in (field.before, field.after))
        field = replace(field, before=before, after=after)
    if isinstance(field.before, list) and isinstance(field.after, list) and field.path == ("models",):
        gone = [f"-{m}" for m in field.before if m not in field.after]
        new = [f"+{m}" for m in field.after if m not in field.before]
        return f"{path}: {' '.join((*new, *gone)) or 'order'}"
    if field.before is MISSING:
        return f"{path}: {_value(field.after)}"
    if field.after is MISSING:
        return f"{path}: {_value(field.before)} → (absent)"
    return f"{path}: {_value(field.before)} → {_value(field.after)}"


def _path(path: tuple[str, ...]) -> str:
    """``models``; ``.env``; ``config.json a.b``: a file's name stands apart from what is in it."""
    parts = path[1:] if path[0] == "files" else path
    if len(parts) > 1 and "." in parts[0]:
        return f"{parts[0]} {'.'.join(parts[1:])}"
    return ".".join(parts)


def _value(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(v, str) for v in value):
        return ", ".join(value) or "(none)"
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= WIDE else f"{text[0]}… {plural(len(value), 'entry', 'entries')}{text[-1]}"


def _alike(drifts: Iterable[Drift]) -> list[list[Drift]]:
    """Drifts that differ in nothing but their address become one."""
    groups: dict[Any, list[Drift]] = {}
    for drift in drifts:
        fields = tuple((leaf.path, repr(leaf.before), repr(leaf.after)) for leaf in drift.fields)
        same = (drift.address.kind, drift.summary, fields, drift.repaired, drift.kept)
        groups.setdefault(same, []).append(drift)
    return list(groups.values())


def _drift(same: Sequence[Drift], style: Style) -> list[str]:
    drift = same[0]
    fate = "will be repaired" if drift.repaired else "stays as it is"
    whose = str(drift.address) if len(same) == 1 else _several([d.address for d in same])
    summary = BREAKS.sub(" ", drift.summary)
    lines = [f"  {style('warning', '≠')} {whose}: {summary} ({fate})"]
    lines += [f"      {_field(leaf)}" for leaf in drift.fields]
    if drift.repaired and drift.kept:
        lines.append(f"      {', '.join(drift.kept)}: what is there now is kept there, in .fleethub/overwritten/")
    return lines


def _several(addresses: Sequence[Address], full: bool = False) -> str:
    """``40 nodes: a, b, c, d …``; ``full``: all of them."""
    shown = addresses if full else addresses[:NAMES]
    names = ", ".join(a.alias for a in shown) + (" …" if len(addresses) > len(shown) else "")
    return f"{plural(len(addresses), addresses[0].kind)}: {names}"


def findings_lines(findings: Iterable[Finding], style: Style, fold: bool = False) -> list[str]:
    """Errors first; place, code, message, detail, hint. ``fold``: those that differ in their address alone are one."""
    lines = []
    nowhere = SourceLocation("", 0, 0)
    ordered = sorted(findings, key=lambda f: (f.severity is not Severity.ERROR, f.place or nowhere, f.code))
    for finding in _merged(ordered) if fold else ordered:
        where = f"{finding.place}: " if finding.place else ""
        address = f" {finding.address}" if finding.address else ""
        head = style(finding.severity.value, finding.severity.value)
        lines.append(f"  {where}{head} {finding.code}{address}: {finding.message}")
        lines += [f"      {line}" for line in finding.detail]
        if finding.hint:
            lines.append(f"      {style('dim', 'hint:')} {finding.hint}")
    return lines


def _merged(findings: Iterable[Finding]) -> list[Finding]:
    """With one in the place of more than NAMES that say the same, each of another thing of one kind."""
    groups: dict[Any, list[Finding]] = {}
    for finding in findings:
        groups.setdefault(_said(finding), []).append(finding)
    return [one for same in groups.values() for one in (same if len(same) <= NAMES else [_of_all(same)])]


def _said(finding: Finding) -> tuple[Any, ...]:
    address = finding.address
    if address is None:
        return (finding,)
    texts = (_without(text, address) for text in (finding.message, finding.hint, *finding.detail))
    return (finding.code, finding.severity, address.kind, *texts)


def _of_all(same: Sequence[Finding]) -> Finding:
    first, addresses = same[0], [f.address for f in same if f.address]
    message, hint = (_without(text, addresses[0]) for text in (first.message, first.hint))
    message = f"{message} ({_several(addresses)})"
    return replace(first, address=Address(addresses[0].kind, "*"), place=None, message=message, hint=hint)
