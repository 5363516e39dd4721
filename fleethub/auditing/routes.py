"""Models: the context that their server loads them with, and where a failure is sent on to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from ipaddress import ip_address
from urllib.parse import urlsplit

from fleethub.auditing.keys import PROXY, existing
from fleethub.auditing.values import AuditQuery
from fleethub.engines.registry import engine_of_route
from fleethub.model.address import route
from fleethub.model.finding import Finding
from fleethub.model.readings.proxy import Deployment, ProxyReading
from fleethub.model.routing import rows_of
from fleethub.model.text import heard

#: Names that only the own network resolves.
LOCAL = (".local", ".lan", ".internal", ".home", ".home.arpa", ".localdomain", ".ts.net", ".svc")


def route_findings(query: AuditQuery) -> Iterator[Finding]:
    """Of each alias of the proxy."""
    reading = query.reading
    named: dict[str, list[Deployment]] = {}
    for row in reading.deployments:
        named.setdefault(row.alias, []).append(row)
    for alias, rows in sorted(named.items()):
        bare = [row for row in rows if parameter_of(row) and row.num_ctx is None]
        if bare:
            name = parameter_of(bare[0])
            message = f"{heard(alias)} is {heard(bare[0].model)} without {name}: its server chooses the context"
            hint = f"set litellm_params.{name} to what its users need"
            yield Finding("audit.route-no-context", message, route(PROXY, alias), hint=hint)
    there = existing(reading)
    for alias, others in sorted((reading.fallbacks or {}).items()):
        yield from _fallbacks(alias, others, reading, there)


def parameter_of(row: Deployment) -> str:
    """The parameter by which a route tells its server the context, which else takes a default; empty: it has none."""
    engine = engine_of_route(row.model)
    return engine.context_parameter if engine is not None else ""


def _fallbacks(
    alias: str, others: tuple[str, ...], reading: ProxyReading, there: Callable[[str], bool]
) -> Iterator[Finding]:
    place = route(PROXY, alias) if alias != "*" else None
    says = heard(alias) if alias != "*" else "any model"
    for other in others:
        if not there(other):
            message = f"{says} falls back to {heard(other)}, which the proxy does not have"
            yield Finding("audit.fallback-missing", message, place, hint="correct router_settings.fallbacks")
    if alias != "*" and not at_home(alias, reading):
        return
    away = [other for other in others if there(other) and not at_home(other, reading)]
    if away:
        names = ", ".join(map(heard, away))
        message = f"{says} falls back to {names}, which leaves the house: prompts go to whoever runs it"
        yield Finding("audit.fallback-leaves", message, place, hint="fall back to a model of your own, or mean it")


def at_home(alias: str, reading: ProxyReading) -> bool:
    """Whether every deployment of an alias is a server of the own network; one whose address is not told is not."""
    rows = rows_of(reading, alias)
    return bool(rows) and all(row.api_base is not None and is_local(row.api_base) for row in rows)


def is_local(url: str) -> bool:
    """Whether a URL's host is a private address, a name without a domain, or one of a domain of private networks."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return False
    try:
        return ip_address(host).is_private
    except ValueError:
        return bool(host) and ("." not in host or host.endswith(LOCAL))
