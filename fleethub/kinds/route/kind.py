"""Model aliases on a LiteLLM: checked everywhere, and made through the API where the spec says so.

Only stored deployments that carry our mark are ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from fleethub.kinds.compare import record
from fleethub.kinds.interface import Kind
from fleethub.kinds.proxies import OnProxy
from fleethub.kinds.route.attributes import RouteAttrs, RouteMaterial, RouteTelemetry
from fleethub.kinds.values import Work
from fleethub.model.address import route as route_address
from fleethub.model.finding import Finding
from fleethub.model.observation import Absent, Resource, Seen, Unknown
from fleethub.model.plan import Phase, Step
from fleethub.model.readings.proxy import ProxyReading

#: Seconds within which every replica must list a stored route: LiteLLM re-reads its database every 30 s.
ROUTE_TIMEOUT = 90.0
RouteResource = Resource[RouteAttrs, RouteMaterial]

if TYPE_CHECKING:
    from fleethub.kinds.execution import Handler
    from fleethub.kinds.route.attributes import RouteState
    from fleethub.kinds.values import Dependents, Inputs, ObserveContext, StatusInputs
    from fleethub.model.address import Address
    from fleethub.model.facts import Facts
    from fleethub.model.fleet import Fleet
    from fleethub.model.fleet_status import FleetStatus
    from fleethub.model.observation import Locked, Lockfile, Source, System
    from fleethub.model.plan import FieldChange, FileDiff


class RouteKind(OnProxy, Kind[RouteAttrs, RouteMaterial, RouteTelemetry]):
    """The model aliases of LiteLLMs, and what else is read of their proxies."""

    name = "route"
    attrs = RouteAttrs
    system: System = "litellm"

    def desired(self, inputs: Inputs) -> Iterable[RouteResource]:
        """The models of the spec that are on proxies with ``manage_routes``."""
        from fleethub.kinds.proxies import proxy_source
        from fleethub.kinds.route.deployments import wanted_deployments

        fleet = inputs.fleet
        for alias, model in sorted(fleet.models.items()):
            proxy = fleet.proxies.get(model.proxy or "")
            if proxy is None or not proxy.manage_routes:
                continue
            yield Resource(
                address=route_address(proxy.name, alias),
                source=proxy_source(proxy),
                attrs=RouteAttrs(wanted_deployments(fleet, model)),
                material=RouteMaterial(proxy, fleet.identity),
                owner=model.owner,
                protected=model.protected,
                place=model.place,
            )

    def sources(
        self, fleet: Fleet, wanted: Mapping[Address, RouteResource], locked: Mapping[Address, Locked[RouteAttrs]]
    ) -> Iterable[Source]:
        """Every proxy, for the aliases of all are checked."""
        from fleethub.kinds.proxies import proxy_source

        yield from map(proxy_source, fleet.proxies.values())
        yield from super().sources(fleet, wanted, locked)

    def observe(
        self, address: Address, want: RouteResource | None, locked: Locked[RouteAttrs] | None, context: ObserveContext
    ) -> Seen[RouteAttrs, RouteTelemetry] | Absent | Unknown:
        """Our stored deployments; an alias of the config file or of somebody else is there, and not ours."""
        from fleethub.kinds.key import mark_of
        from fleethub.kinds.route.deployments import in_order, shape_of

        source = want.source if want else locked.source if locked else None
        reading = context.facts.of(source) if source else None
        if not isinstance(reading, ProxyReading):
            reason = reading.reason if isinstance(reading, Unknown) else "not read as a LiteLLM"
            return Unknown(f"{source.at if source else '?'}: {reason}", context.facts.at)
        rows = [d for d in reading.deployments if d.alias == address.alias]
        ours = [d for d in rows if d.stored and (mark := mark_of(d.info)) and mark.lineage == context.lineage]
        stored = [d for d in rows if d.stored]
        applied = locked.attrs.deployments if locked and locked.attrs else ()
        # of what is wanted no more: a row of the config file is nobody's; a stored one may be ours without its mark
        mine = ours or [d for d in stored if d.info.get("fleethub") or shape_of(d) in applied]
        if not rows or (want is None and not mine):
            return Absent(context.facts.at)
        return Seen(
            attrs=RouteAttrs(in_order(map(shape_of, ours))),
            at=context.facts.at,
            telemetry=RouteTelemetry(
                theirs=not ours,
                ids=tuple(d.id for d in ours),
                marked=tuple((m.fleet, shape_of(d)) for d in rows if d.stored and (m := mark_of(d.info))),
            ),
            mark=next((mark_of(d.info) for d in ours), None),
        )

    def theirs(self, item: RouteState) -> bool:
        """An alias that somebody else defined serves as well."""
        return item.seen is not None and item.seen.telemetry.theirs

    def known_by(self, item: RouteState) -> str:
        """The ids of its stored deployments."""
        return " ".join(sorted(item.seen.telemetry.ids)) if item.seen is not None else ""

    def proves(self, item: RouteState) -> bool:
        """A deployment that bears this fleet's name; one of an older FleetHub bears none, and is as it is wanted."""
        if item.seen is None or item.want is None:
            return False
        name, wanted = item.want.material.fleet, item.want.attrs.deployments
        return any(fleet == name or (not fleet and shape in wanted) for fleet, shape in item.seen.telemetry.marked)

    def proven(self, items: Sequence[RouteState], fleet: Fleet, facts: Facts) -> Iterable[Address]:
        """Also stored deployments that bear this fleet's name, of aliases that the spec no longer has."""
        from fleethub.kinds.key import mark_of
        from fleethub.kinds.proxies import proxy_source

        yield from super().proven(items, fleet, facts)
        for proxy in fleet.proxies.values():
            reading = facts.of(proxy_source(proxy))
            for row in reading.deployments if isinstance(reading, ProxyReading) else ():
                if row.stored and (mark := mark_of(row.info)) and mark.fleet == fleet.identity:
                    yield route_address(proxy.name, row.alias)

    def orphans(self, items: Sequence[RouteState], fleet: Fleet, context: ObserveContext) -> list[Finding]:
        """Stored deployments with this fleet's mark, of aliases that nothing names."""
        from fleethub.kinds.route.orphans import orphans

        return orphans(items, fleet, context)

    def prune(self, items: Sequence[RouteState], fleet: Fleet, context: ObserveContext) -> Iterable[Step]:
        """By the ids that bear the mark."""
        from fleethub.kinds.route.orphans import prune

        return prune(items, fleet, context)

    def findings(
        self,
        fleet: Fleet,
        wanted: Mapping[Address, RouteResource],
        locked: Mapping[Address, Locked[RouteAttrs]],
        facts: Facts,
    ) -> list[Finding]:
        """Of the aliases that chains and keys name, and of proxies that could not be read."""
        from fleethub.kinds.proxies import unreadable
        from fleethub.kinds.route.findings import alias_findings

        return [*alias_findings(fleet, facts), *unreadable(fleet, facts)]

    def objections(self, item: RouteState, lockfile: Lockfile | None) -> list[Finding]:
        """An alias that somebody else defined serves as well, and is left alone; one that is wanted no more and may be
        ours, by another mark or none, is not forgotten.
        """
        seen = item.seen
        if item.want is not None or seen is None or not seen.telemetry.theirs:
            return []
        message = (
            f"stored deployments of {item.address.alias!r} on {item.address.owner} do not carry this fleet's mark, "
            "and may be those that it stored"
        )
        hint = "delete them in LiteLLM if nobody calls them (POST /model/delete with their ids); then plan again"
        return [Finding("route.foreign", message, item.address, hint=hint)]

    def describe(self, item: RouteState) -> tuple[tuple[FieldChange, ...], tuple[FileDiff, ...]]:
        """Nothing for an alias that is not ours; else the deployments."""
        return ((), ()) if self.theirs(item) else super().describe(item)

    def entries(self, item: RouteState) -> Mapping[str, Address | None]:
        """Its model."""
        return {item.address.alias: None}

    def steps(self, item: RouteState, dependents: Dependents) -> Work:
        """Create is an expand that is proved; removal a contract."""
        from fleethub.kinds.route.actions import ProveRoute, RouteDelete, RoutePut

        ids = item.seen.telemetry.ids if item.seen else ()
        if item.want is None:
            if dependents.unsettled:
                return Work(blockers=dependents.unsettled)
            if item.locked is None:
                return Work()
            delete = RouteDelete(item.locked.source, item.address.alias, ids)
            return Work((Step(f"{item.address}/delete", item.address, Phase.CONTRACT, delete, removes=True),))
        if refused := tuple(dependents.refused.values()):
            return Work(blockers=refused)  # what it would load is what must not be loaded
        put = RoutePut(item.want.source, item.address.alias, item.want.attrs.deployments, ids)
        expand = Step(f"{item.address}/expand", item.address, Phase.EXPAND, put, locked=record(item.want))
        prove = ProveRoute(item.want.source, item.want.material.proxy.endpoints, item.address.alias, ROUTE_TIMEOUT)
        return Work((expand, Step(f"{item.address}/prove", item.address, Phase.PROVE, prove, after=(expand.id,))))

    def handlers(self) -> Mapping[type, Handler]:
        """Requests to the proxy's API."""
        from fleethub.kinds.route.execute import HANDLERS

        return HANDLERS

    def status(self, status: FleetStatus, inputs: StatusInputs) -> FleetStatus:
        """The models of the spec with who calls them, and the proxies that they are on."""
        from fleethub.kinds.proxies import proxy_status
        from fleethub.kinds.route.status import model_rows

        proxies = tuple(proxy_status(proxy, inputs.facts) for proxy in inputs.fleet.proxies.values())
        return replace(status, proxies=proxies, models=tuple(model_rows(inputs.fleet)))
