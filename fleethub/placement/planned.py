"""Which models are planned for which backend."""

from __future__ import annotations

from fleethub.model.capacity import PlannedModel
from fleethub.model.fleet import Fleet

PlannedSet = tuple[PlannedModel, ...]


def planned_sets(fleet: Fleet) -> dict[str, PlannedSet]:
    """Backend -> every model that a chain or a key names and that the backend serves.

    Primary is the first of a chain, and what a key without nodes names.
    """
    named: dict[str, dict[str, bool]] = {}

    def name(backend: str, alias: str, primary: bool) -> None:
        entries = named.setdefault(backend, {})
        entries[alias] = entries.get(alias, False) or primary

    for node in fleet.nodes.values():
        for at, hop in enumerate(node.chain):
            for backend in (hop.backend,) if hop.backend else fleet.models[hop.model].backends:
                name(backend, hop.model, at == 0)
    used = {node.key for node in fleet.nodes.values()}
    for key in fleet.keys.values():
        for alias in (*key.also, *key.models):
            for backend in fleet.models[alias].backends:
                name(backend, alias, key.name not in used)
    return {
        backend: tuple(
            PlannedModel(alias, fleet.models[alias].context, primary, fleet.models[alias].tag or "")
            for alias, primary in sorted(entries.items())
        )
        for backend, entries in sorted(named.items())
    }
