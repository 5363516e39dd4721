"""Which models of the spec are to be pulled, where, and who of the fleet calls them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from fleethub.engines.known import weights_told
from fleethub.engines.registry import engine_of
from fleethub.model.address import Address
from fleethub.model.address import model as model_address
from fleethub.model.consuming import Node
from fleethub.model.dataclass import dataclass
from fleethub.model.fleet import Fleet
from fleethub.model.serving import Backend, Model


@dataclass(frozen=True, slots=True)
class Wanted:
    """One name on one server, and the models of the spec that mean it; at least one is to be pulled."""

    backend: Backend
    tag: str
    models: tuple[Model, ...]

    @property
    def digest(self) -> str:
        """The digest that it is held to; the spec has one at most."""
        return next((model.digest for model in self.models if model.digest), "")

    @property
    def size(self) -> int | None:
        """Bytes of its weights, as the spec says them; None: it does not."""
        return next((size for model in self.models if (size := weights_told(model)) is not None), None)

    @property
    def context(self) -> int | None:
        """The context that it is loaded with after a swap; the same for all, or the first that says so."""
        return next((model.context for model in self.models if model.warm), None)


def wanted(fleet: Fleet) -> Mapping[Address, Wanted]:
    """All that is to be pulled."""
    named: dict[Address, list[Model]] = {}
    for model in fleet.models.values():
        for address in addresses_of(fleet, model):
            named.setdefault(address, []).append(model)
    return {
        address: Wanted(fleet.backends[address.owner], address.alias, tuple(models))
        for address, models in sorted(named.items())
        if any(model.pull for model in models)
    }


def addresses_of(fleet: Fleet, model: Model, backends: Iterable[str] | None = None) -> Iterable[Address]:
    """Where a model of the spec is, on servers that can be told to pull one."""
    for name in model.backends if backends is None else backends:
        server = fleet.backends[name].engine
        if server is not None and model.tag and engine_of(server).pulls:
            yield model_address(name, engine_of(server).canonical(model.tag))


def model_needs(fleet: Fleet, node: Node) -> Mapping[Address, frozenset[str]]:
    """The pulled models that a node's chain calls, with the aliases that it calls each by."""
    pulled, found = wanted(fleet), dict[Address, frozenset[str]]()
    for hop in node.chain if pulled else ():
        there = (hop.backend,) if hop.backend else None
        for address in addresses_of(fleet, fleet.models[hop.model], there):
            if address in pulled:
                found[address] = found.get(address, frozenset()) | {hop.model}
    return found
