"""Where the steps of a node's chain lead: a model, its URL, and the key that goes with it."""

from __future__ import annotations

from collections.abc import Sequence

from fleethub.engines.registry import settings_at
from fleethub.model.address import key as key_address
from fleethub.model.consuming import Hop, Node
from fleethub.model.dataclass import dataclass
from fleethub.model.finding import Finding
from fleethub.model.fleet import Fleet
from fleethub.model.secret import Derived
from fleethub.model.serving import EngineSettings, Model


class Unwired(ValueError):
    """A node whose chain names something that the fleet does not define; the spec's checks say it earlier."""


@dataclass(frozen=True, slots=True)
class ModelEndpoint:
    """One step of a chain. ``id`` is what the server calls the model, ``url`` without a slash at its end.

    ``proxy`` and ``variable`` (which holds the node's key in its ``.env``) are empty for a way straight to a model
    server, whose settings are of the type ``server``.
    """

    model: Model
    id: str
    label: str
    url: str
    proxy: str = ""
    variable: str = ""
    server: type[EngineSettings] | None = None


#: Stands in a variable's place where a key has a file of its own, for people who are told of it.
BARE = "the key"


def key_variable(fleet: Fleet, node: Node, proxy: str) -> str:
    """The variable that holds the node's key of a proxy, where the node's program prescribes no name.

    A proxy that was renamed keeps it, so that no node is delivered to and started for a name; but where another proxy
    has its first name by now.
    """
    born = {
        one: fleet.births.get(key_address(one, node.key), key_address(one, node.key)).owner for one in fleet.proxies
    }
    first = born[proxy]
    alone = first not in fleet.proxies and [*born.values()].count(first) == 1
    return "FLEETHUB_KEY_" + (first if alone else proxy).upper().replace("-", "_")


def key_slot(fleet: Fleet, node: Node, proxy: str) -> Derived:
    """The node's key on a proxy."""
    address = key_address(proxy, node.key)
    born = fleet.births.get(address, address)
    return Derived("key", fleet.identity, born.owner, born.alias, fleet.generation(address))


def made_anew(fleet: Fleet, node: Node, proxy: str) -> bool:
    """Whether a node's key has a value of FleetHub's, so that it no longer stays as it was found."""
    address = key_address(proxy, node.key)
    return address in fleet.floors and not fleet.kept_value(address)


def endpoints(fleet: Fleet, node: Node) -> tuple[ModelEndpoint, ...]:
    """The node's chain, primary first; raises ``Unwired`` on a name that the fleet does not define."""
    return tuple(_endpoint(fleet, node, hop) for hop in node.chain)


def needs_one_key(node: Node, chain: Sequence[ModelEndpoint], whoever: str) -> tuple[Finding, ...]:
    """What keeps a program from being given one key and one URL for all of its models; ``whoever`` gets them."""
    if all(to.proxy for to in chain) and len({to.url for to in chain}) == 1:
        return ()
    message = f"{whoever} the key of one proxy: all of its models must be behind that"
    hint = "name models behind the same proxy, without via"
    return (Finding("node.config-check", message, node.address, node.place, hint),)


def _endpoint(fleet: Fleet, node: Node, hop: Hop) -> ModelEndpoint:
    model = fleet.models.get(hop.model)
    if model is None:
        raise Unwired(f"model {hop.model!r} is not defined")
    if hop.direct:
        tag, label = model.tag or model.route.partition("/")[2], f"{model.name} ({hop.backend}.{hop.endpoint})"
        server = settings_at(fleet.backends.get(hop.backend or ""))
        return ModelEndpoint(model, tag, label, _direct(fleet, hop), server=server)
    proxy = fleet.proxies.get(model.proxy or "")
    if proxy is None:
        raise Unwired(f"model {hop.model!r} is on no proxy")
    url = f"{proxy.url.rstrip('/')}/v1"
    return ModelEndpoint(model, model.name, model.name, url, proxy.name, key_variable(fleet, node, proxy.name))


def _direct(fleet: Fleet, hop: Hop) -> str:
    backend = fleet.backends.get(hop.backend or "")
    url = None
    if backend is not None:
        url = backend.endpoints.get(hop.endpoint or "")
        if backend.engine is not None and hop.endpoint == backend.engine.engine:
            url = backend.engine.url.rstrip("/") + backend.engine.path
    if url is None:
        raise Unwired(f"{hop.backend}.{hop.endpoint} is not an endpoint of a backend")
    return url.rstrip("/")
