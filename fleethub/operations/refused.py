"""Why a call is refused: what its proxy asks of it, for each model that a node or a key calls. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace

from fleethub.model.address import CALLERS, Address
from fleethub.model.address import key as key_address
from fleethub.model.dataclass import dataclass
from fleethub.model.endpoint import Call, Reply
from fleethub.model.errors import InputError
from fleethub.model.exit import Exit
from fleethub.model.finding import Finding
from fleethub.model.fleet import Fleet
from fleethub.model.observation import Unknown
from fleethub.model.readings.proxy import KeyRow, ProxyReading
from fleethub.model.secret import Derived, Secret
from fleethub.model.text import heard
from fleethub.operations.outcome import Outcome
from fleethub.operations.plan import plan_exit
from fleethub.operations.reasons import named_in, resolved
from fleethub.operations.verify import VerifyInput
from fleethub.operations.verify import run as verify
from fleethub.operations.workplace import Workplace
from fleethub.reasons.graph import use_graph
from fleethub.verifying.refused import RefusedQuery, RefusedResult, gates

LIST_SECONDS = 10.0
#: What ``verify`` says of the node itself, which no proxy can tell.
OF_NODE = ("not-applied", "older-key", "wrong-key", "proxy-down", "no-route", "node-unread", "route-refused", "hangs")


@dataclass(frozen=True, slots=True)
class RefusedAnswer:
    """All calls that were asked about. ``findings`` are about the node itself: which key it has, whom it can reach."""

    who: Address
    calls: tuple[RefusedResult, ...]
    findings: tuple[Finding, ...] = ()


def run(workplace: Workplace, who: str, model: str | None) -> Outcome[RefusedAnswer | None]:
    """Ask the proxies: exit 3 where something refuses a call, 1 where that is not known. Raises InputError."""
    from fleethub.kinds.key import scopes

    if (stopped := workplace.refused()) is not None:
        return Outcome(None, plan_exit(stopped), stopped.findings)
    fleet = workplace.fleet
    lockfile = workplace.store.read().lockfile
    graph = use_graph(fleet, workplace.opened.written, lockfile)
    known = named_in(fleet, graph, lockfile)
    address = resolved(who, {a for a in known if a.kind == "key" or (a.kind in CALLERS and a.name in fleet.nodes)})
    wanted = tuple(dict.fromkeys(_calls(fleet, address, model)))
    if not wanted:
        raise InputError(f"{address} calls nothing through a proxy{f' called {model}' if model else ''}")
    lists: dict[tuple[str, str], dict[str, Reply]] = {}
    findings: tuple[Finding, ...] = ()
    if address.kind in CALLERS:
        lists, findings = _as_node(workplace, address)
    readings = _readings(workplace, wanted)
    calls = []
    for proxy, name, alias in wanted:
        reading = readings[proxy]
        row = _row(workplace, key_address(proxy, name), reading) if isinstance(reading, ProxyReading) else None
        found = lists.get((proxy, alias)) or _lists(workplace, proxy, name)
        unread = heard(reading.reason) if isinstance(reading, Unknown) else ""
        seen = reading if isinstance(reading, ProxyReading) else None
        ttl = fleet.proxies[proxy].key_cache_ttl
        wired = alias in scopes(fleet).get((proxy, name), ())
        query = RefusedQuery(proxy, name, alias, seen, row, found, ttl, unread, wired)
        calls.append(RefusedResult(proxy, key_address(proxy, name), alias, gates(query)))
    states = {gate.state for call in calls for gate in call.gates}
    shut = "shut" in states or any(f.severity == "error" for f in findings)
    code = Exit.REFUSED if shut else Exit.ERROR if "unknown" in states else Exit.FINE
    return Outcome(RefusedAnswer(address, tuple(calls), findings), code, findings)


def _calls(fleet: Fleet, address: Address, model: str | None) -> Iterator[tuple[str, str, str]]:
    """(proxy, key, model) of each call; a ``model`` that is not in the wiring is asked about all the same."""
    from fleethub.kinds.key import scopes, wiring

    if address.kind in CALLERS:
        node = fleet.nodes[address.name]
        calls, name = wiring(fleet, node), node.key
    else:
        found = scopes(fleet).get((address.owner, address.alias), set())
        calls, name = {address.owner: frozenset(found)}, address.alias
    for proxy, models in calls.items():
        if model is None:
            yield from ((proxy, name, alias) for alias in sorted(models))
        elif model in models or fleet.models.get(model) is None or fleet.models[model].proxy == proxy:
            yield proxy, name, model


def _readings(workplace: Workplace, wanted: tuple[tuple[str, str, str], ...]) -> dict[str, ProxyReading | Unknown]:
    """The proxies as their master keys see them, with the teams of the keys that are asked about."""
    from fleethub.kinds.proxies import proxy_source

    names: dict[str, set[str]] = {}
    for proxy, name, _ in wanted:
        names.setdefault(proxy, set()).add(name)
    sources = {
        proxy: replace(proxy_source(workplace.fleet.proxies[proxy]), ask=tuple(sorted(keys)))
        for proxy, keys in names.items()
    }
    facts = workplace.read(sources.values())
    found = {proxy: facts.of(source) for proxy, source in sources.items()}
    return {
        proxy: reading if isinstance(reading, ProxyReading | Unknown) else Unknown("it is no LiteLLM", facts.at)
        for proxy, reading in found.items()
    }


def _value(workplace: Workplace, address: Address) -> Secret | None:
    """The key's value, where FleetHub derives it and the seed is there."""
    from fleethub.clients.resolver import SecretError

    fleet = workplace.fleet
    if fleet.kept_value(address):
        return None
    born = fleet.births.get(address, address)
    with suppress(SecretError):
        slot = Derived("key", fleet.identity, born.owner, born.alias, fleet.generation(address))
        return workplace.resolver.open(slot)
    return None


def _row(workplace: Workplace, address: Address, reading: ProxyReading) -> KeyRow | None:
    """The key's row: by its value, else by its alias."""
    value = _value(workplace, address)
    token = value.sha256() if value is not None else ""
    by_value = (row for rows in reading.keys.values() for row in rows if row.token == token)
    return next(by_value, None) or next(iter(reading.keys.get(address.alias, ())), None)


def _lists(workplace: Workplace, proxy: str, name: str) -> Mapping[str, Reply]:
    """What each replica lists to the key, asked from here; nothing where its value is not known or not to be sent."""
    from fleethub.clients.endpoint import ask_here

    value = _value(workplace, key_address(proxy, name))
    urls = [url for url in workplace.fleet.proxies[proxy].endpoints if workplace.trust.guard.allows(url)]
    if value is None:
        return {}
    calls = [Call("models", f"{url.rstrip('/')}/v1/models", "KEY", LIST_SECONDS) for url in urls]
    return dict(zip(urls, ask_here(workplace.http, calls, {"KEY": value}), strict=True))


def _as_node(
    workplace: Workplace, address: Address
) -> tuple[dict[tuple[str, str], dict[str, Reply]], tuple[Finding, ...]]:
    """What each replica lists to the key that the node really has, by (proxy, model); what is wrong with the node."""
    (node,) = verify(workplace, VerifyInput((address.name,))).data.nodes
    lists: dict[tuple[str, str], dict[str, Reply]] = {}
    for row in node.rows:
        if row.check.proxy:
            lists.setdefault((row.check.proxy, row.check.name), {})[row.check.url] = row.listing
    told = tuple(f for f in node.findings if f.code.removeprefix("verify.") in OF_NODE)
    return lists, told
