"""The models of proxies as blocks of a spec: alias, route, context, and the backends that serve them."""

from __future__ import annotations

import shlex
from typing import Any

from fleethub.adoption.backends import backend_block, origin
from fleethub.adoption.proposal import Draft, KnownModel, Unsayable, is_alias
from fleethub.engines.interface import Engine
from fleethub.engines.registry import engine_of_route
from fleethub.fleetspec.added import NewBlock
from fleethub.model.address import route as route_address
from fleethub.model.readings.proxy import Deployment, ProxyReading

#: The largest context that a spec can say, in tokens.
MOST = 100_000_000


def models(draft: Draft) -> None:
    """Every model of every proxy, as the spec has it or could say it."""
    for proxy, reading in draft.readings():
        for alias in sorted({row.alias for row in reading.deployments} | reading.models):
            if "*" in alias:
                continue
            try:
                draft.models[proxy, alias] = _model(draft, proxy, alias, reading)
            except Unsayable as why:
                draft.tell(route_address(proxy, alias), str(why))


def _model(draft: Draft, proxy: str, alias: str, reading: ProxyReading) -> KnownModel:
    there = draft.fleet.models.get(alias)
    if there is not None and there.proxy == proxy:
        return KnownModel(alias, proxy, there.context, there.tag or "", backends=there.backends)
    if there is not None:
        raise Unsayable(f"the spec has a model {alias!r} already, on {there.proxy or 'no proxy'}")
    if not is_alias(alias):
        raise Unsayable("its alias is no name that the spec can have")
    if any(other == alias for _, other in draft.models):
        raise Unsayable("another proxy has this alias too; an alias of the spec is on one proxy")
    rows = [row for row in reading.deployments if row.alias == alias]
    if not rows:
        raise Unsayable("the proxy lists it and tells no deployment of it (an alias, or a wildcard's)")
    route = rows[0].model
    if any(row.model != route for row in rows):
        routes = ", ".join(sorted({row.model for row in rows}))
        raise Unsayable(f"it leads to several models ({routes}); a model of the spec has one route")
    if why := draft.refused.get(("models", alias)):
        raise Unsayable(why)
    context = _context(draft, alias, rows)
    fields = _served(draft, proxy, alias, rows, engine_of_route(route))
    block = NewBlock(("models", alias), {**fields, "route": route, "context": context})
    tag = route.partition("/")[2] or route
    return KnownModel(alias, proxy, context, tag, block, tuple(fields.get("backends", ())))


def _context(draft: Draft, alias: str, rows: list[Deployment]) -> int:
    """Tokens: what somebody says, else what every deployment loads, else what LiteLLM knows that the model takes."""
    if alias in draft.contexts:
        return draft.contexts[alias]
    loads = {row.num_ctx for row in rows}
    found = loads if loads != {None} else {row.max_input for row in rows}
    first = next(iter(found))
    if len(found) == 1 and first is not None and 0 < first <= MOST:
        return first
    why = "its deployments say different contexts" if len(found) > 1 else f"its deployments say {first} tokens"
    why = "nothing there tells its context" if found == {None} else why
    raise Unsayable(f"{why}; say it: --context {shlex.quote(alias)}=TOKENS")


def _served(draft: Draft, proxy: str, alias: str, rows: list[Deployment], engine: Engine | None) -> dict[str, Any]:
    """``backends``, or the proxy of a model that no backend serves."""
    if engine is None or any(row.api_base is None for row in rows):
        return {"proxy": proxy}
    names: dict[str, None] = {}
    for url in dict.fromkeys(row.api_base or "" for row in rows):
        if (known := draft.known_backend(url)) is None:
            taken = {*draft.fleet.backends, *(block.path[1] for block in draft.backends.values())}
            if origin(url) in draft.closed:
                draft.tell(f"backend at {origin(url)}", draft.closed[origin(url)])
                return {"proxy": proxy}
            block = backend_block(url, engine, proxy, taken)
            if block is None:
                draft.tell(f"backend of {alias}", "its api_base is no URL of a server, so the model goes without")
                return {"proxy": proxy}
            draft.backends[origin(url)] = block
            known = block.path[1]
        names[known] = None
    for name in names:
        backend = draft.fleet.backends.get(name)
        if backend is not None and backend.proxy != proxy:
            raise Unsayable(
                f"its server is the backend {name}, which the spec puts behind {backend.proxy or 'no proxy'}"
            )
    return {"backends": list(names)}
