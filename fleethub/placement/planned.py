"""Which models are planned for which backend."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from fleethub.model.capacity import PlannedModel
from fleethub.model.dataclass import dataclass
from fleethub.model.fleet import Fleet

PlannedSet = tuple[PlannedModel, ...]


@dataclass(frozen=True, slots=True)
class Roles:
    """Who names a model, True: as what must stay (a chain's first, a key without nodes). ``everywhere``: alias -> role
    on each backend that serves it; ``direct``: (backend, alias) -> role there, of whoever asks that server itself.
    """

    everywhere: Mapping[str, bool]
    direct: Mapping[tuple[str, str], bool]

    def of(self, backend: str, alias: str) -> bool | None:
        """Whether it is a primary there; None: nobody names it there."""
        found = [r for r in (self.everywhere.get(alias), self.direct.get((backend, alias))) if r is not None]
        return any(found) if found else None


def roles_of(fleet: Fleet) -> Roles:
    """The roles of all models that a chain or a key names."""
    everywhere: dict[str, bool] = {}
    direct: dict[tuple[str, str], bool] = {}
    for node in fleet.nodes.values():
        for at, hop in enumerate(node.chain):
            if hop.backend:
                direct[hop.backend, hop.model] = direct.get((hop.backend, hop.model), False) or at == 0
            else:
                everywhere[hop.model] = everywhere.get(hop.model, False) or at == 0
    used = {node.key for node in fleet.nodes.values()}
    for key in fleet.keys.values():
        for alias in (*key.also, *key.models):
            everywhere[alias] = everywhere.get(alias, False) or key.name not in used
    return Roles(everywhere, direct)


def planned_on(fleet: Fleet, roles: Roles, backend: str, aliases: Iterable[str]) -> PlannedSet:
    """The planned set of a backend that serves these models."""
    found = ((alias, roles.of(backend, alias)) for alias in sorted(aliases))
    return tuple(
        PlannedModel(alias, fleet.models[alias].context, primary, fleet.models[alias].tag or "")
        for alias, primary in found
        if primary is not None
    )


def planned_sets(fleet: Fleet) -> dict[str, PlannedSet]:
    """Backend -> every model that a chain or a key names and that the backend serves.

    Primary is the first of a chain, and what a key without nodes names.
    """
    roles = roles_of(fleet)
    named: dict[str, set[str]] = {}
    for alias in roles.everywhere:
        for backend in fleet.models[alias].backends:
            named.setdefault(backend, set()).add(alias)
    for backend, alias in roles.direct:
        named.setdefault(backend, set()).add(alias)
    return {backend: planned_on(fleet, roles, backend, aliases) for backend, aliases in sorted(named.items())}
