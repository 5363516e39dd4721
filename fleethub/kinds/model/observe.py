"""What the readings say of a model on a server: whether it is there, whether its disk has room, who calls it."""

from __future__ import annotations

from collections.abc import Iterator

from fleethub.engines.registry import ENGINES, OPENAI
from fleethub.kinds.model.attributes import ModelAttrs, ModelMaterial, ModelTelemetry
from fleethub.kinds.model.wanted import addresses_of, wanted
from fleethub.kinds.proxies import proxy_source
from fleethub.kinds.values import ObserveContext
from fleethub.model.address import Address
from fleethub.model.facts import Facts
from fleethub.model.observation import Absent, Locked, Resource, Seen, Source, Unknown
from fleethub.model.readings.gpu import GpuReading
from fleethub.model.readings.proxy import ProxyReading
from fleethub.model.readings.server import Installed, ServerReading
from fleethub.model.serving import Backend
from fleethub.model.text import gib
from fleethub.model.trust import origin_of

#: Bytes that a pull must leave on the disk: a host whose disk is full has other troubles than a model.
KEPT = 1 << 30


def observe(
    address: Address,
    want: Resource[ModelAttrs, ModelMaterial] | None,
    locked: Locked[ModelAttrs] | None,
    context: ObserveContext,
) -> Seen[ModelAttrs, ModelTelemetry] | Absent | Unknown:
    """By the server's list; of what is wanted no more only what FleetHub pulled and the spec does not name counts."""
    source, facts = want.source if want else locked.source if locked else None, context.facts
    reading = facts.of(source) if source else None
    if source is None or not isinstance(reading, ServerReading):
        reason = reading.reason if isinstance(reading, Unknown) else "not read as a model server"
        return Unknown(f"{source.at if source else '?'}: {reason}", facts.at)
    there = installed(reading, source, address.alias)
    if there is None:
        return Absent(facts.at, _no_room(address, want.material, context) if want is not None else "")
    attrs = locked.attrs if locked else None
    mine = attrs is not None and attrs.pulled
    if want is None and (not mine or _in_spec(address, context)):
        return Absent(facts.at)  # it stays as it is: nobody told FleetHub to see to it any more
    pin = want.attrs.digest if want is not None else attrs.digest if attrs is not None else ""
    seen = pin if there.digest.startswith(pin) else there.digest[: max(len(pin), 12)]
    named = tuple(_named(address, source, context)) if want is None else ()
    return Seen(ModelAttrs(seen, mine), facts.at, ModelTelemetry(there.digest, there.size, named, there.modified))


def installed(reading: ServerReading, source: Source, tag: str) -> Installed | None:
    """A model of a server's list, by whichever form of its name."""
    canonical = ENGINES[source.system].canonical
    return next((one for name, one in reading.installed.items() if canonical(name) == canonical(tag)), None)


def free_of(backend: Backend, facts: Facts) -> int | None:
    """Bytes that are free where a backend's server keeps its models; None: nobody tells."""
    machine = facts.of(Source("gpu", backend.ssh)) if backend.ssh else None
    return machine.disk if isinstance(machine, GpuReading) else None


def size_of(tag: str, told: int | None, facts: Facts) -> tuple[int | None, str]:
    """Bytes that a pull brings, and who says so; ``told``: what the spec says; None: nobody does before it begins."""
    for (system, at), reading in sorted(facts.readings.items()):
        if isinstance(reading, ServerReading) and system in ENGINES and ENGINES[system].pulls:
            there = installed(reading, Source(system, at), tag)
            if there is not None and there.size and not there.remote:
                return there.size, "as it is installed elsewhere"
    return (told, "reckoned from its parameters") if told else (None, "")


def _no_room(address: Address, want: ModelMaterial, context: ObserveContext) -> str:
    """Why its disk has no room for it after those that come first there; empty where it has, or nobody tells."""
    facts = context.facts
    free, (size, says) = free_of(want.backend, facts), size_of(want.tag, want.size, facts)
    if free is None or size is None:
        return ""
    before = _before(address, want.backend, free, context)
    if size + sum(before.values()) + KEPT <= free:
        return ""
    others = f" after what comes first ({', '.join(before)}: {gib(sum(before.values()))})" if before else ""
    return (
        f"the disk of {want.backend.name} has {gib(free)} free where models are kept, and {want.tag} takes {gib(size)} "
        f"({says}){others}; {gib(KEPT)} must stay free"
    )


def _before(address: Address, backend: Backend, free: int, context: ObserveContext) -> dict[str, int]:
    """Bytes of what else is missing on the same machine, has room and comes first, by name; in order of addresses."""
    fleet, found = context.fleet, dict[str, int]()
    for other, one in context.once(("pulled",), lambda: wanted(fleet)).items() if fleet is not None else ():
        server = one.backend.engine
        if other >= address or one.backend.ssh != backend.ssh or server is None:
            continue
        reading = context.facts.of(server.source)
        size = size_of(one.tag, one.size, context.facts)[0]
        if isinstance(reading, ServerReading) and installed(reading, server.source, one.tag) is None and size:
            if sum(found.values()) + size + KEPT > free:
                continue  # it is not pulled
            found[one.tag] = found.get(one.tag, 0) + size
    return found


def _in_spec(address: Address, context: ObserveContext) -> bool:
    fleet = context.fleet
    return fleet is not None and any(
        address in addresses_of(fleet, model) for model in fleet.models.values() if address.owner in model.backends
    )


def _named(address: Address, source: Source, context: ObserveContext) -> Iterator[str]:
    """Deployments of proxies that lead there, and proxies of which nobody knows what they call."""
    fleet, engine = context.fleet, ENGINES[source.system]
    others = {origin_of(b.engine.url) for b in fleet.backends.values() if b.engine is not None} if fleet else set()
    others.discard(origin_of(source.at))
    for proxy in fleet.proxies.values() if fleet is not None else ():
        reading = context.facts.of(proxy_source(proxy))
        if not isinstance(reading, ProxyReading):
            yield f"what {proxy.name} calls is not known ({reading.reason if isinstance(reading, Unknown) else '?'})"
            continue
        for row in reading.deployments:
            provider, _, name = row.model.partition("/")
            elsewhere = bool(row.api_base) and origin_of(row.api_base or "") in others
            reaches = provider in (*engine.providers, *OPENAI) and not elsewhere
            if reaches and engine.canonical(name) == address.alias:
                yield f"{row.alias} of {proxy.name} still calls it"
