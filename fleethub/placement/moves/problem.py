"""What may move where, and what must: a fleet as a question of placement. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cached_property

from fleethub.engines.registry import engine_of, lacks
from fleethub.model.block import is_named
from fleethub.model.facts import Facts
from fleethub.model.fleet import Fleet
from fleethub.model.placing import Copy
from fleethub.model.readings.server import ServerReading
from fleethub.model.serving import Backend, Model
from fleethub.placement.planned import Roles, roles_of
from fleethub.placement.routed import installed_as

#: Backend -> the models that it serves.
Layout = dict[str, frozenset[str]]
#: Backends between which models may move: of one proxy, served by one engine.
Pool = tuple[str | None, str]
#: A chain: its models, and those backends that it asks itself.
Chain = tuple[tuple[str, ...], tuple[str, ...]]


class Problem:
    """A fleet, and which backends are to be emptied (``drained``)."""

    def __init__(self, fleet: Fleet, facts: Facts, drained: Collection[str] = ()) -> None:
        self.fleet, self.facts, self.drained = fleet, facts, frozenset(drained)
        self.roles: Roles = roles_of(fleet)
        self._reach: dict[tuple[Pool, tuple[str, ...], str], frozenset[str]] = {}
        self._direct = {Copy(alias, backend) for backend, alias in self.roles.direct}

    @cached_property
    def copies(self) -> tuple[Copy, ...]:
        """Every model on each of its backends."""
        return tuple(Copy(m.name, b) for m in self.fleet.models.values() for b in m.backends)

    @cached_property
    def layout(self) -> Layout:
        """As the spec has it."""
        found: dict[str, set[str]] = {name: set() for name in self.fleet.backends}
        for copy in self.copies:
            found[copy.backend].add(copy.model)
        return {name: frozenset(aliases) for name, aliases in found.items()}

    @cached_property
    def stays(self) -> dict[Copy, str]:
        """What may not move, and why; without what nobody may know before it is judged."""
        return {copy: why for copy in self.copies if (why := self._stays(copy))}

    @cached_property
    def must(self) -> dict[Copy, str]:
        """What is to leave its backend, and why; it may be that it cannot."""
        found = {}
        for copy in self.copies:
            model, backend = self.fleet.models[copy.model], self.fleet.backends[copy.backend]
            if copy.backend in self.drained:
                found[copy] = f"{copy.backend} is drained"
            elif model.place_on and not is_named(backend.name, backend.labels, model.place_on):
                found[copy] = f"{copy.backend} is not among its place_on"
        return found

    @cached_property
    def pools(self) -> Mapping[Pool, tuple[str, ...]]:
        """The backends to which something may come."""
        found: dict[Pool, list[str]] = {}
        for backend in self.fleet.backends.values():
            if backend.engine is not None and not backend.cordoned and backend.name not in self.drained:
                found.setdefault(pool_of(backend), []).append(backend.name)
        return {pool: tuple(sorted(names)) for pool, names in found.items()}

    def reach(self, copy: Copy) -> frozenset[str]:
        """Where a model may go by the spec and by what its servers can do: what is alike has one answer."""
        model, source = self.fleet.models[copy.model], self.fleet.backends[copy.backend]
        if source.engine is None:
            return frozenset()
        pool = pool_of(source)
        alike = (pool, model.place_on, "" if engine_of(source.engine).pulls else copy.model)
        if alike not in self._reach:
            names = self.pools.get(pool, ())
            self._reach[alike] = frozenset(n for n in names if self.may_lie(model, self.fleet.backends[n]))
        return self._reach[alike]

    def may_lie(self, model: Model, backend: Backend) -> bool:
        """Whether the spec lets it lie there, and the server can serve it, or download it."""
        if backend.engine is None or (model.place_on and not is_named(backend.name, backend.labels, model.place_on)):
            return False
        return engine_of(backend.engine).pulls or self.installed(model, backend) is True

    def installed(self, model: Model, backend: Backend) -> bool | None:
        """Whether it is there already; None: the server was not read."""
        reading = self.facts.of(backend.engine.source) if backend.engine else None
        if backend.engine is None or not isinstance(reading, ServerReading):
            return None
        return installed_as(engine_of(backend.engine), reading, model) is not None

    @cached_property
    def nodes_of(self) -> Mapping[Chain, tuple[str, ...]]:
        """Chains of several models that all lie on backends, and the nodes that have each."""
        found: dict[Chain, list[str]] = {}
        for node in sorted(self.fleet.nodes.values(), key=lambda one: one.name):
            routed = tuple(sorted({hop.model for hop in node.chain if not hop.backend}))
            asked = tuple(sorted({hop.backend for hop in node.chain if hop.backend}))
            cloud = any(not self.fleet.models[alias].backends for alias in routed)
            if len({(hop.model, hop.backend) for hop in node.chain}) > 1 and not cloud:
                found.setdefault((routed, asked), []).append(node.name)
        return {chain: tuple(names) for chain, names in found.items()}

    @cached_property
    def chains_with(self) -> Mapping[str, tuple[Chain, ...]]:
        """Alias -> the chains that it is in."""
        found: dict[str, list[Chain]] = {}
        for chain in self.nodes_of:
            for alias in chain[0]:
                found.setdefault(alias, []).append(chain)
        return {alias: tuple(chains) for alias, chains in found.items()}

    @cached_property
    def machine(self) -> Mapping[str, str]:
        """Backend -> its machine, which is called as one of the backends there."""
        group: dict[str, str] = {}

        def root(name: str) -> str:
            while group.get(name, name) != name:
                name = group[name]
            return name

        for backend in self.fleet.backends.values():
            group.setdefault(f"backend {backend.name}", f"backend {backend.name}")
            for key in (f"host {backend.host.casefold()}", *([f"ssh {backend.ssh}"] if backend.ssh else [])):
                group[root(key)] = root(f"backend {backend.name}")
        return {name: root(f"backend {name}").removeprefix("backend ") for name in self.fleet.backends}

    @cached_property
    def beside(self) -> Mapping[str, tuple[str, ...]]:
        """Backend -> the others with a model server on its machine."""
        there: dict[str, list[Backend]] = {}
        for backend in self.fleet.backends.values():
            if backend.engine is not None:
                there.setdefault(self.machine[backend.name], []).append(backend)
        return {b.name: tuple(o.name for o in group if o is not b) for group in there.values() for b in group}

    def _stays(self, copy: Copy) -> str:
        model, backend = self.fleet.models[copy.model], self.fleet.backends[copy.backend]
        if backend.engine is None:
            return lacks(backend)
        if model.pinned:
            return "it is pinned"
        if model.protected:
            return "it is protected"
        if copy in self._direct:
            return "a node asks this backend for it directly (via)"
        return ""


def pool_of(backend: Backend) -> Pool:
    """Which backends it may give models to, and take them from."""
    return backend.proxy, backend.engine.engine if backend.engine else ""
