"""All that is found, in one order: errors first, then by code."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from fleethub.auditing.fit import Reports, fit_findings, fit_notes, fit_reports
from fleethub.auditing.keys import everything, key_findings
from fleethub.auditing.routes import route_findings
from fleethub.auditing.values import Audit, AuditQuery
from fleethub.model.finding import Finding, Severity
from fleethub.model.text import money, plural


def audit(query: AuditQuery, key: str = "") -> Audit:
    """Judge a proxy. ``key``: the reference that it was read with, for the command that comes next."""
    reading, reports = query.reading, fit_reports(query)
    found = [*key_findings(query), *route_findings(query), *fit_findings(reports), *_master(query)]
    found.sort(key=lambda f: (f.severity is not Severity.ERROR, f.code))
    proxy = f"{query.url}={key}" if key else query.url
    return Audit(
        url=query.url,
        version=reading.version,
        keys=sum(map(len, reading.keys.values())),
        models=len({row.alias for row in reading.deployments}),
        findings=tuple(found),
        notes=tuple(_notes(query, reports)),
        next=f"fleethub init --discover --proxy {shlex.quote(proxy)}",
    )


def _master(query: AuditQuery) -> Iterator[Finding]:
    used = query.used
    if used is not None and used.calls:
        spent = f", {money(used.spend)} spent," if used.spend else ""
        message = f"{plural(used.calls, 'call')} with the master key{spent} in the last {plural(used.days, 'day')}"
        hint = "no budget, scope or limit holds it: give its user a key of its own, then change the master key"
        yield Finding("audit.master-key-used", message, hint=hint)


def _notes(query: AuditQuery, reports: Reports) -> Iterator[str]:
    reading = query.reading
    if query.used is None:
        yield "whether somebody calls with the master key is not told by this proxy"
    if reading.fallbacks is None:
        yield "what the router falls back to is not told by this proxy"
    lost = sorted(
        {row.team for rows in reading.keys.values() for row in rows if row.team and row.team not in reading.teams}
    )
    if lost:
        bounded = sum(
            row.team in lost and not everything(row, reading) for rows in reading.keys.values() for row in rows
        )
        whose = f"what {plural(bounded, 'key')} of them may reach is not known"
        yield f"{plural(len(lost), 'team')} could not be read, so {whose}"
    yield from fit_notes(query, reports)
