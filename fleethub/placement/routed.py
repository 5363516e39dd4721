"""Models that no chain names and a proxy may call all the same: what its router, or a key, falls back to. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from fleethub.engines.interface import Engine, Server
from fleethub.engines.known import architecture_told
from fleethub.engines.registry import engine_of
from fleethub.model.capacity import Estimate, Placed, PlannedModel, Row, Sure
from fleethub.model.dataclass import dataclass
from fleethub.model.facts import Facts
from fleethub.model.fleet import Fleet
from fleethub.model.observation import Source
from fleethub.model.readings.proxy import KeyRow, ProxyReading
from fleethub.model.readings.server import Installed, ModelFile, ServerReading
from fleethub.model.routing import fallbacks_of, instead, leads_to, rows_of
from fleethub.model.serving import Backend, Model, Proxy
from fleethub.model.text import heard
from fleethub.sizing.architecture import ModelArchitecture, architecture_of


@dataclass(frozen=True, slots=True)
class Routed:
    """A model of a backend and why it may be loaded there; one that the spec does not have is made of its route."""

    model: Model
    why: str


#: Alias and why it is called in another's place.
Reached = tuple[tuple[str, str], ...]


def expected(
    fleet: Fleet,
    backend: Backend,
    server: Server,
    facts: Facts,
    planned: Iterable[PlannedModel],
    reached: Reached | None = None,
    load: Callable[[PlannedModel], Placed] | None = None,
) -> dict[str, Placed]:
    """The loads of a planned set by alias, and beside them, as fallbacks, what the proxy may call on its own.

    ``reached``: what ``reached_by`` says of its proxy, for whoever knows it already; ``load``: who knows the loads.
    """
    entries = tuple(planned)
    make = load or (lambda p: sized(fleet.models[p.model], backend, server, facts, primary=p.primary))
    loads = {p.model: make(p) for p in entries}
    for one in routed(fleet, backend, facts, entries, reached):
        loads[one.model.name] = loaded(one, backend, server, facts)
    return loads


def sized(model: Model, backend: Backend, server: Server, facts: Facts, *, primary: bool) -> Placed:
    """A load; one that its own server cannot size, for it is not installed there, as another server tells it."""
    load = server.load(model, facts, primary=primary)
    if load.estimate.total is not None or load.needs is not None or backend.engine is None:
        return load
    engine = engine_of(backend.engine)
    own = facts.of(backend.engine.source)
    if isinstance(own, ServerReading) and installed_as(engine, own, model) is not None:
        return load  # it is there, and its own file does not tell it
    architecture = architecture_anywhere(facts, model, backend, engine)
    return load if architecture is None else server.load(model, facts, primary=primary, architecture=architecture)


def architecture_anywhere(facts: Facts, model: Model, first: Backend, engine: Engine) -> ModelArchitecture | None:
    """The architecture of an installed model, of ``first`` where it is there, else of any server that was read,
    now or before."""
    told = facts.of(model.source) if model.source else None
    if isinstance(told, ModelFile) and (found := architecture_told(model, facts)) is not None:
        return found
    own = (facts.of(first.engine.source), facts.remembered.get(first.engine.url)) if first.engine else ()
    for reading in (*own, *facts.readings.values(), *facts.remembered.values()):
        installed = installed_as(engine, reading, model) if isinstance(reading, ServerReading) else None
        if installed is not None and installed.shown is not None:
            return architecture_of(installed.shown, installed.size)
    return None


def installed_as(engine: Engine, reading: ServerReading, model: Model) -> Installed | None:
    """A model on a server's disk, where it is there."""
    tag = model.tag or model.name
    if (found := reading.installed.get(tag)) is not None:
        return found
    name = engine.canonical(tag)
    return next((one for there, one in reading.installed.items() if engine.canonical(there) == name), None)


def loaded(one: Routed, backend: Backend, server: Server, facts: Facts) -> Placed:
    """It as a fallback. One whose facts nobody asked for takes its file at least: too large is known by that alone."""
    load = server.load(one.model, facts, primary=False)
    reading = facts.of(backend.engine.source) if backend.engine else None
    found = reading.installed.get(one.model.tag or "") if isinstance(reading, ServerReading) else None
    if load.estimate.total is None and found is not None and server.total is not None and found.size > server.total:
        size = Estimate((Row("file", found.size, Sure.ESTIMATED, "its size on the server"),), found.size, found.size)
        load = replace(load, estimate=size)
    return replace(load, why=one.why)


def reached_by(fleet: Fleet, backend: Backend, facts: Facts) -> Reached:
    """What the proxy of a backend calls in the place of a model of this fleet, wherever that is."""
    proxy = fleet.proxies.get(backend.proxy or "")
    reading = facts.of(Source("litellm", proxy.admin_url)) if proxy else None
    return tuple(_reached(fleet, proxy, reading)) if proxy is not None and isinstance(reading, ProxyReading) else ()


def routed(
    fleet: Fleet,
    backend: Backend,
    facts: Facts,
    planned: Iterable[PlannedModel],
    reached: Reached | None = None,
) -> tuple[Routed, ...]:
    """What the backend's proxy may call there in the place of a model of this fleet; without what is planned."""
    proxy = fleet.proxies.get(backend.proxy or "")
    reading = facts.of(Source("litellm", proxy.admin_url)) if proxy else None
    if proxy is None or backend.engine is None or not isinstance(reading, ProxyReading):
        return ()
    there = {p.model for p in planned}
    found: dict[str, Routed] = {}
    for other, why in reached_by(fleet, backend, facts) if reached is None else reached:
        model = None if other in there or other in found else _model(fleet, backend, proxy, reading, other)
        if model is not None:
            found[other] = Routed(model, why)
    return tuple(found.values())


def asked_of(fleet: Fleet, proxy: Proxy) -> dict[str, set[str]]:
    """Alias -> the keys that this fleet gives for it on a proxy: those of chains, and what keys name beside them."""
    found: dict[str, set[str]] = {}
    for node in fleet.nodes.values():
        for hop in node.chain:
            if not hop.direct and fleet.models[hop.model].proxy == proxy.name:
                found.setdefault(hop.model, set()).add(node.key or node.name)
    for key in fleet.keys.values():
        for alias in (*key.also, *key.models):
            if fleet.models[alias].proxy == proxy.name:
                found.setdefault(alias, set()).add(key.name)
    return found


def _reached(fleet: Fleet, proxy: Proxy, reading: ProxyReading) -> Iterable[tuple[str, str]]:
    """Alias and why, of what is called in another's place: by the router's settings, and by those of a key of ours."""
    asked = asked_of(fleet, proxy)
    for other, alias in instead(reading.fallbacks, asked).items():
        yield other, f"{proxy.name} falls back to it from {alias}"
    for name in sorted({key for keys in asked.values() for key in keys}):
        own = [alias for alias, keys in asked.items() if name in keys]
        for row in reading.keys.get(name, ()):
            yield from _by_key(row, own)


def _by_key(row: KeyRow, own: Iterable[str]) -> Iterable[tuple[str, str]]:
    settings: Mapping[str, object] = row.router_settings
    for other, alias in instead(fallbacks_of(settings), own).items():
        yield other, f"the key {heard(row.alias)} falls back to it from {alias}"
    for alias, target in sorted(row.aliases.items()):
        if alias in own and isinstance(target, str):
            yield target, f"the key {heard(row.alias)} calls it for {alias}"


def _model(fleet: Fleet, backend: Backend, proxy: Proxy, reading: ProxyReading, alias: str) -> Model | None:
    """The model on this backend, if the alias leads there."""
    known = fleet.models.get(alias)
    if known is not None:
        return known if backend.name in known.backends else None
    url = backend.engine.url if backend.engine else ""
    row = next((row for row in rows_of(reading, alias) if leads_to(row, url)), None)
    if row is None:
        return None
    tag = row.model.partition("/")[2] or row.model
    return Model(name=alias, backends=(backend.name,), proxy=proxy.name, route=row.model, tag=tag, context=0)


def unmanaged(fleet: Fleet, backend: Backend, facts: Facts, planned: Iterable[PlannedModel]) -> str:
    """Whose keys may load something there that is not planned: keys that are not this fleet's. Empty: nobody's."""
    proxy = fleet.proxies.get(backend.proxy or "")
    reading = facts.of(Source("litellm", proxy.admin_url)) if proxy else None
    if proxy is None or backend.engine is None or not isinstance(reading, ProxyReading):
        return ""
    url, there = backend.engine.url, {p.model for p in planned}
    here = {row.alias for row in reading.deployments if leads_to(row, url)} - there
    ours = {key for keys in asked_of(fleet, proxy).values() for key in keys}
    whose = sorted(
        heard(row.alias) or "a key without a name"
        for rows in reading.keys.values()
        for row in rows
        if row.alias not in ours and not row.blocked and (not row.models or here & {*row.models})
    )
    if not here or not whose:
        return ""
    named = ", ".join(whose[:3]) + (f" and {len(whose) - 3} more" if len(whose) > 3 else "")
    models = ", ".join(sorted(heard(alias) for alias in here)[:3]) + (" …" if len(here) > 3 else "")
    return f"keys that are not this fleet's ({named}) may load {models} there: that is not counted"
