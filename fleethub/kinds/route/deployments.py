"""The deployments of a model alias: as the spec wants them, and as a proxy has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fleethub.model.facts import Deployment
from fleethub.model.fleet import Fleet, Model


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


def shape_of(d: Deployment) -> Mapping[str, Any]:
    """A row as an attribute."""
    row: dict[str, Any] = {"model": d.model}
    if d.api_base is not None:
        row["api_base"] = d.api_base
    if d.num_ctx is not None:
        row["num_ctx"] = d.num_ctx
    return row
