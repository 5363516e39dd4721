"""Stored deployments with this fleet's mark, of aliases that neither the spec nor the lockfile names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fleethub.kinds.key import mark_of
from fleethub.kinds.proxies import lost, proxy_source
from fleethub.kinds.route.actions import RouteDelete
from fleethub.kinds.route.attributes import RouteState
from fleethub.kinds.values import ObserveContext
from fleethub.model.address import route as route_address
from fleethub.model.finding import Finding
from fleethub.model.fleet import Fleet
from fleethub.model.observation import Mark
from fleethub.model.plan import Phase, Step
from fleethub.model.readings.proxy import ProxyReading


def orphans(items: Sequence[RouteState], fleet: Fleet, context: ObserveContext) -> list[Finding]:
    """One finding per alias."""
    return [_orphan(proxy, alias) for proxy, alias, _ in _lost(items, fleet, context)]


def prune(items: Sequence[RouteState], fleet: Fleet, context: ObserveContext) -> Iterable[Step]:
    """The deletion of each alias's deployments, by the ids that were seen beside the mark."""
    sources = {p.name: proxy_source(p) for p in fleet.proxies.values()}
    sources |= {i.address.owner: i.locked.source for i in items if i.locked and i.address.owner not in sources}
    for proxy, alias, ids in _lost(items, fleet, context):
        if proxy in sources:
            address = route_address(proxy, alias)
            do = RouteDelete(sources[proxy], alias, ids)
            yield Step(f"{address}/prune", address, Phase.CONTRACT, do, removes=True)


def _lost(
    items: Sequence[RouteState], fleet: Fleet, context: ObserveContext
) -> Iterable[tuple[str, str, tuple[str, ...]]]:
    """Proxy, alias, and the ids of its marked deployments."""
    models = {(model.proxy, model.name) for model in fleet.models.values()}

    def marked(reading: ProxyReading) -> Iterable[tuple[str, Mark, tuple[str, str]]]:
        return ((d.alias, mark, (d.alias, d.id)) for d in reading.deployments if (mark := mark_of(d.info)))

    found: dict[tuple[str, str], list[str]] = {}
    for proxy, (alias, model_id) in sorted(lost(items, fleet, context, marked)):
        if (proxy, alias) not in models:
            found.setdefault((proxy, alias), []).append(model_id)
    return [(proxy, alias, tuple(ids)) for (proxy, alias), ids in found.items()]


def _orphan(proxy: str, alias: str) -> Finding:
    return Finding(
        "route.orphan",
        f"the proxy {proxy} has a stored deployment of {alias!r} with this fleet's mark, and neither the spec nor the "
        "lockfile names it",
        route_address(proxy, alias),
        hint="fleethub apply --prune deletes it; or delete it in LiteLLM (POST /model/delete with its id)",
    )
