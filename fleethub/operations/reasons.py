"""Why a thing is as it is, who uses it, and the wiring as one picture."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from fleethub.fleetspec.report import nearest
from fleethub.model.address import CALLERS, PARTS, Address
from fleethub.model.capacity import AdmissionVerdict
from fleethub.model.dataclass import dataclass
from fleethub.model.errors import InputError
from fleethub.model.exit import Exit
from fleethub.model.facts import Facts
from fleethub.model.finding import Finding
from fleethub.model.fleet import Fleet
from fleethub.model.fleet_status import FleetStatus
from fleethub.model.observation import Lockfile, Unknown
from fleethub.model.plan import Change, Drift
from fleethub.operations.held import PlanInput
from fleethub.operations.outcome import Outcome
from fleethub.operations.plan import plan_exit, read_and_plan
from fleethub.operations.workplace import Workplace
from fleethub.reasons.graph import Use, UseGraph, use_graph
from fleethub.reasons.why import Reason, reasons
from fleethub.stores import recalled


@dataclass(frozen=True, slots=True)
class UsesResult:
    """Who uses a thing: ``graph`` has each use, ``users`` all of them, direct or not."""

    address: Address
    graph: UseGraph
    users: tuple[Address, ...]


@dataclass(frozen=True, slots=True)
class WhyResult:
    """Why a thing is as it is. ``reasons`` empty: the spec does not have it, and ``applied`` says who uses it still.

    ``verdicts``: the arithmetic of its backends. ``change`` and ``drift``: what a plan would do, and undo.
    """

    address: Address
    reasons: tuple[Reason, ...]
    applied: tuple[Use, ...] = ()
    verdicts: tuple[AdmissionVerdict, ...] = ()
    change: Change | None = None
    drift: Drift | None = None
    findings: tuple[Finding, ...] = ()
    unknown: str = ""


def named_in(fleet: Fleet, graph: UseGraph, lockfile: Lockfile | None) -> set[Address]:
    """Every address that spec or lockfile has."""
    blocks = (("backend", fleet.backends), ("proxy", fleet.proxies))
    found = {Address(kind, name) for kind, names in blocks for name in names}
    found |= {node.address for node in fleet.nodes.values()}
    return found | graph.addresses | set(lockfile.resources if lockfile else ())


def resolved(text: str, known: Collection[Address]) -> Address:
    """An address, or a name without its kind, bare or as lists have it (``main.volta``): of a node, else of the one
    thing that has it, a route before the models that it leads to. Raises InputError.
    """
    if text.partition(".")[0] in PARTS and "." in text:
        try:
            address = Address.parse(text)
        except ValueError as error:
            raise InputError(str(error)) from None
        if address not in known:
            near = nearest(str(address), (str(a) for a in known if a.kind == address.kind), address.kind)
            raise InputError(f"{address} is neither in the spec nor in the lockfile; {near}")
        return address
    named = sorted(a for a in known if text in (a.alias, a.name))
    nodes = [a for a in named if a.kind in CALLERS]
    if len(found := nodes or [a for a in named if a.kind != "model"] or named) != 1:
        names = {a.alias for a in known if a.kind != "model"}
        there = ", ".join(map(str, found)) or f"nothing; {nearest(text, names, 'thing of the fleet')}"
        raise InputError(f"{text!r} names {there}")
    return found[0]


def uses(path: Path, text: str) -> Outcome[UsesResult]:
    """Who uses a thing, by spec and lockfile alone: no network, no secret. Raises InputError, SpecError."""
    from fleethub.operations.spec import open_fleet

    opened = open_fleet(path)
    lockfile = recalled(Path(opened.fleet.root), bool(opened.fleet.state.store))
    graph = use_graph(opened.fleet, opened.written, lockfile)
    address = resolved(text, named_in(opened.fleet, graph, lockfile))
    return Outcome(UsesResult(address, graph, graph.users(address)))


def why(workplace: Workplace, text: str) -> Outcome[WhyResult | None]:
    """Read, plan, and say why one thing is as it is; None where nothing may be asked. Raises InputError."""
    held = read_and_plan(workplace, PlanInput(only_look=True))
    fleet, written = workplace.fleet, workplace.opened.written
    graph = use_graph(fleet, written, held.known)
    address = resolved(text, named_in(fleet, graph, held.known))
    if held.plan.fatal:
        return Outcome(None, plan_exit(held.plan), held.plan.findings)
    seen = workplace.observations(held).get(address)
    hosted = _hosted(address, graph) if address.kind not in ("key", "proxy") else set()
    verdicts = [
        _only(load.verdict, {a.alias for a in hosted if a.owner == load.backend})
        for load in held.plan.loads
        if load.verdict is not None
    ]
    result = WhyResult(
        address,
        reasons(address, fleet, written, graph),
        tuple(use for use in graph.of(address) if use.applied),
        tuple(v for v in verdicts if v.placed),
        next((c for c in held.plan.changes if c.address == address), None),
        next((d for d in held.plan.drift if d.address == address), None),
        tuple(f for f in held.plan.findings if _about(f, address)),
        seen.reason if isinstance(seen, Unknown) else "",
    )
    return Outcome(result, Exit.ERROR if result.unknown else Exit.FINE)


def picture_of(workplace: Workplace, live: bool) -> Outcome[FleetStatus]:
    """The fleet as one value, for its picture; ``live``: as it is, else as spec and lockfile have it, asking nobody."""
    facts = None if live else Facts("")
    held = read_and_plan(workplace, PlanInput(only_look=True), facts)
    status = workplace.fleet_status(held)
    if held.plan.fatal:
        return Outcome(status, plan_exit(held.plan), held.plan.findings)
    return Outcome(status if live else _as_written(status), Exit.FINE)


def _as_written(status: FleetStatus) -> FleetStatus:
    """A status of what nobody looked at: neither fine nor in trouble."""
    return replace(
        status,
        proxies=tuple(replace(p, state="spec") for p in status.proxies),
        backends=tuple(replace(b, state="spec") for b in status.backends),
        nodes=tuple(replace(n, state="spec", change="", drift="") for n in status.nodes),
    )


def _hosted(address: Address, graph: UseGraph) -> set[Address]:
    """The models of backends that a thing is or leads to; of a backend or a proxy all that are there."""
    if address.kind == "backend":
        return {use.user for use in graph.of(address) if use.user.kind == "model"}
    found: set[Address] = set()
    waiting = [address]
    while waiting:
        here = waiting.pop()
        if here not in found:
            found.add(here)
            waiting += [use.used for use in graph.by(here) if not use.applied]
    return {a for a in found if a.kind == "model"}


def _only(verdict: AdmissionVerdict, tags: Collection[str]) -> AdmissionVerdict:
    """A backend's verdict with only the loads of some of its models."""
    placed = tuple(p for p in verdict.placed if p.tag in tags)
    names = {p.model for p in placed}
    return replace(verdict, placed=placed, checks=tuple(c for c in verdict.checks if c.model in names))


def _about(finding: Finding, address: Address) -> bool:
    return finding.address == address or (
        address.kind == "model" and finding.address == Address("backend", address.owner)
    )
