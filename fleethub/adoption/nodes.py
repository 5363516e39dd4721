"""Nodes that somebody else set up, as blocks of a spec: what they call, and the key that they call it with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import Any

from fleethub import nodetypes
from fleethub.adoption.backends import origin
from fleethub.adoption.proposal import Draft, Unsayable
from fleethub.engines.interface import Engine
from fleethub.engines.registry import engine_of
from fleethub.fleetspec.added import NewBlock
from fleethub.model.address import node as node_address
from fleethub.model.dataclass import dataclass
from fleethub.model.serving import EngineSettings
from fleethub.nodetypes.found import FoundNode, FoundProvider, FoundWay


@dataclass(frozen=True, slots=True)
class FoundTarget:
    """A node at a target: its name, host and type, what its files say; ``files``: roles that lie elsewhere."""

    name: str
    host: str
    target: str
    type: str
    node: FoundNode
    files: Mapping[str, str] = field(default_factory=dict)


def nodes(draft: Draft, targets: Iterable[FoundTarget]) -> None:
    """Every node that the spec does not have, and those that it has and wires into somebody else's files."""
    for name, node in draft.fleet.nodes.items():
        if node.manage == "wiring":
            draft.chosen[node_address(name)] = None
    for at in targets:
        try:
            block, key, beside = _node(draft, at)
        except Unsayable as why:
            draft.tell(node_address(at.name), f"{at.target}: {why}")
            continue
        draft.nodes[at.name] = block
        draft.chosen[node_address(at.name)] = None
        if key:
            draft.users.setdefault(key, set()).update(beside)


def _node(draft: Draft, at: FoundTarget) -> tuple[NewBlock, str, set[str]]:
    """Its block, its key's alias (empty: it has none), and the models that it calls beside its chain."""
    if at.name in draft.fleet.nodes or at.name in draft.nodes:
        raise Unsayable(f"the spec has a node {at.name!r} already: name it otherwise, --node NAME=TARGET")
    if why := draft.refused.get(("nodes", at.name)):
        raise Unsayable(why)
    kind = nodetypes.get(at.type)
    if kind is None or at.node.unclear:
        raise Unsayable("; ".join(at.node.unclear) or f"there is no type {at.type!r}")
    ways = {one.id: way for one in at.node.providers if (way := _way(draft, one)) is not None}
    key = _key_of(draft, at.node, ways)
    said = kind.adopted(at.node, ways)
    if said.left:
        raise Unsayable("; ".join(said.left))
    port = at.node.port or kind.port
    fields: dict[str, Any] = {"host": at.host, "target": at.target}
    fields |= {"port": port} if port != kind.port else {}
    if port and (other := _listening(draft, at.host, port)):
        raise Unsayable(
            f"by its files it listens on port {port} of {at.host}, as {other} does: write its block by hand"
        )
    fields |= {"type": at.type} if at.type != nodetypes.DEFAULT else {}
    fields |= {"key": key} if key and key != at.name else {}
    fields |= dict(said.fields) | ({"files": dict(at.files)} if at.files else {})
    beside = {
        alias
        for hop in at.node.beside
        if (way := ways.get(hop.provider)) and way.proxy and (alias := way.aliases.get(hop.model))
    }
    return NewBlock(("nodes", at.name), fields), key, beside


def _listening(draft: Draft, host: str, port: int) -> str:
    """Who else the spec says to be on a port of a host."""
    for name, node in draft.fleet.nodes.items():
        if (node.host, node.port) == (host, port):
            return name
    for name, block in draft.nodes.items():
        kind = nodetypes.get(str(block.fields.get("type", nodetypes.DEFAULT)))
        if (block.fields["host"], block.fields.get("port", kind.port if kind else 0)) == (host, port):
            return name
    return ""


def _way(draft: Draft, provider: FoundProvider) -> FoundWay | None:
    """Where a provider leads: the proxy that lists its key, else whose URL it has, else the server at its URL."""
    proxy = _proxy_of(draft, provider)
    if proxy is not None:
        known = [model for (at, _), model in draft.models.items() if at == proxy]
        return FoundWay(
            proxy=proxy,
            url=f"{draft.fleet.proxies[proxy].url.rstrip('/')}/v1",
            aliases={model.alias: model.alias for model in known},
            contexts={model.alias: model.context for model in known},
        )
    name = draft.known_backend(provider.url) if provider.url else None
    if name is None:
        return None
    settings = _settings(draft, name)
    if settings is None:
        return None
    server, engine = settings
    known = [model for model in draft.models.values() if name in model.backends and model.tag]
    tags = {engine.canonical(model.tag): model for model in known}
    called = {id: tags[engine.canonical(id)] for id in provider.models if engine.canonical(id) in tags}
    return FoundWay(
        endpoint=f"{name}.{server.engine}",
        url=server.url.rstrip("/") + server.path,
        api=server.api,
        aliases={id: model.alias for id, model in called.items()},
        contexts={model.alias: model.context for model in called.values()},
    )


def _settings(draft: Draft, backend: str) -> tuple[EngineSettings, Engine] | None:
    """The server of a backend of the spec; one that is only proposed has nobody who calls it directly yet."""
    there = draft.fleet.backends.get(backend)
    if there is None or there.engine is None:
        return None
    return there.engine, engine_of(there.engine)


def _proxy_of(draft: Draft, provider: FoundProvider) -> str | None:
    token = provider.key.sha256 if provider.key else ""
    listed = [name for name, reading in draft.readings() if token and _alias_of(reading.keys.values(), token)]
    if len(listed) == 1:
        return listed[0]
    for name, proxy in draft.fleet.proxies.items():
        urls = (proxy.url, proxy.admin_url, *proxy.replicas)
        if provider.url and origin(provider.url) in map(origin, urls):
            return name
    return None


def _key_of(draft: Draft, found: FoundNode, ways: Mapping[str, FoundWay]) -> str:
    """The alias of the one key that the chain uses on its proxies; empty where it uses no proxy. Raises Unsayable."""
    keys: dict[str, str] = {}
    for id in dict.fromkeys(hop.provider for hop in (*found.chain, *found.beside)):
        provider, way = found.provider(id), ways.get(id)
        if provider is None or way is None or not way.proxy:
            continue
        reading = next(reading for name, reading in draft.readings() if name == way.proxy)
        where = provider.key.says if provider.key and provider.key.value is None else ""
        alias = _alias_of(reading.keys.values(), provider.key.sha256) if provider.key else ""
        if not alias:
            why = f" ({where})" if where else ""
            raise Unsayable(f"the key of its provider {id!r} is none that {way.proxy} lists under an alias{why}")
        keys[way.proxy] = keys.get(way.proxy, alias)
        if keys[way.proxy] != alias:
            raise Unsayable(f"its providers use several keys of {way.proxy} ({keys[way.proxy]}, {alias})")
    if len(set(keys.values())) > 1:
        raise Unsayable(f"its keys have other aliases on each proxy ({', '.join(sorted(set(keys.values())))})")
    return next(iter(keys.values()), "")


def _alias_of(keys: Iterable[Iterable[Any]], token: str) -> str:
    return next((row.alias for rows in keys for row in rows if token and row.token == token), "")
