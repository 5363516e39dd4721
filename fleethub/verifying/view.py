"""What nodes can do with their own keys: a table per node, then what is wrong and what to type."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fleethub.model.address import CALLERS, Address
from fleethub.model.endpoint import Failure, Reply
from fleethub.model.finding import Finding, Severity
from fleethub.model.text import named, plural
from fleethub.verifying.refused import RefusedResult
from fleethub.verifying.values import CheckResult, NodeVerification, Origin
from fleethub.views.data import finding_data
from fleethub.views.plan import findings_lines
from fleethub.views.style import Style


def verify_text(nodes: Sequence[NodeVerification], findings: Sequence[Finding], style: Style) -> str:
    """Every node with its rows and findings, then one sentence about all of them."""
    lines: list[str] = []
    for node in nodes:
        where = f"from here: {node.note}" if node.note else "from the node"
        lines += [f"{style('bold', node.node)}  ({where})", *_table(node.rows, style)]
        lines += findings_lines(node.findings, style)
        lines.append("")
    if findings:
        lines += [*findings_lines(findings, style), ""]
    return "\n".join((*lines, _sentence(nodes, style)))


def verify_data(node: NodeVerification) -> list[dict[str, Any]]:
    """A node's rows and findings as JSON values."""
    rows = [
        {
            "type": "check",
            "node": node.node,
            "model": row.check.model,
            "proxy": row.check.proxy or None,
            "endpoint": row.check.url,
            "from": "node" if row.origin is Origin.NODE else "here",
            "listed": row.listed,
            "list": _reply_data(row.listing),
            "route": _reply_data(row.route) if row.route is not None else None,
            "live": _reply_data(row.live) if row.live is not None else None,
        }
        for row in node.rows
    ]
    return [*rows, *(finding_data(f) for f in node.findings)]


def summary_data(nodes: Sequence[NodeVerification], findings: Sequence[Finding], code: int) -> dict[str, Any]:
    """The last line of ``--json``."""
    found = [*findings, *(f for node in nodes for f in node.findings)]
    return {
        "type": "summary",
        "exit": code,
        "nodes": {node.node: _state(node) for node in nodes},
        "checks": sum(len(node.rows) for node in nodes),
        "findings": len(found),
    }


def refused_text(who: Address, calls: Sequence[RefusedResult], findings: Sequence[Finding], style: Style) -> str:
    """What is asked of each call, in the proxy's order; what is shut with what opens it."""
    lines: list[str] = []
    for call in calls:
        lines.append(style("bold", f"{who}: {named(call.model)} on {call.proxy}, with {call.key}"))
        for gate in call.gates:
            word = style(GATES[gate.state], f"{gate.state:<7}")
            lines.append(f"  {word}  {gate.what}" + (f": {gate.says}" if gate.says else ""))
            if gate.hint and gate.state != "open":
                lines.append(f"           {style('dim', 'hint:')} {gate.hint}")
        lines.append("")
    if findings:
        lines += [style("bold", "The node itself"), *findings_lines(findings, style), ""]
    shut = list(dict.fromkeys(gate.what for call in calls for gate in call.gates if gate.state == "shut"))
    unsure = any(gate.state == "unknown" for call in calls for gate in call.gates)
    if shut:
        return "\n".join((*lines, f"Refused, for one of these is not so: {'; '.join(shut)}."))
    if any(f.severity is Severity.ERROR for f in findings):
        would = "Whether the proxy would take the calls is not known" if unsure else "The proxy would take the calls"
        return "\n".join((*lines, f"{would}; what is wrong is the node itself."))
    said = "Nothing that is known refuses it; see what is not known." if unsure else "Nothing refuses it now."
    return "\n".join((*lines, said))


GATES = {"open": "good", "shut": "error", "unknown": "warning"}


def refused_data(who: Address, calls: Sequence[RefusedResult], findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """A line for each question to each call, then the findings."""
    gates = [
        {
            "type": "gate",
            "who": str(who),
            "proxy": call.proxy,
            "key": str(call.key),
            "model": call.model,
            "what": gate.what,
            "state": gate.state,
            "says": gate.says,
            "hint": gate.hint,
        }
        for call in calls
        for gate in call.gates
    ]
    return [*gates, *(finding_data(f) for f in findings)]


def _table(rows: Sequence[CheckResult], style: Style) -> list[str]:
    if not rows:
        return ["  calls no model"]
    live = any(row.live is not None for row in rows)
    cells = []
    for row in rows:
        check = row.check
        via = f"{check.proxy} {check.url}" if check.proxy else check.url
        mixed = len({r.origin for r in rows}) > 1 and row.origin is Origin.HERE
        cells.append((check.model, via + (" (from here)" if mixed else ""), _listed(row), _live(row)))
    wide = [max(len(line[column]) for line in cells) for column in range(3)]
    out = []
    for (model, via, listed, answer), row in zip(cells, rows, strict=True):
        good = bool(row.listed) or (row.live is not None and row.live.good)
        text = f"  {model:{wide[0]}}  {via:{wide[1]}}  {style('good' if good else 'error', f'{listed:{wide[2]}}')}"
        if live:
            text += "  " + style("good" if row.live is not None and row.live.good else "error", answer)
        out.append(text.rstrip())
    return out


def _listed(row: CheckResult) -> str:
    if row.listed is not None:
        return "listed" if row.listed else "not listed"
    return _word(row.listing)


def _live(row: CheckResult) -> str:
    if row.live is None:
        return ""
    return "answers" if row.live.good else _word(row.live)


def _word(reply: Reply) -> str:
    if reply.failure is Failure.SHAPE or (reply.failure is None and reply.status):
        return f"HTTP {reply.status}"
    return reply.failure.value if reply.failure else "no answer"


def _reply_data(reply: Reply) -> dict[str, Any]:
    return {
        "ok": reply.good,
        "status": reply.status or None,
        "failure": reply.failure.name.lower() if reply.failure else None,
        "kind": reply.kind or None,
        "says": reply.says or None,
    }


def _state(node: NodeVerification) -> str:
    if any(f.severity is Severity.ERROR for f in node.findings):
        return "wrong"
    return "unknown" if node.unknown else "fine"


def _sentence(nodes: Sequence[NodeVerification], style: Style) -> str:
    states = [_state(node) for node in nodes]
    if not nodes:
        return "The fleet has no nodes and no consumers."
    said = [
        style(colour, f"{states.count(state)} {words}")
        for state, words, colour in (
            ("fine", "fine", "good"),
            ("wrong", "with something wrong", "error"),
            ("unknown", "that could not be asked in full", "warning"),
        )
        if state in states
    ]
    kinds = [node.kind for node in nodes]
    who = " and ".join(plural(kinds.count(kind), kind) for kind in CALLERS if kind in kinds)
    return f"{who} verified: {', '.join(said)}."
