"""The rows of the models in the fleet's status."""

from __future__ import annotations

from collections.abc import Iterable

from fleethub.model.fleet import Fleet
from fleethub.model.fleet_status import ModelStatus


def model_rows(fleet: Fleet) -> Iterable[ModelStatus]:
    """One row per model of the spec."""
    used = {node.key for node in fleet.nodes.values()}
    nodes: dict[str, list[str]] = {}
    keys: dict[str, list[str]] = {}
    for node in fleet.nodes.values():
        for alias in dict.fromkeys(hop.model for hop in node.chain):
            nodes.setdefault(alias, []).append(node.name)
    for key in fleet.keys.values():
        for alias in () if key.name in used else dict.fromkeys((*key.models, *key.also)):
            keys.setdefault(alias, []).append(key.name)
    return (
        ModelStatus(
            name=model.name,
            route=model.route,
            context=model.context,
            proxy=model.proxy,
            backends=model.backends,
            capabilities=model.capabilities,
            nodes=tuple(nodes.get(model.name, ())),
            keys=tuple(keys.get(model.name, ())),
            owner=model.owner,
        )
        for model in fleet.models.values()
    )
