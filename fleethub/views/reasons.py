"""Why a thing is as it is, and who uses it: trees whose every line names the place in the spec that it is from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fleethub.model.address import Address
from fleethub.model.capacity import AdmissionVerdict, Fit
from fleethub.model.finding import Finding
from fleethub.model.plan import Change, Drift
from fleethub.model.text import gib, plural
from fleethub.model.written import Line
from fleethub.views.capacity import arithmetic
from fleethub.views.data import change_data, finding_data
from fleethub.views.plan import changes_lines, drift_lines, findings_lines
from fleethub.views.style import Style

if TYPE_CHECKING:
    from fleethub.reasons.graph import Use, UseGraph
    from fleethub.reasons.why import Reason

NAMES = 6  # how many names a folded line shows
COLOURS = {Fit.FITS: "good", Fit.UNKNOWN: "warning"}


def users_text(users: Sequence[Address], full: bool = False) -> str:
    """``3 nodes: a, b, c; key.main.web``; ``nobody``."""
    kinds: dict[str, list[str]] = {}
    for address in sorted(users, key=lambda a: (_ORDER.index(a.kind) if a.kind in _ORDER else len(_ORDER), a)):
        kinds.setdefault(address.kind, []).append(address.name)
    said = [
        f"{plural(len(names), kind)}: {_names(names, full)}" if len(names) > 1 else f"{kind}.{names[0]}"
        for kind, names in kinds.items()
    ]
    return "; ".join(said) or "nobody"


_ORDER = ("node", "key", "route", "model")


def uses_text(address: Address, graph: UseGraph, users: Sequence[Address], style: Style, full: bool = False) -> str:
    """Who uses a thing as a tree: what is nearest to it first, each user once on its way."""
    head = f"{style('bold', str(address))} is used by {users_text(users, full)}"
    return "\n".join((head, *_branches(address, graph, style, full, "  ", {address})))


def uses_data(address: Address, graph: UseGraph, users: Sequence[Address]) -> list[dict[str, Any]]:
    """A line for each use on the way to a thing."""
    near = {address, *users}
    return [
        {
            "type": "use",
            "user": str(use.user),
            "uses": str(use.used),
            "how": use.how,
            "in_spec": not use.applied,
            **_place(use.line),
        }
        for use in graph.uses
        if use.user in near and use.used in near
    ]


def _branches(
    address: Address, graph: UseGraph, style: Style, full: bool, indent: str, shown: set[Address]
) -> list[str]:
    uses = [use for use in graph.of(address) if use.user not in shown]
    shown = shown | {use.user for use in uses}
    groups: dict[tuple[str, str, bool, str], list[Use]] = {}
    for use in uses:
        ends = all(above.user in shown for above in graph.of(use.user))  # nobody new above it
        who = use.user.kind if ends and not full else str(use.user)
        groups.setdefault((who, use.how, use.applied, str(use.line or "")), []).append(use)
    lines = []
    for alike in groups.values():
        first, names = alike[0], [use.user.name for use in alike]
        who = str(first.user) if len(alike) == 1 else f"{plural(len(alike), first.user.kind)}: {_names(names, full)}"
        gone = style("warning", "  no longer in the spec") if first.applied else ""
        lines.append(f"{indent}{who}  {style('dim', first.how)}{gone}{_from(first.line, style)}")
        for use in alike:
            lines += _branches(use.user, graph, style, full, indent + "  ", shown)
    return lines


def why_text(
    address: Address,
    reasons: Sequence[Reason],
    applied: Sequence[Use],
    verdicts: Sequence[AdmissionVerdict],
    change: Change | None,
    drift: Drift | None,
    findings: Sequence[Finding],
    unknown: str,
    style: Style,
) -> str:
    """The reasons of one thing: the spec's lines, then the arithmetic, then what a plan would do with it."""
    lines = [style("bold", str(address))]
    if not reasons:
        lines.append("  is not in the spec" + (", but it was applied" if applied or change else ""))
    lines += _tree(reasons, style, "  ")
    if applied:
        lines += ["", style("bold", "As it was applied, it is used by")]
        lines += [f"  {users_text([use.user for use in applied])}"]
    for verdict in verdicts:
        total = gib(verdict.total) if verdict.total is not None else "unknown"
        need = gib(verdict.need) if verdict.need is not None else "unknown"
        fit = style(COLOURS.get(verdict.fit, "error"), verdict.fit.value)
        head = f"backend.{verdict.backend}: {fit}; its whole set needs {need} of {total} {verdict.total_from}".rstrip()
        lines += ["", style("bold", "The arithmetic"), f"  {head}"]
        lines += [f"  {line}" for line in arithmetic(verdict, style)]
    if unknown:
        lines += ["", f"  {style('warning', 'unknown')}: {unknown}"]
    if change is not None:
        lines += ["", style("bold", "What a plan would do"), *changes_lines([change], style)]
    if drift is not None:
        lines += ["", style("bold", "Changed behind our back"), *drift_lines([drift], style)]
    if findings:
        lines += ["", style("bold", "Findings"), *findings_lines(findings, style)]
    if change is None and drift is None and not findings and not unknown:
        lines += ["", style("dim", "(it is as the spec wants it: a plan would do nothing with it)")]
    return "\n".join(lines)


def why_data(
    address: Address,
    reasons: Sequence[Reason],
    applied: Sequence[Use],
    verdicts: Sequence[AdmissionVerdict],
    change: Change | None,
    findings: Sequence[Finding],
    unknown: str,
) -> Mapping[str, Any]:
    """The same as JSON values."""
    return {
        "type": "why",
        "address": str(address),
        "reasons": [_reason(r) for r in reasons],
        "applied_users": [str(use.user) for use in applied],
        "capacity": [
            {
                "backend": v.backend,
                "fit": v.fit.value,
                "need": v.need,
                "total": v.total,
                "loads": [
                    {
                        "model": p.model,
                        "bytes": p.estimate.total,
                        "rows": [{"what": r.what, "bytes": r.bytes, "from": r.source} for r in p.estimate.rows],
                    }
                    for p in v.placed
                ],
            }
            for v in verdicts
        ],
        "change": change_data(change) if change is not None else None,
        "findings": [finding_data(f) for f in findings],
        "unknown": unknown or None,
    }


def _tree(reasons: Iterable[Reason], style: Style, indent: str) -> list[str]:
    lines = []
    for reason in reasons:
        lines.append(f"{indent}{reason.says}{_from(reason.line, style)}")
        lines += _tree(reason.because, style, indent + "  ")
    return lines


def _reason(reason: Reason) -> dict[str, Any]:
    return {"says": reason.says, **_place(reason.line), "because": [_reason(r) for r in reason.because]}


def _from(line: Line | None, style: Style) -> str:
    return f"  {style('dim', f'({line})')}" if line is not None else ""


def _place(line: Line | None) -> dict[str, str | None]:
    return {"place": str(line.place) if line else None, "origin": (line.origin or None) if line else None}


def _names(names: Sequence[str], full: bool) -> str:
    return ", ".join(names if full else names[:NAMES]) + ("" if full or len(names) <= NAMES else " …")
