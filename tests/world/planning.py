"""What of the world is read, and the real planner on it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache

from fleethub.checks.answers import Evaluate
from fleethub.clients.resolver import SecretResolver
from fleethub.kinds import KINDS
from fleethub.kinds.values import Inputs
from fleethub.model.address import Address
from fleethub.model.facts import Facts, Reading
from fleethub.model.observation import Resource, Source, Unknown
from fleethub.model.plan import NO_ORDERS, WHOLE, Orders, Part, Plan
from fleethub.model.readings.host import GitReading, HostReading, SinkReading
from fleethub.planning import again, make_plan, sources
from fleethub.planning.guards import before_any_request
from tests.fleets import Known, Spec
from tests.world.fold import NOW
from tests.world.values import SEAL, World


def plan(
    world: World,
    spec: Spec,
    *,
    facts: Facts | None = None,
    fingerprinter: SecretResolver = SEAL,
    repair: bool | None = None,
    part: Part = WHOLE,
    orders: Orders = NO_ORDERS,
    evaluate: Evaluate | None = None,
) -> Plan:
    """What ``fleethub plan`` makes of the spec here; ``facts``: instead of what is there to be read.

    ``repair`` None: as ``[policy] drift`` says.
    """
    spec = spec.remembered(world.lockfile)
    fleet = spec.fleet
    fatal = before_any_request(fleet, world.lockfile, fingerprinter.seed_fingerprint())
    if fatal:
        return Plan("", fleet.name, "", findings=tuple(fatal), fatal=True)
    repair = fleet.policy.drift == "repair" if repair is None else repair

    def planned(facts: Facts) -> Plan:
        return make_plan(
            fleet,
            world.lockfile,
            wanted(spec, fingerprinter),
            facts,
            fingerprinter,
            spec.loaded.findings,
            repair,
            part=part,
            orders=orders,
            evaluate=evaluate,
        )

    if facts is not None:
        return planned(facts)
    first = planned(seen := _facts(world, spec, fingerprinter))
    late = again(_asked(world, spec, fingerprinter), wanted(spec, fingerprinter), first, seen)
    newer = {source.id: _read(world, source) for source in late}
    return planned(replace(seen, readings={**seen.readings, **newer})) if late else first


def facts(world: World, spec: Spec, fingerprinter: SecretResolver = SEAL) -> Facts:
    """What can be read of the world, by the sources that the planner names."""
    return _facts(world, spec.remembered(world.lockfile), fingerprinter)


def _facts(world: World, spec: Spec, fingerprinter: SecretResolver) -> Facts:
    return Facts(NOW, {source.id: _read(world, source) for source in _asked(world, spec, fingerprinter)})


def _asked(world: World, spec: Spec, fingerprinter: SecretResolver) -> tuple[Source, ...]:
    return sources(spec.fleet, wanted(spec, fingerprinter), world.lockfile)


def _read(world: World, source: Source) -> Reading | Unknown:
    found: Reading | None = None
    if source.system == "litellm" and source.at in world.proxies:
        found = world.proxies[source.at].reading
    elif source.system == "host":
        machine = "://" in source.at
        node = world.nodes.get(source.at)
        found = (
            node.reading(machine, source.ask)
            if node
            else HostReading(exists=False, tools={"docker": "", "compose": "2.39.4"})
        )
    elif source.system == "git":
        found = GitReading(frozenset(), frozenset())
    elif source.system == "sink":
        key = world.sinks[source.at][2] if source.at in world.sinks else None
        found = SinkReading(hashlib.sha256(key.encode()).digest() if key else None)
    elif source.system == "ollama":
        found = world.ollamas.get(source.at)
    return found or Unknown("cannot connect: connection refused", NOW)


def wanted(spec: Spec, fingerprinter: SecretResolver = SEAL) -> Mapping[Address, Resource]:
    """Every resource that the spec wants."""
    return _wanted(Known(spec), fingerprinter)


@cache
def _wanted(known: Known, fingerprinter: SecretResolver) -> Mapping[Address, Resource]:
    inputs = Inputs(known.spec.fleet, fingerprinter, known.spec.rendered)
    found: Iterable[Resource] = (r for kind in KINDS.values() for r in kind.desired(inputs))
    return {r.address: r for r in found}
