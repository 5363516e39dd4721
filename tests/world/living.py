"""What of ours lives in a world, and which of it a lockfile names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fleethub.clients.resolver import SecretResolver
from fleethub.kinds.compare import parse_mark
from fleethub.kinds.key.attributes import KeyAttrs
from fleethub.kinds.node.attributes import NodeAttrs
from fleethub.model.facts import Facts
from fleethub.model.observation import AnyLocked, Lockfile, Source
from fleethub.model.readings.host import HostReading
from fleethub.model.readings.proxy import ProxyReading
from tests.fleets import Spec
from tests.world.planning import wanted
from tests.world.values import SEAL, World, mark_of_row


@dataclass(frozen=True, order=True)
class Thing:
    """A key by its fingerprint, a stored route by its alias, a node by its target; ``at`` is where it is."""

    kind: str
    at: str
    name: str


def living(world: World, lineage: str, fingerprinter: SecretResolver = SEAL) -> set[Thing]:
    """Everything that carries our mark."""
    return set(_living(world, lineage, fingerprinter))


def _living(world: World, lineage: str, fingerprinter: SecretResolver) -> Iterator[Thing]:
    for url, proxy in world.proxies.items():
        for row in proxy.keys:
            mark = mark_of_row(row)
            if mark and mark.lineage == lineage:
                yield Thing("key", url, str(fingerprinter.sha256(bytes.fromhex(row.token))))
        for deployment in proxy.stored:
            mark = parse_mark(deployment.info.get("fleethub"))
            if mark and mark.lineage == lineage:
                yield Thing("route", url, deployment.alias)
    for target, node in world.nodes.items():
        mark = parse_mark(node.mark)
        if mark and mark.lineage == lineage:
            yield Thing("node", target, "")


def named(lockfile: Lockfile | None) -> set[Thing]:
    """What a lockfile says that is there, or may be: an intent counts."""
    found = set()
    for address, record in (lockfile.resources if lockfile else {}).items():
        at = record.source.at
        if address.kind == "key":
            found |= {Thing("key", at, value) for value in _values(record)}
        else:
            found.add(Thing(address.kind, at, address.alias if address.kind == "route" else ""))
    return found


def _values(record: AnyLocked) -> set[str]:
    sides = (record.attrs, record.pending.attrs if record.pending else None)
    keys = [side for side in sides if isinstance(side, KeyAttrs)]
    return {value for side in keys for value in (side.value, *(side.replaces or ())) if value}


def ordered(spec: Spec) -> set[Thing]:
    """What the spec wants to be there."""
    found = set()
    for address, resource in wanted(spec).items():
        name = {"key": str(getattr(resource.attrs, "value", None)), "route": address.alias}.get(address.kind, "")
        found.add(Thing(address.kind, resource.source.at, name))
    return found


def let_go(spec: Spec) -> set[Thing]:
    """Routes that the spec no longer has FleetHub manage, and that its keys name: they are to stay where they are."""
    fleet = spec.fleet
    return {
        Thing("route", fleet.proxies[need.owner].admin_url, need.alias)
        for resource in wanted(spec).values()
        for need in resource.needs
        if need.kind == "route" and not fleet.proxies[need.owner].manage_routes
    }


def seen(thing: Thing, facts: Facts, lockfile: Lockfile | None, fingerprinter: SecretResolver = SEAL) -> bool:
    """Whether the readings show the thing as the lockfile's: by its mark, its value, or the files that it has."""
    reading = facts.of(Source("host" if thing.kind == "node" else "litellm", thing.at))
    lineage = lockfile.lineage if lockfile else ""
    if isinstance(reading, HostReading):
        mark = parse_mark(reading.mark)
        return (
            mark.lineage == lineage
            if mark
            else bool(_written(thing.at, lockfile) & set(_files(reading, fingerprinter)))
        )
    if not isinstance(reading, ProxyReading):
        return False
    if thing.kind == "route":
        mine = [d for d in reading.deployments if d.stored and d.alias == thing.name]
        return any((mark := parse_mark(d.info.get("fleethub"))) and mark.lineage == lineage for d in mine)
    rows = (row for same in reading.keys.values() for row in same)
    return any(fingerprinter.sha256(bytes.fromhex(row.token)) == thing.name for row in rows)


def _written(at: str, lockfile: Lockfile | None) -> set[tuple[str, str]]:
    """Each file, and its fingerprint, that an apply wrote at a target or began to write."""
    records = (lockfile.resources if lockfile else {}).values()
    sides = (side for r in records if r.source.at == at for side in (r.attrs, r.pending.attrs if r.pending else None))
    nodes = [side for side in sides if isinstance(side, NodeAttrs)]
    return {(path, str(file.fingerprint)) for side in nodes for path, file in side.files.items()}


def _files(reading: HostReading, fingerprinter: SecretResolver) -> Iterator[tuple[str, str]]:
    for path, file in reading.files.items():
        if file.content is not None:
            yield path, str(fingerprinter.sha256(file.content.sha256()))


def unnamed(world: World) -> list[str]:
    """Files at targets that no record of the lockfile names, where nobody but FleetHub wrote any."""
    known: dict[str, set[str]] = {}
    for record in world.lockfile.resources.values() if world.lockfile else ():
        for side in (record.attrs, record.pending.attrs if record.pending else None):
            if isinstance(side, NodeAttrs):
                known.setdefault(record.source.at, set()).update(side.files)
    return [f"{at}/{path}" for at, node in world.nodes.items() for path in node.files.keys() - known.get(at, set())]
