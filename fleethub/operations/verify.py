"""Ask with each node's own key, from the node where there is SSH, whether its chain works. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from fleethub.model.exit import Exit
from fleethub.model.facts import ProxyReading
from fleethub.model.finding import Finding, Severity
from fleethub.model.fleet import Node
from fleethub.model.text import heard
from fleethub.operations import Workplace
from fleethub.verifying.values import NodeVerification

AT_ONCE = 8  # nodes
AT_ONCE_LIVE = 4  # nodes whose models are called: each call may be a cold load


class VerifyError(Exception):
    """The question cannot be asked as it was put; the message says what can."""


@dataclass(frozen=True, slots=True)
class FleetVerification:
    """All nodes that were asked for; ``findings`` are about the fleet (what could not be read)."""

    nodes: tuple[NodeVerification, ...]
    findings: tuple[Finding, ...]


def verify(place: Workplace, names: Sequence[str] = (), live: float | None = None) -> FleetVerification:
    """Verify nodes (none named: all); ``live``: seconds for a one-token call of each model. Raises VerifyError."""
    fleet = place.fleet
    unknown = [name for name in names if name not in fleet.nodes]
    if unknown:
        listed = ", ".join(sorted(fleet.nodes)) or "none"
        raise VerifyError(f"no node is called {unknown[0]!r}; there are: {listed}")
    nodes = [fleet.nodes[name] for name in dict.fromkeys(names or fleet.nodes)]
    from fleethub.verifying.ask import Access, verify_node

    readings, findings = _readings(place, nodes)
    findings += place.trust.findings
    workers = min(AT_ONCE if live is None else AT_ONCE_LIVE, max(len(nodes), 1))
    access = Access(fleet, place.root, place.http, place.resolver, place.shells, place.trust.guard)
    with ThreadPoolExecutor(max_workers=workers) as pool:
        found = tuple(pool.map(lambda node: verify_node(access, node, live, readings), nodes))
    findings += [
        Finding(p.code, str(p), hint="set it, or correct the reference; what needs it is unknown")
        for p in place.resolver.problems
        if p.code != "command.new"
    ]
    return FleetVerification(found, tuple(findings))


def verify_exit(report: FleetVerification) -> Exit:
    """3 with a finding of severity error, 1 when something could not be asked, else 0."""
    found = [*report.findings, *(f for node in report.nodes for f in node.findings)]
    if any(f.severity is Severity.ERROR for f in found):
        return Exit.REFUSED
    return Exit.ERROR if any(node.unknown for node in report.nodes) else Exit.FINE


def _readings(place: Workplace, nodes: Iterable[Node]) -> tuple[dict[str, ProxyReading | None], list[Finding]]:
    """What the master keys of the nodes' proxies see; where one does not, causes are told less apart."""
    from fleethub.kinds.key import wiring
    from fleethub.kinds.proxies import proxy_source
    from fleethub.observing import observe

    fleet = place.fleet
    used = sorted({name for node in nodes for name in wiring(fleet, node)})
    facts = observe(
        fleet, [proxy_source(fleet.proxies[name]) for name in used], place.http, place.resolver, place.shells
    )
    readings = {name: facts.of(proxy_source(fleet.proxies[name])) for name in used}
    findings = [
        Finding(
            "proxy.unreadable",
            f"{name} cannot be asked with its master key: {heard(getattr(reading, 'reason', 'not read'))}",
            hint="causes on it are told apart by the node's key alone; fleethub status",
        )
        for name, reading in readings.items()
        if not isinstance(reading, ProxyReading)
    ]
    return {name: r if isinstance(r, ProxyReading) else None for name, r in readings.items()}, findings
