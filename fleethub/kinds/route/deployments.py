"""The deployments of a model alias: as the spec wants them, and as a proxy has them."""

from __future__ import annotations

from collections.abc import Iterable

from fleethub.engines.registry import engine_behind, engine_of
from fleethub.kinds.codec import parse
from fleethub.kinds.route.attributes import DeploymentAttrs
from fleethub.model.fleet import Fleet
from fleethub.model.readings.proxy import Deployment
from fleethub.model.serving import Model


def wanted_deployments(fleet: Fleet, model: Model) -> tuple[DeploymentAttrs, ...]:
    """One deployment per backend; a cloud model has one without api_base."""
    base = DeploymentAttrs(model.route)
    rows = []
    for name in model.backends:
        server = fleet.backends[name].engine
        engine = (engine_behind(model.route, server) or engine_of(server)) if server is not None else None
        told = engine.deployment(server, model) if engine is not None and server is not None else {}
        rows.append(parse(DeploymentAttrs, {"model": model.route, **told}) if told else base)
    return in_order(rows or [base])


def in_order(rows: Iterable[DeploymentAttrs]) -> tuple[DeploymentAttrs, ...]:
    """The one order in which they are compared."""
    return tuple(sorted(rows, key=lambda row: row.api_base or ""))


def shape_of(row: Deployment) -> DeploymentAttrs:
    """A row of a proxy as an attribute."""
    return DeploymentAttrs(row.model, row.api_base, row.num_ctx)
