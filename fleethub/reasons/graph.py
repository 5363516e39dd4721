"""Who uses what, and by which line of the spec: direct uses, as the spec wants them and as they were last applied.

The way of a call: a node calls a route of a proxy, with a key; the route leads to models of backends. A hop round the
proxy leads to a backend's model at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from fleethub.kinds.key import scopes, wiring
from fleethub.model.address import Address, key, route
from fleethub.model.address import model as model_address
from fleethub.model.consuming import Hop
from fleethub.model.dataclass import dataclass
from fleethub.model.fleet import Fleet
from fleethub.model.observation import AnyLocked, Lockfile
from fleethub.model.text import named
from fleethub.model.written import Line, Written


@dataclass(frozen=True, slots=True)
class Use:
    """``user`` uses ``used``: in which part (``how``), by which line. ``applied``: by the lockfile alone."""

    user: Address
    used: Address
    how: str
    line: Line | None = None
    applied: bool = False


class UseGraph:
    """All uses of a fleet. Its two questions are answered from the same edges."""

    def __init__(self, uses: Iterable[Use]) -> None:
        self.uses = tuple(dict.fromkeys(uses))
        self._of: dict[Address, list[Use]] = {}
        self._by: dict[Address, list[Use]] = {}
        for use in self.uses:
            self._of.setdefault(use.used, []).append(use)
            self._by.setdefault(use.user, []).append(use)

    @property
    def addresses(self) -> set[Address]:
        """Everything that uses or is used."""
        return {*self._of, *self._by}

    def of(self, address: Address) -> tuple[Use, ...]:
        """The direct uses of a thing."""
        return tuple(self._of.get(address, ()))

    def by(self, address: Address) -> tuple[Use, ...]:
        """What a thing uses directly."""
        return tuple(self._by.get(address, ()))

    def users(self, address: Address) -> tuple[Address, ...]:
        """Whoever uses a thing, directly or through another."""
        found: dict[Address, None] = {}
        waiting = [address]
        while waiting:
            for use in self._of.get(waiting.pop(), ()):
                if use.user not in found and use.user != address:
                    found[use.user] = None
                    waiting.append(use.user)
        return tuple(sorted(found))


def use_graph(fleet: Fleet, written: Written, lockfile: Lockfile | None) -> UseGraph:
    """The uses that the spec makes, and those that were applied and are no longer in it."""
    wanted = [*_nodes(fleet, written), *_keys(fleet, written), *_models(fleet, written)]
    known = {(use.user, use.used) for use in wanted}
    return UseGraph([*wanted, *(use for use in _applied(lockfile) if (use.user, use.used) not in known)])


def part(at: int) -> str:
    """What a hop is in its chain, by its place from 0."""
    return "primary" if at == 0 else f"fallback {at}"


def line_of(written: Written, name: str, at: int) -> Line | None:
    """The line of a node's hop, by its place in the chain from 0."""
    return written.of_node(name, "model") if at == 0 else written.of_node(name, "fallbacks", at - 1)


def _nodes(fleet: Fleet, written: Written) -> Iterator[Use]:
    for one in fleet.nodes.values():
        user = one.address
        for at, hop in enumerate(one.chain):
            line = line_of(written, one.name, at)
            for used in _reached(fleet, hop):
                yield Use(user, used, f"{part(at)}{' round the proxy' if hop.direct else ''}", line)
        line = written.of_node(one.name, "key") or written.at(one.group, one.name)
        for proxy in wiring(fleet, one):
            yield Use(user, key(proxy, one.key), "calls with it", line)


def _reached(fleet: Fleet, hop: Hop) -> Iterator[Address]:
    """What a hop calls: the proxy's route, or the backend's model itself."""
    model = fleet.models[hop.model]
    if hop.backend is not None:
        engine = fleet.backends[hop.backend].engine
        own = engine is not None and hop.endpoint == engine.engine
        yield model_address(hop.backend, model.tag or model.name) if own else Address("backend", hop.backend)
    elif model.proxy is not None:
        yield route(model.proxy, model.name)


def _keys(fleet: Fleet, written: Written) -> Iterator[Use]:
    for one in fleet.nodes.values():
        for at, hop in enumerate(one.chain):
            proxy = fleet.models[hop.model].proxy
            if not hop.direct and proxy is not None:
                says = f"scope, as {part(at)} of its node"
                used = route(proxy, hop.model)
                yield Use(key(proxy, one.key), used, says, line_of(written, one.name, at))
    for block in fleet.keys.values():
        for field, aliases in (("also", block.also), ("models", block.models)):
            for at, alias in enumerate(aliases):
                proxy = fleet.models[alias].proxy
                if proxy is not None:
                    line = written.at("keys", block.name, field, at)
                    yield Use(key(proxy, block.name), route(proxy, alias), f"scope, by {field}", line)
    for proxy, name in sorted(scopes(fleet)):
        yield Use(key(proxy, name), Address("proxy", proxy), "is a key of it", written.at("keys", name))


def _models(fleet: Fleet, written: Written) -> Iterator[Use]:
    for model in fleet.models.values():
        if model.proxy is not None:
            alias = route(model.proxy, model.name)
            yield Use(
                alias, Address("proxy", model.proxy), "is a route of it", written.at("models", model.name, "route")
            )
        for at, backend in enumerate(model.backends):
            there = model_address(backend, model.tag or model.name)
            line = written.at("models", model.name, "backends", at)
            if model.proxy is not None:
                yield Use(route(model.proxy, model.name), there, f"leads to it as {named(model.route)}", line)
            yield Use(there, Address("backend", backend), "runs on it", line)


def _applied(lockfile: Lockfile | None) -> Iterator[Use]:
    """What was last applied, and what an apply began; a backend's set as it was planned."""
    if lockfile is None:
        return
    for user, record in lockfile.resources.items():
        for used in _needs(record):
            yield Use(user, used, "as it was applied", applied=True)
        if user.kind in ("key", "route"):
            yield Use(user, Address("proxy", user.owner), "as it was applied", applied=True)
    named_by: dict[str, set[Address]] = {}
    for record in lockfile.resources.values():
        for used in _needs(record):
            if used.kind == "route":
                named_by.setdefault(used.alias, set()).add(used)
    for backend, planned in lockfile.planned.items():
        for entry in planned:
            there = model_address(backend, entry.tag or entry.model)
            yield Use(there, Address("backend", backend), "as it was applied", applied=True)
            for alias in sorted(named_by.get(entry.model, ())):
                yield Use(alias, there, "as it was applied", applied=True)


def _needs(record: AnyLocked) -> tuple[Address, ...]:
    begun: Mapping[Address, frozenset[str]] = record.pending.needs if record.pending else {}
    return tuple(dict.fromkeys((*record.needs, *begun)))
