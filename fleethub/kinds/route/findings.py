"""What is wrong with the aliases that chains and keys name, where their proxy could be read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fleethub.engines.registry import engine_of, engine_of_route
from fleethub.kinds.key import mark_of, scopes
from fleethub.kinds.proxies import proxy_source
from fleethub.kinds.route.attributes import DeploymentAttrs
from fleethub.kinds.route.deployments import wanted_deployments
from fleethub.model.address import route as route_address
from fleethub.model.attributes import plain
from fleethub.model.facts import Facts
from fleethub.model.finding import Finding
from fleethub.model.fleet import Fleet
from fleethub.model.readings.proxy import Deployment, ProxyReading
from fleethub.model.routing import leads_to, origin, rows_of
from fleethub.model.serving import Model, Proxy


def alias_findings(fleet: Fleet, facts: Facts) -> list[Finding]:
    """In the order of proxies and aliases."""
    found: list[Finding] = []
    named = sorted({(proxy, alias) for (proxy, _), models in scopes(fleet).items() for alias in models})
    for proxy_name, alias in named:
        proxy, model = fleet.proxies[proxy_name], fleet.models[alias]
        reading = facts.of(proxy_source(proxy))
        if not isinstance(reading, ProxyReading):
            continue
        rows = rows_of(reading, alias)
        if not rows and alias not in reading.models:
            if not proxy.manage_routes:
                found.append(_missing(fleet, model, proxy))
            continue
        found += _group(model, proxy, reading)
        ours = [d for d in rows if d.stored and mark_of(d.info)]
        found += _row_findings(fleet, model, proxy, [d for d in rows if d not in ours], facts)
        found += _unreached(fleet, model, proxy, rows) if not proxy.manage_routes else []
    return found


def _entries(model: Model, rows: Iterable[DeploymentAttrs]) -> tuple[str, ...]:
    """What a LiteLLM's config says of them."""
    lines = ["model_list:"]
    for row in rows:
        lines += [f"  - model_name: {model.name}", "    litellm_params:"]
        lines += [f"      {name}: {value}" for name, value in plain(row).items()]
    return tuple(lines)


def _unreached(fleet: Fleet, model: Model, proxy: Proxy, rows: Sequence[Deployment]) -> list[Finding]:
    """Backends that no deployment leads to, beyond those that one may reach by another name of theirs."""
    urls = {b: server.url for b in model.backends if (server := fleet.backends[b].engine) is not None}
    lacking = {b: url for b, url in urls.items() if not any(leads_to(row, url) for row in rows)}
    astray = [row for row in rows if not any(leads_to(row, url) for url in urls.values())]
    other = [row for row in astray if row.api_base or engine_of_route(row.model) is not None]
    if not rows or len(lacking) <= len(other) or len(lacking) == len(urls):
        return []
    there, missing = (", ".join(sorted(names)) for names in (urls.keys() - lacking.keys(), lacking))
    return [
        Finding(
            "route.backend-missing",
            f"{model.name!r} on {proxy.name} leads to {there} alone: no call comes to {missing}, where it is too",
            route_address(proxy.name, model.name),
            model.place,
            f"add this to LiteLLM's config and restart it, or set manage_routes = true in [proxies.{proxy.name}]",
            _entries(model, (row for row in wanted_deployments(fleet, model) if row.api_base in lacking.values())),
        )
    ]


def _missing(fleet: Fleet, model: Model, proxy: Proxy) -> Finding:
    return Finding(
        "route.missing",
        f"the proxy {proxy.name} has no model {model.name!r}, so every call for it would be refused",
        route_address(proxy.name, model.name),
        model.place,
        f"add this to LiteLLM's config and restart it, or set manage_routes = true in [proxies.{proxy.name}]",
        _entries(model, wanted_deployments(fleet, model)),
    )


def _group(model: Model, proxy: Proxy, reading: ProxyReading) -> list[Finding]:
    """That the model's name is also that of a group of models, which a key that has it in its list may then call."""
    beside = sorted({row.alias for row in reading.deployments if model.name in row.groups} - {model.name})
    if not beside:
        return []
    says = f"{model.name!r} is an access group of {proxy.name} too: a key for it may call {', '.join(beside)} as well"
    if reading.version.startswith("1.82."):
        says += ", and its list then lacks the model itself, so that no apply can prove it"
    hint = "give the group another name in LiteLLM (access_groups in the model_info of these models)"
    return [Finding("route.group-named", says, route_address(proxy.name, model.name), model.place, hint)]


def _lost(fleet: Fleet, model: Model, row: Deployment, facts: Facts) -> tuple[str, str] | None:
    """That a route to a server of ours passes no context on, and what to do; None where that changes nothing."""
    for name in model.backends:
        backend = fleet.backends[name]
        if backend.engine is None or not leads_to(row, backend.engine.url):
            continue
        engine = engine_of(backend.engine)
        if not engine.context_parameter or engine_of_route(row.model) is not None:
            continue
        tokens, source = engine.server(fleet, backend, facts).effective_context(model, facts)
        if tokens == model.context:
            continue
        provider, title = row.model.partition("/")[0], backend.engine.title
        return (
            f"calls {title} on {name} by {provider}/, which passes no {engine.context_parameter} on: it loads "
            f"{tokens} tokens ({source}), and the spec says {model.context}",
            f"make its model {engine.providers[-1]}/{model.tag} with api_base {backend.engine.url} and "
            f"{engine.context_parameter}: {model.context}",
        )
    return None


def _same(one: str, other: str) -> bool:
    """Whether two routes lead to one model, by whichever of its engine's names for it."""
    engine = engine_of_route(one)
    if engine is None or engine is not engine_of_route(other):
        return one == other
    (first, _, name), (second, _, named) = one.partition("/"), other.partition("/")
    return first == second and engine.canonical(name) == engine.canonical(named)


def _row_findings(fleet: Fleet, model: Model, proxy: Proxy, rows: list[Deployment], facts: Facts) -> list[Finding]:
    found: list[Finding] = []
    address = route_address(proxy.name, model.name)

    def add(code: str, message: str, hint: str) -> None:
        found.append(Finding(code, message, address, model.place, hint))

    if rows and not any(_same(d.model, model.route) for d in rows):
        there = ", ".join(sorted({d.model for d in rows}))
        add(
            "route.differs",
            f"{model.name!r} on {proxy.name} leads to {there}, and the spec says {model.route}",
            "change the route in LiteLLM's config or in the spec",
        )
        return found
    bases = {server.url for n in model.backends if (server := fleet.backends[n].engine) is not None}
    for row in rows:
        if (told := _lost(fleet, model, row, facts)) is not None:
            add("route.context-unset", f"{model.name!r} on {proxy.name} {told[0]}", told[1])
        leads = engine_of_route(row.model)
        if leads is not None and leads.context_parameter:
            set_by, title = leads.context_parameter, leads.settings.title
            if row.num_ctx is None and row.alias != model.name:
                add(
                    "route.context-unset",
                    f"{model.name!r} on {proxy.name} is of the wildcard {row.alias!r}, which sets no {set_by},"
                    f" so {title} chooses the context itself",
                    f"give it an entry of its own in the model_list, with {set_by}: {model.context}",
                )
            elif row.num_ctx is None:
                add(
                    "route.context-unset",
                    f"{model.name!r} on {proxy.name} sets no {set_by}, so {title} chooses the context itself",
                    f"add {set_by}: {model.context} to its litellm_params",
                )
            elif row.num_ctx != model.context:
                add(
                    "route.context-differs",
                    f"{model.name!r} on {proxy.name} loads {set_by} {row.num_ctx}, and the spec says {model.context}",
                    f"set {set_by}: {model.context} in its litellm_params, or context = {row.num_ctx} in the spec",
                )
        if bases and row.api_base and origin(row.api_base) not in {origin(b) for b in bases}:
            add(
                "route.api-base",
                f"{model.name!r} on {proxy.name} calls {row.api_base}; the spec says {', '.join(sorted(bases))}",
                "fine when both name the same host; else correct one of them",
            )
    return list(dict.fromkeys(found))
