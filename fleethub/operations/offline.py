"""Plan offline: the spec against the lockfile, without network, secret or command. What a pull request runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from fleethub.clients.machine import DECIDING
from fleethub.engines.cards import usable
from fleethub.kinds import KINDS
from fleethub.kinds.values import Inputs
from fleethub.model.address import Address
from fleethub.model.exit import Exit
from fleethub.model.facts import Facts
from fleethub.model.finding import CHECK, Severity
from fleethub.model.fleet import Fleet
from fleethub.model.observation import AnyResource, Lockfile, Source
from fleethub.model.plan import Plan
from fleethub.model.readings.gpu import GpuReading
from fleethub.model.readings.server import ServerReading
from fleethub.model.secret import Slot, Text
from fleethub.model.trust import Guard
from fleethub.observing import now
from fleethub.observing.cache import FACTS, Cache
from fleethub.operations.outcome import Outcome
from fleethub.operations.own_checks import evaluator
from fleethub.operations.plan import plan_exit
from fleethub.operations.spec import OpenResult, open_fleet
from fleethub.operations.trust import settle
from fleethub.planning.offline import offline_plan
from fleethub.sizing.devices import metal_part
from fleethub.stores import recalled


class Blind:
    """A Fingerprinter without a seed: it opens no secret and knows no fingerprint."""

    def slot(self, slot: Slot) -> str | None:
        """None."""

    def text(self, text: Text) -> str | None:
        """None."""

    def sha256(self, digest: bytes) -> str | None:
        """None."""


def run(path: Path, detailed: bool = False) -> Outcome[Plan]:
    """Plan, and write nothing. ``detailed``: exit 2 where there are changes. Raises SpecError, LockfileError."""
    opened = open_fleet(path)
    fleet = opened.fleet
    lockfile = recalled(Path(fleet.root), bool(fleet.state.store))
    plan = planned(opened, lockfile, facts_of(fleet), guard_of(fleet, lockfile))
    if fleet.state.store:
        knew = f"this machine last saw apply {lockfile.serial}" if lockfile else "this machine never saw any of it"
        plan = replace(plan, notes=(*plan.notes, f"what was applied is kept in a store that was not asked; {knew}"))
    return Outcome(plan, plan_exit(plan, detailed), plan.findings)


def planned(opened: OpenResult, lockfile: Lockfile | None, facts: Facts, guard: Guard) -> Plan:
    """The plan of a spec that is open, against what was applied, with what is known of the backends.

    ``guard``: what this machine knows, of which functions of checks may be asked.
    """
    fleet = opened.fleet
    return offline_plan(fleet, lockfile, wanted(opened), facts, opened.findings, evaluator(fleet, guard))


def guard_of(fleet: Fleet, lockfile: Lockfile | None) -> Guard:
    """What this machine knows; its record is opened for the functions of checks alone."""
    return settle(fleet, lockfile).guard if any(check.use for check in fleet.checks) else Guard()


def wanted(opened: OpenResult) -> dict[Address, AnyResource]:
    """Every resource that the spec wants, without any secret opened."""
    inputs = Inputs(opened.fleet, Blind(), opened.rendered)
    return {r.address: r for kind in KINDS.values() for r in kind.desired(inputs)}


def of_checks(path: Path) -> Outcome[Plan]:
    """What the fleet's own checks find in the plan of ``run``; raises as that does."""
    done = run(path)
    found = tuple(f for f in done.findings if f.code.startswith(CHECK))
    return Outcome(done.data, Exit.REFUSED if any(f.severity is Severity.ERROR for f in found) else Exit.FINE, found)


def facts_of(fleet: Fleet, place: str = FACTS, own: bool = True) -> Facts:
    """What earlier commands saw of the backends: in ``place`` beside the spec (``observe --facts``), else, if ``own``,
    in this clone's cache.
    """
    committed = Cache(Path(fleet.root), place)
    cache = Cache(Path(fleet.root)) if own else committed
    remembered = {}
    for backend in fleet.backends.values():
        if backend.engine is not None:
            known = committed.installed(backend.engine.url) or cache.installed(backend.engine.url)
            if known is not None:
                remembered[backend.engine.url] = known
    machines = committed.machines()
    readings = {
        Source("gpu", backend.ssh).id: machines[backend.ssh]
        for backend in fleet.backends.values()
        if backend.ssh is not None and backend.ssh in machines
    }
    loads = (*cache.loads(), *committed.loads()) if own else committed.loads()
    return Facts(now(), readings, loads, remembered)


def commit_facts(fleet: Fleet, facts: Facts) -> Path:
    """Write what was read of the backends beside the spec, and nothing that moves: all that their servers have, for a
    change may name any of it, and the cards and settings that decide what fits.
    """
    committed = Cache(Path(fleet.root), FACTS)
    machines: dict[str, GpuReading] = {}
    digests = set()
    for backend in fleet.backends.values():
        reading = facts.of(backend.engine.source) if backend.engine is not None else None
        if backend.engine is not None and isinstance(reading, ServerReading):
            committed.remember_installed(backend.engine.url, reading, reading.installed)
            digests |= {model.digest for model in reading.installed.values()}
            for model in reading.installed.values():
                if model.shown is not None:
                    committed.put(model.digest, model.shown)
        machine = facts.of(Source("gpu", backend.ssh)) if backend.ssh is not None else None
        if backend.ssh is not None and isinstance(machine, GpuReading) and not machine.failed and not machine.lost:
            machines[backend.ssh] = _still(machine)
    committed.remember_machines(machines)
    committed.remember_loads(load for load in facts.loads if load.digest in digests)
    backends = fleet.backends.values()
    committed.keep({b.engine.url for b in backends if b.engine is not None}, {b.ssh for b in backends if b.ssh})
    return Path(fleet.root) / FACTS


def _still(machine: GpuReading) -> GpuReading:
    """What of a machine stays as it is until somebody changes it. Of settings those alone that decide what fits."""
    metal = machine.by == "sysctl"
    cards = (replace(g, total=metal_part(g.total, machine.metal_limit) if metal else usable(g)) for g in machine.gpus)
    settings = {name: value for name, value in (machine.settings or {}).items() if name in DECIDING}
    return GpuReading(
        gpus=tuple(replace(card, used=None, free=None) for card in cards),
        settings=settings if machine.settings is not None else None,
        by=FACTS,
        command_lines=tuple(replace(line, pid=0) for line in machine.command_lines),
        memory=machine.memory,
        metal_limit=machine.metal_limit,
    )
