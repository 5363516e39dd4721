"""Which models a key must reach: the wiring of its nodes, and what the spec adds."""

from __future__ import annotations

from functools import lru_cache

from fleethub.model.address import Address, route
from fleethub.model.consuming import Node
from fleethub.model.fleet import Fleet
from fleethub.model.observation import shared


def wiring(fleet: Fleet, node: Node) -> dict[str, frozenset[str]]:
    """Proxy name -> models that the node's chain calls through it."""
    by_proxy: dict[str, set[str]] = {}
    for hop in node.chain:
        proxy = fleet.models[hop.model].proxy
        if not hop.direct and proxy is not None:
            by_proxy.setdefault(proxy, set()).add(hop.model)
    return {proxy: shared(frozenset(models)) for proxy, models in by_proxy.items()}


@lru_cache(maxsize=1024)
def route_need(proxy: str, alias: str) -> tuple[Address, frozenset[str]]:
    """A route, and what is called through it: the same for each who does, and held once."""
    return route(proxy, alias), shared(frozenset({alias}))


def scopes(fleet: Fleet) -> dict[tuple[str, str], set[str]]:
    """(proxy, key name) -> every model the key must reach: the wiring of its nodes, ``also`` and ``models``."""
    wanted: dict[tuple[str, str], set[str]] = {}
    for node in fleet.nodes.values():
        for proxy, models in wiring(fleet, node).items():
            wanted.setdefault((proxy, node.key), set()).update(models)
    for key in fleet.keys.values():
        for alias in (*key.also, *key.models):
            proxy_name = fleet.models[alias].proxy
            if proxy_name is not None:
                wanted.setdefault((proxy_name, key.name), set()).add(alias)
    return wanted
