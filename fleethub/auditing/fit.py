"""Whether what a proxy leads to one model server fits there together; the server as a backend without a spec."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from urllib.parse import urlsplit

from fleethub.auditing.keys import PROXY, existing
from fleethub.auditing.values import AuditQuery
from fleethub.engines.registry import ENGINES, engine_of_route
from fleethub.model.address import Address
from fleethub.model.capacity import CapacityReport, Fit, PlannedModel
from fleethub.model.finding import Finding
from fleethub.model.fleet import Fleet
from fleethub.model.observation import Source
from fleethub.model.readings.proxy import ProxyReading
from fleethub.model.readings.server import ServerReading
from fleethub.model.secret import SecretRef
from fleethub.model.serving import Backend, Gpu, Model, Proxy
from fleethub.model.text import gib, heard
from fleethub.model.trust import origin_of
from fleethub.placement.report import report


def servers(reading: ProxyReading) -> dict[str, str]:
    """Origin of each model server of an engine that FleetHub knows -> the engine's name."""
    found = {}
    for row in reading.deployments:
        engine = engine_of_route(row.model)
        origin = origin_of(row.api_base) if row.api_base else ""
        if engine is not None and engine.context_parameter and origin.startswith(("http://", "https://")):
            found[origin] = engine.settings.engine
    return found


def fleet_of(url: str, reading: ProxyReading, vram: Mapping[str, tuple[int, ...]]) -> Fleet:
    """The proxy and the servers behind it as a fleet; ``vram``: bytes of each GPU, by the host's name."""
    backends: dict[str, Backend] = {}
    models: dict[str, Model] = {}
    for origin, engine in servers(reading).items():
        host = urlsplit(origin).hostname or origin
        gpus = tuple(Gpu(name="GPU", vram=size) for size in vram.get(host, ()))
        settings = ENGINES[engine].settings(url=origin)
        backends[origin] = Backend(name=origin, host=host, proxy=PROXY, gpus=gpus, engine=settings)
    for row in reading.deployments:
        origin = origin_of(row.api_base) if row.api_base else ""
        if origin in backends and "*" not in row.alias:
            tag = row.model.partition("/")[2] or row.model
            known = models.get(row.alias)
            on = (*(known.backends if known else ()), origin)
            models[row.alias] = Model(
                name=row.alias,
                backends=tuple(dict.fromkeys(on)),
                proxy=PROXY,
                route=row.model,
                tag=tag,
                context=row.num_ctx or 0,
            )
    proxy = Proxy(name=PROXY, url=url, admin_url=url, master_key=SecretRef(()))
    return Fleet(
        name="audit", root="", digest="", key_seed=None, proxies={PROXY: proxy}, backends=backends, models=models
    )


#: Servers with what is reckoned of each, where one is.
Reports = Sequence[tuple[Backend, CapacityReport | None]]


def fit_findings(reports: Reports) -> Iterator[Finding]:
    """A finding for each server on which what living keys may call does not fit together."""
    for backend, found in reports:
        if found is None or found.verdict.fit in (Fit.FITS, Fit.UNKNOWN):
            continue
        need = gib(found.verdict.need) if found.verdict.need is not None else "more"
        total = gib(found.verdict.total) if found.verdict.total is not None else "unknown"
        names = ", ".join(heard(p.model) for p in found.verdict.placed)
        message = f"what keys may call on {backend.host} ({names}) needs {need} of {total}: {found.verdict.fit.value}"
        detail = next((f.detail for f in found.findings if f.code.startswith("capacity.") and f.detail), ())
        hint = "narrow the keys, or lower num_ctx; after init --discover fleethub capacity says what would fit"
        yield Finding("audit.models-do-not-fit", message, Address("backend", backend.host), hint=hint, detail=detail)


def fit_notes(query: AuditQuery, reports: Reports) -> Iterator[str]:
    """Why it is not known of a server whether all fits."""
    for backend, found in reports:
        url = backend.engine.url if backend.engine else ""
        if url in query.refused:
            yield f"{url} was not asked what it has: {query.refused[url]}"
        elif backend.engine and not isinstance(query.facts.of(backend.engine.source), ServerReading):
            yield f"{url} does not answer from here, so whether its models fit is not known"
        elif not backend.gpus:
            yield f"the VRAM of {backend.host} is not known: --vram {shlex.quote(backend.host)}=48GiB says it"
        elif found is not None and found.verdict.fit is Fit.UNKNOWN:
            reason = found.verdict.reason or "a size is unknown"
            yield f"whether the models of {backend.host} fit is not known: {reason}"


def fit_reports(query: AuditQuery) -> Reports:
    """What living keys may call on each server, reckoned where the server said what it has."""
    return tuple(_reports(query))


def _reports(query: AuditQuery) -> Iterator[tuple[Backend, CapacityReport | None]]:
    fleet = fleet_of(query.url, query.reading, query.vram)
    asked = callable_names(query.reading)
    # a route without a context of its own is judged by what the server then takes
    seen = {**query.facts.readings, Source("litellm", query.url).id: query.reading}
    facts = replace(query.facts, readings=seen)
    for backend in fleet.backends.values():
        if backend.engine is None or not isinstance(query.facts.of(backend.engine.source), ServerReading):
            yield backend, None  # nothing is known of it, and a proxy may name thousands
            continue
        planned = tuple(
            PlannedModel(model.name, model.context, True, model.tag or "")
            for model in sorted(fleet.models.values(), key=lambda m: m.name)
            if backend.name in model.backends and model.name in asked
        )
        yield backend, report(fleet, backend, facts, planned) if planned else None


def callable_names(reading: ProxyReading) -> frozenset[str]:
    """Every alias that a living key may call, by its own list alone."""
    aliases = {row.alias for row in reading.deployments}
    living = [row for rows in reading.keys.values() for row in rows if not row.blocked and not (row.left or 1) < 0]
    if any(not row.models or {"*", "all-proxy-models"} & set(row.models) for row in living):
        return frozenset(aliases)
    there = existing(reading)
    return frozenset(name for row in living for name in row.models if there(name))
