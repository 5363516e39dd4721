"""An audit for people, for machines, and as Markdown for an issue."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from fleethub.auditing.values import Audit
from fleethub.model.finding import CODES, Finding, Severity
from fleethub.model.text import heard, markdown, plural
from fleethub.views.data import finding_data
from fleethub.views.style import Style

NAMES = 6  # names that one line shows
LINES = 10  # of one code


def audit_text(audit: Audit, style: Style, full: bool = False) -> str:
    """Findings by code, worst first; ``full``: each key by itself."""
    version = f"LiteLLM {audit.version}" if audit.version else "a LiteLLM of unknown version"
    lines = [style("bold", f"{audit.url}: {version}, {plural(audit.keys, 'key')}, {plural(audit.models, 'model')}")]
    for code, found in _by_code(audit.findings):
        severity = found[0].severity.value
        lines += ["", f"{style(severity, severity)} {style('bold', code)}: {CODES[code][1]} ({len(found)})"]
        for message, detail in _shown(found, full):
            lines += [f"  {message}", *(f"      {line}" for line in detail)]
        lines.append(f"      {style('dim', 'hint:')} {found[0].hint}")
    lines += ["", _sentence(audit)]
    lines += [style("dim", f"({note})") for note in audit.notes]
    return "\n".join((*lines, "Take it in, changing nothing:", f"  {audit.next}"))


def audit_markdown(audit: Audit, full: bool = False) -> str:
    """A table by code, then the findings, folded."""
    lines = [
        f"## Audit of {markdown(audit.url)}",
        "",
        _sentence(audit),
        "",
        "| severity | code | count | what it means |",
    ]
    lines.append("|---|---|---|---|")
    groups = list(_by_code(audit.findings))
    lines += [
        f"| {found[0].severity.value} | `{code}` | {len(found)} | {markdown(CODES[code][1])} |"
        for code, found in groups
    ]
    for code, found in groups:
        lines += ["", f"<details><summary>{code} ({len(found)})</summary>", ""]
        lines += [f"- {markdown(message)}" for message, _ in _shown(found, full)]
        lines += ["", f"Hint: {markdown(found[0].hint)}", "", "</details>"]
    lines += ["", *(f"- {markdown(note)}" for note in audit.notes)] if audit.notes else []
    return "\n".join((*lines, "", "Take it in, changing nothing:", "", f"    {audit.next}"))


def audit_data(audit: Audit) -> Iterator[dict[str, Any]]:
    """A line for each finding, then what was audited."""
    yield from (finding_data(finding) for finding in audit.findings)
    yield {
        "type": "audit",
        "url": audit.url,
        "version": audit.version or None,
        "keys": audit.keys,
        "models": audit.models,
        "counts": {code: len(found) for code, found in _by_code(audit.findings)},
        "notes": list(audit.notes),
        "next": audit.next,
    }


def _by_code(findings: Iterable[Finding]) -> Iterator[tuple[str, Sequence[Finding]]]:
    groups: dict[str, list[Finding]] = {}
    for finding in findings:
        groups.setdefault(finding.code, []).append(finding)
    yield from groups.items()


def _shown(found: Sequence[Finding], full: bool) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The first of a code, and how many more there are, unless ``full``."""
    rows = tuple(_folded(found, full))
    first = rows if full else rows[:LINES]
    yield from first
    if len(first) < len(rows):
        yield f"… and {len(rows) - len(first)} more (--full)", ()


def _folded(found: Sequence[Finding], full: bool) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Messages with their details; keys of which the same is said are one line, unless ``full``."""
    same: dict[str, list[Finding]] = {}
    for finding in found:
        own = f"the key {heard(finding.address.alias)!r} " if finding.address else ""
        said = finding.message.removeprefix(own)
        same.setdefault(said if own and said != finding.message and not full else finding.message, []).append(finding)
    for said, alike in same.items():
        names = [heard(one.address.alias) for one in alike if one.address]
        if len(names) < 2:
            yield alike[0].message + (f" ({len(alike)} of them)" if len(alike) > 1 else ""), alike[0].detail
        else:
            more = f" and {len(names) - NAMES} more (--full)" if len(names) > NAMES else ""
            yield f"{len(names)} keys, each {said}: {', '.join(names[:NAMES])}{more}", alike[0].detail


def _sentence(audit: Audit) -> str:
    errors = sum(f.severity is Severity.ERROR for f in audit.findings)
    warnings = len(audit.findings) - errors
    if not audit.findings:
        return "Nothing was found."
    return f"{plural(errors, 'error')}, {plural(warnings, 'warning')}."
