"""Ask with each node's own key, from the node where there is SSH, whether its chain works. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from fleethub.model.address import caller_name
from fleethub.model.consuming import Node
from fleethub.model.dataclass import dataclass
from fleethub.model.errors import InputError
from fleethub.model.exit import Exit
from fleethub.model.finding import Finding, Severity
from fleethub.model.readings.proxy import ProxyReading
from fleethub.model.text import heard
from fleethub.operations.notify import finding_events, tell
from fleethub.operations.outcome import Outcome
from fleethub.operations.plan import plan_exit, unresolved
from fleethub.operations.workplace import Workplace
from fleethub.verifying.values import NodeVerification

AT_ONCE = 8  # nodes
AT_ONCE_LIVE = 4  # nodes whose models are called: each call may be a cold load


@dataclass(frozen=True, slots=True)
class VerifyInput:
    """``nodes``: which (none: all). ``live``: seconds for a one-token call of each model; None: no such call."""

    nodes: tuple[str, ...] = ()
    live: float | None = None


@dataclass(frozen=True, slots=True)
class FleetVerification:
    """All nodes that were asked for; ``findings`` are about the fleet (what could not be read, why it is refused).
    ``notes``: who could not be told of it.
    """

    nodes: tuple[NodeVerification, ...]
    findings: tuple[Finding, ...]
    refused: bool = False
    notes: tuple[str, ...] = ()


def run(workplace: Workplace, asked: VerifyInput) -> Outcome[FleetVerification]:
    """Verify nodes: exit 3 with a finding of severity error, 1 when something could not be asked and nothing is worse.

    Asks nobody where the seed or the fleet's name is wrong. Raises InputError for a name that no node has.
    """
    if (refused := workplace.refused()) is not None:
        return Outcome(FleetVerification((), refused.findings, refused=True), plan_exit(refused), refused.findings)
    fleet, named = workplace.fleet, tuple(map(caller_name, asked.nodes))
    unknown = [name for name in named if name not in fleet.nodes]
    if unknown:
        listed = ", ".join(sorted(fleet.nodes)) or "none"
        raise InputError(f"no node is called {unknown[0]!r}; there are: {listed}")
    nodes = [fleet.nodes[name] for name in dict.fromkeys(named or fleet.nodes)]
    from fleethub.kinds.key import values_by_key
    from fleethub.observing import now
    from fleethub.verifying.ask import Access, verify_node

    readings, findings = _readings(workplace, nodes)
    workers = min(AT_ONCE if asked.live is None else AT_ONCE_LIVE, max(len(nodes), 1))
    had = values_by_key(workplace.store.read().lockfile)
    access = Access(
        fleet, workplace.root, workplace.http, workplace.resolver, workplace.shells, workplace.trust.guard, had
    )
    with ThreadPoolExecutor(max_workers=workers) as pool:
        found = tuple(pool.map(lambda node: verify_node(access, node, asked.live, readings), nodes))
    about = (*findings, *workplace.trust.findings, *unresolved(workplace))
    code = Exit.ERROR if any(node.unknown for node in found) else Exit.FINE
    if any(f.severity is Severity.ERROR for f in (*about, *(f for node in found for f in node.findings))):
        code = Exit.REFUSED
    if not asked.nodes:  # of some nodes alone nobody can say that what was told of the others is over
        wrong = finding_events("verify", (f for node in found for f in node.findings))
        untold = tell(workplace, now(), wrong, frozenset({"verify"}))
        return Outcome(FleetVerification(found, about, notes=untold), code, about)
    return Outcome(FleetVerification(found, about), code, about)


def _readings(workplace: Workplace, nodes: Iterable[Node]) -> tuple[dict[str, ProxyReading | None], list[Finding]]:
    """What the master keys of the nodes' proxies see; where one does not, causes are told less apart."""
    from fleethub.kinds.key import wiring
    from fleethub.kinds.proxies import proxy_source

    fleet = workplace.fleet
    used = sorted({name for node in nodes for name in wiring(fleet, node)})
    sources = {name: proxy_source(fleet.proxies[name]) for name in used}
    facts = workplace.read(sources.values())
    readings = {name: facts.of(source) for name, source in sources.items()}
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
