"""The deployments of a model alias: as the spec wants them, and as a proxy has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fleethub.engines.registry import engine_of_route
from fleethub.model.facts import Deployment
from fleethub.model.fleet import Fleet, Model


def wanted_deployments(fleet: Fleet, model: Model) -> list[dict[str, Any]]:
    """One deployment per backend; a cloud model has one without api_base."""
    base: dict[str, Any] = {"model": model.route}
    rows = []
    for name in model.backends:
        server, engine = fleet.backends[name].engine, engine_of_route(model.route)
        row = dict(base)
        if server is not None and engine is not None:
            row |= engine.deployment(server, model)
        rows.append(row)
    return sorted(rows or [base], key=lambda row: str(row.get("api_base", "")))


def shape_of(d: Deployment) -> Mapping[str, Any]:
    """A row as an attribute."""
    row: dict[str, Any] = {"model": d.model}
    if d.api_base is not None:
        row["api_base"] = d.api_base
    if d.num_ctx is not None:
        row["num_ctx"] = d.num_ctx
    return row
