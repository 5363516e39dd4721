"""Model aliases on a LiteLLM: checked everywhere, and made through the API where the spec says so.

Attributes: ``deployments``, a list of ``{model, api_base, num_ctx}`` in a fixed order; only stored
deployments that carry our mark are ours.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from fleethub.kinds.interface import (
    Dependents,
    Inputs,
    ObserveContext,
    ResourceState,
    Work,
    changed_fields,
    managed,
    record,
)
from fleethub.kinds.key import mark_of, proxy_source, scopes
from fleethub.model.actions import ProveRoute, RouteDelete, RoutePut
from fleethub.model.address import Address
from fleethub.model.address import route as route_address
from fleethub.model.facts import Deployment, Facts, ProxyReading
from fleethub.model.finding import Finding
from fleethub.model.fleet import Fleet, Model, Proxy
from fleethub.model.observation import Absent, Attrs, Locked, Lockfile, Observation, Resource, Seen, Unknown
from fleethub.model.plan import FieldChange, FileDiff, Phase, Step
from fleethub.model.secret import Derived

#: Seconds within which every replica must list a stored route: LiteLLM re-reads its database every 30 s.
ROUTE_TIMEOUT = 90.0


def wanted_deployments(fleet: Fleet, model: Model) -> list[dict[str, Any]]:
    """One deployment per backend; a cloud model has one without api_base."""
    base: dict[str, Any] = {"model": model.route}
    rows = []
    for name in model.backends:
        ollama = fleet.backends[name].ollama
        row = dict(base)
        if ollama is not None and is_ollama(model.route):
            row |= {"api_base": ollama.url, "num_ctx": model.context}
        rows.append(row)
    return sorted(rows or [base], key=lambda row: str(row.get("api_base", "")))


def is_ollama(route: str) -> bool:
    """Whether a route leads to Ollama, so that num_ctx is what decides the context."""
    return route.startswith(("ollama/", "ollama_chat/"))


class RouteKind:
    """See the module."""

    name = "route"

    def desired(self, inputs: Inputs) -> Iterable[Resource]:
        """The models of the spec that are on proxies with ``manage_routes``."""
        fleet = inputs.fleet
        for alias, model in sorted(fleet.models.items()):
            proxy = fleet.proxies.get(model.proxy or "")
            if proxy is None or not proxy.manage_routes:
                continue
            yield Resource(
                address=route_address(proxy.name, alias),
                source=proxy_source(proxy),
                attrs={"deployments": wanted_deployments(fleet, model)},
                owner=model.owner,
                protected=model.protected,
                place=model.place,
                material={"proxy": proxy, "fleet": fleet.identity},
            )

    def observe(
        self, address: Address, want: Resource | None, locked: Locked | None, sight: ObserveContext
    ) -> Observation:
        """Our stored deployments; an alias of the config file or of somebody else is there, and not ours."""
        source = want.source if want else locked.source if locked else None
        reading = sight.facts.of(source) if source else None
        if not isinstance(reading, ProxyReading):
            reason = reading.reason if isinstance(reading, Unknown) else "not read as a LiteLLM"
            return Unknown(f"{source.at if source else '?'}: {reason}", sight.facts.at)
        rows = [d for d in reading.deployments if d.alias == address.alias]
        ours = [d for d in rows if d.stored and (mark := mark_of(d.info)) and mark.lineage == sight.lineage]
        stored = [d for d in rows if d.stored]
        applied = locked.attrs.get("deployments", ()) if locked else ()
        # of what is wanted no more: a row of the config file is nobody's; a stored one may be ours without its mark
        mine = ours or [d for d in stored if d.info.get("fleethub") or _shape(d) in applied]
        if not rows or (want is None and not mine):
            return Absent(sight.facts.at)
        shapes = sorted((_shape(d) for d in ours), key=lambda row: str(row.get("api_base", "")))
        return Seen(
            attrs={"deployments": shapes} if ours else {},
            at=sight.facts.at,
            mark=next((mark_of(d.info) for d in ours), None),
            telemetry={
                "theirs": not ours,
                "ids": tuple(d.id for d in ours),
                "marked": tuple((m.fleet, _shape(d)) for d in rows if d.stored and (m := mark_of(d.info))),
            },
        )

    def made(self, address: Address, want: Resource | None, locked: Locked, fleet: str) -> tuple[Derived, ...]:
        """Nothing that could be asked for by itself."""
        return ()

    def proves(self, item: ResourceState) -> bool:
        """A deployment that bears this fleet's name; one of an older FleetHub bears none, and is as it is wanted."""
        if item.seen is None or item.want is None:
            return False
        name, wanted = item.want.material["fleet"], item.want.attrs["deployments"]
        marked: tuple[tuple[str, Mapping[str, Any]], ...] = item.seen.telemetry["marked"]
        return any(fleet == name or (not fleet and shape in wanted) for fleet, shape in marked)

    def orphans(self, items: Sequence[ResourceState], fleet: Fleet, sight: ObserveContext) -> list[Finding]:
        """Stored deployments with this fleet's mark, of aliases that nothing names."""
        names = {p.admin_url: p.name for p in fleet.proxies.values()}
        named = {(p.admin_url, m.name) for m in fleet.models.values() if (p := fleet.proxies.get(m.proxy or ""))}
        for item in items:
            for side in (item.want, item.locked):
                if side is not None and item.address.kind == self.name:
                    named.add((side.source.at, item.address.alias))
                    names.setdefault(side.source.at, item.address.owner)
        found = []
        for (system, at), reading in sorted(sight.facts.readings.items()):
            if system != "litellm" or not isinstance(reading, ProxyReading) or not sight.lineage:
                continue
            lost = {d.alias for d in reading.deployments if (m := mark_of(d.info)) and m.lineage == sight.lineage}
            found += [_orphan(names.get(at, at), alias) for alias in sorted(lost) if (at, alias) not in named]
        return found

    def objections(self, item: ResourceState, lockfile: Lockfile | None) -> list[Finding]:
        """An alias that somebody else defined serves as well, and is left alone; one that is wanted no more and may be
        ours, by another mark or none, is not forgotten.
        """
        seen = item.seen
        if item.want is not None or seen is None or not seen.telemetry["theirs"]:
            return []
        message = (
            f"stored deployments of {item.address.alias!r} on {item.address.owner} do not carry this fleet's mark, "
            "and may be those that it stored"
        )
        hint = "delete them in LiteLLM if nobody calls them (POST /model/delete with their ids); then plan again"
        return [Finding("route.foreign", message, item.address, hint=hint)]

    def remarks(self, item: ResourceState) -> list[Finding]:
        """None."""
        return []

    def describe(self, item: ResourceState) -> tuple[tuple[FieldChange, ...], tuple[FileDiff, ...]]:
        """Nothing for an alias that is not ours; else the deployments."""
        if item.seen and item.seen.telemetry["theirs"]:
            return (), ()
        return changed_fields(managed(item), item.seen.attrs if item.seen else {}), ()

    def applied(self, item: ResourceState) -> Attrs:
        """What the lockfile says."""
        return item.locked.attrs if item.locked else {}

    def beside(self, item: ResourceState) -> tuple[str, ...]:
        """Nothing that it could name."""
        return ()

    def drifted(self, item: ResourceState) -> tuple[FieldChange, ...]:
        """Its attributes say all."""
        return ()

    def kept(self, item: ResourceState) -> tuple[str, ...]:
        """Nothing: it has no files."""
        return ()

    def steps(self, item: ResourceState, uses: Dependents) -> Work:
        """Create is an expand that is proved; removal a contract."""
        ids: tuple[str, ...] = item.seen.telemetry["ids"] if item.seen else ()
        if item.want is None:
            if uses.unsettled:
                return Work(blockers=uses.unsettled)
            if item.locked is None:
                return Work()
            delete = RouteDelete(item.locked.source, item.address.alias, ids)
            return Work((Step(f"{item.address}/delete", item.address, Phase.CONTRACT, delete, removes=True),))
        if refused := tuple(uses.refused.values()):
            return Work(blockers=refused)  # what it would load is what must not be loaded
        proxy: Proxy = item.want.material["proxy"]
        put = RoutePut(item.want.source, item.address.alias, tuple(item.want.attrs["deployments"]), ids)
        expand = Step(f"{item.address}/expand", item.address, Phase.EXPAND, put, locked=record(item.want))
        prove = ProveRoute(item.want.source, proxy.doors, item.address.alias, ROUTE_TIMEOUT)
        return Work((expand, Step(f"{item.address}/prove", item.address, Phase.PROVE, prove, after=(expand.id,))))


def findings(fleet: Fleet, facts: Facts) -> list[Finding]:
    """What is wrong with the aliases that chains and keys name, where their proxy could be read."""
    found: list[Finding] = []
    named = sorted({(proxy, alias) for (proxy, _), models in scopes(fleet).items() for alias in models})
    for proxy_name, alias in named:
        proxy, model = fleet.proxies[proxy_name], fleet.models[alias]
        reading = facts.of(proxy_source(proxy))
        if not isinstance(reading, ProxyReading):
            continue
        rows = [d for d in reading.deployments if d.alias == alias] or _wild(reading, alias)
        if not rows and alias not in reading.models:
            if not proxy.manage_routes:
                found.append(_missing(fleet, model, proxy))
            continue
        ours = [d for d in rows if d.stored and mark_of(d.info)]
        found += _row_findings(fleet, model, proxy, [d for d in rows if d not in ours] if rows else [])
    return found


def _orphan(proxy: str, alias: str) -> Finding:
    return Finding(
        "route.orphan",
        f"the proxy {proxy} has a stored deployment of {alias!r} with this fleet's mark, and neither the spec nor the "
        "lockfile names it",
        route_address(proxy, alias),
        hint="delete it in LiteLLM if nobody calls it (POST /model/delete with its id, see GET /model/info)",
    )


def _wild(reading: ProxyReading, alias: str) -> list[Deployment]:
    """The deployments of the wildcard that takes an alias in, with the model that it leads to: the longest pattern."""
    patterns = {d.alias for d in reading.deployments if "*" in d.alias and _matched(d.alias, alias) is not None}
    if not patterns:
        return []
    best = max(patterns, key=len)
    matched = _matched(best, alias) or ""
    return [replace(d, model=d.model.replace("*", matched, 1)) for d in reading.deployments if d.alias == best]


def _matched(pattern: str, alias: str) -> str | None:
    """What a pattern's first star stands for in an alias; None: it does not match."""
    found = re.fullmatch("(.*)".join(map(re.escape, pattern.split("*"))), alias)
    return found[1] if found else None


def _missing(fleet: Fleet, model: Model, proxy: Proxy) -> Finding:
    lines = ["model_list:"]
    for row in wanted_deployments(fleet, model):
        lines += [f"  - model_name: {model.name}", "    litellm_params:"]
        lines += [f"      {name}: {value}" for name, value in row.items()]
    return Finding(
        "route.missing",
        f"the proxy {proxy.name} has no model {model.name!r}, so every call for it would be refused",
        route_address(proxy.name, model.name),
        model.place,
        f"add this to LiteLLM's config and restart it, or set manage_routes = true in [proxies.{proxy.name}]",
        tuple(lines),
    )


def _row_findings(fleet: Fleet, model: Model, proxy: Proxy, rows: list[Deployment]) -> list[Finding]:
    found: list[Finding] = []
    address = route_address(proxy.name, model.name)

    def add(code: str, message: str, hint: str) -> None:
        found.append(Finding(code, message, address, model.place, hint))

    if rows and all(d.model != model.route for d in rows):
        there = ", ".join(sorted({d.model for d in rows}))
        add(
            "route.differs",
            f"{model.name!r} on {proxy.name} leads to {there}, and the spec says {model.route}",
            "change the route in LiteLLM's config or in the spec",
        )
        return found
    bases = {b.ollama.url for n in model.backends if (b := fleet.backends[n]).ollama is not None}
    for row in rows:
        if is_ollama(row.model):
            if row.num_ctx is None and row.alias != model.name:
                add(
                    "route.context-unset",
                    f"{model.name!r} on {proxy.name} is of the wildcard {row.alias!r}, which sets no num_ctx,"
                    " so Ollama chooses the context itself",
                    f"give it an entry of its own in the model_list, with num_ctx: {model.context}",
                )
            elif row.num_ctx is None:
                add(
                    "route.context-unset",
                    f"{model.name!r} on {proxy.name} sets no num_ctx, so Ollama chooses the context itself",
                    f"add num_ctx: {model.context} to its litellm_params",
                )
            elif row.num_ctx != model.context:
                add(
                    "route.context-differs",
                    f"{model.name!r} on {proxy.name} loads num_ctx {row.num_ctx}, and the spec says {model.context}",
                    f"set num_ctx: {model.context} in its litellm_params, or context = {row.num_ctx} in the spec",
                )
        if bases and row.api_base and _origin(row.api_base) not in {_origin(b) for b in bases}:
            add(
                "route.api-base",
                f"{model.name!r} on {proxy.name} calls {row.api_base}; the spec says {', '.join(sorted(bases))}",
                "fine when both name the same host; else correct one of them",
            )
    return list(dict.fromkeys(found))


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()


def _shape(d: Deployment) -> Mapping[str, Any]:
    row: dict[str, Any] = {"model": d.model}
    if d.api_base is not None:
        row["api_base"] = d.api_base
    if d.num_ctx is not None:
        row["num_ctx"] = d.num_ctx
    return row
