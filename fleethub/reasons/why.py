"""Why a thing is as it is: the lines of the spec that make it so, and what follows from them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from fleethub.model.address import CALLERS, Address, key, route
from fleethub.model.consuming import Hop, Node
from fleethub.model.dataclass import dataclass
from fleethub.model.fleet import Fleet
from fleethub.model.text import hop as shown_hop
from fleethub.model.text import named, table_name, without_keys
from fleethub.model.written import Line, Written
from fleethub.reasons.graph import UseGraph, line_of, part

#: Fields of a node that decide what becomes of it, beside its chain.
OF_NODE = ("type", "target", "host", "image", "manage", "activate", "key", "generation", "settle")

WIDE = 80  # characters of a value


@dataclass(frozen=True, slots=True)
class Reason:
    """A statement, the line of the spec that makes it true (None: it follows from the others), and what is below it."""

    says: str
    line: Line | None = None
    because: tuple[Reason, ...] = ()


def reasons(address: Address, fleet: Fleet, written: Written, graph: UseGraph) -> tuple[Reason, ...]:
    """All that decides about a thing; empty for what the spec does not have."""
    return tuple(_OF[address.kind](address, fleet, written, graph)) if address.kind in _OF else ()


def _of_node(address: Address, fleet: Fleet, written: Written, graph: UseGraph) -> Iterator[Reason]:
    one = fleet.nodes.get(address.name)
    if one is None:
        return
    for at, hop in enumerate(one.chain):
        below = _way(hop, one, fleet, written)
        yield Reason(f"calls {shown_hop(str(hop))} as {part(at)}", line_of(written, one.name, at), tuple(below))
    if one.consumer:
        yield from _fields(written, "consumers", one.name, leave=("model", "fallbacks"))
        return
    for field in OF_NODE:
        line = written.of_node(one.name, field)
        if line is not None:
            value = getattr(one, field)  # with its placeholders filled in, but a time as it is written
            yield Reason(_said(field, value if isinstance(value, str) else written.said_of_node(one.name, field)), line)
    for variable in one.env:
        yield Reason(f"variable {variable}", written.of_node(one.name, "env", variable))


def _way(hop: Hop, one: Node, fleet: Fleet, written: Written) -> Iterator[Reason]:
    """How a hop gets to a GPU, or out of the house."""
    model = fleet.models[hop.model]
    if hop.backend is not None:
        yield Reason(f"round the proxy, at backend.{hop.backend}", written.at("backends", hop.backend))
        return
    if model.proxy is not None:
        called = key(model.proxy, one.key)
        yield Reason(f"through proxy.{model.proxy}, with {called}", written.at("proxies", model.proxy))
        yield Reason(
            f"{route(model.proxy, model.name)} is {named(model.route)}, {model.context:,} tokens",
            written.at("models", model.name, "route"),
            tuple(
                Reason(f"on backend.{backend}", written.at("models", model.name, "backends", at))
                for at, backend in enumerate(model.backends)
            )
            or (Reason("on no backend of the fleet: a cloud model"),),
        )


def _of_key(address: Address, fleet: Fleet, written: Written, graph: UseGraph) -> Iterator[Reason]:
    name = address.alias
    scope = [use for use in graph.by(address) if use.used.kind == "route" and not use.applied]
    for alias in dict.fromkeys(use.used.alias for use in scope):
        below = [Reason(use.how, use.line) for use in scope if use.used.alias == alias]
        if len(below) == 1:
            yield Reason(f"reaches {named(alias)}: {below[0].says}", below[0].line)
        else:
            yield Reason(f"reaches {named(alias)}", None, tuple(_folded(below)))
    users = [use for use in graph.of(address) if not use.applied]
    yield from (Reason(f"{use.user} {use.how}", use.line) for use in users)
    yield from _fields(written, "keys", name, leave=("also", "models"))
    generation = fleet.generation(address)
    if fleet.kept_value(address):
        yield Reason("its value is its own: it was there before FleetHub, and stays until it is rotated")
    elif scope:
        made = f"its value is derived from the seed, generation {generation}"
        yield Reason(made, written.at("keys", name, "generation"))


def _of_route(address: Address, fleet: Fleet, written: Written, graph: UseGraph) -> Iterator[Reason]:
    model = fleet.models.get(address.alias)
    if model is None or model.proxy != address.owner:
        return
    managed = fleet.proxies[model.proxy].manage_routes
    yield Reason(f"is {named(model.route)}", written.at("models", model.name, "route"))
    yield Reason(f"{model.context:,} tokens", written.at("models", model.name, "context"))
    yield Reason(
        "made by FleetHub" if managed else "in the proxy's own config: FleetHub only looks",
        written.at("proxies", model.proxy, "manage_routes"),
    )
    yield from _leads(address, graph)
    yield from _named_by(address, graph)


def _of_hosted(address: Address, fleet: Fleet, written: Written, graph: UseGraph) -> Iterator[Reason]:
    backend, tag = address.owner, address.alias
    for model in fleet.models.values():
        if backend in model.backends and (model.tag or model.name) == tag:
            at = model.backends.index(backend)
            yield Reason(f"is {named(model.name)} of the spec", written.at("models", model.name, "backends", at))
            yield Reason(f"{model.context:,} tokens", written.at("models", model.name, "context"))
    yield from _folded(_over_routes(address, graph))


def _of_backend(address: Address, fleet: Fleet, written: Written, graph: UseGraph) -> Iterator[Reason]:
    for use in graph.of(address):
        if use.user.kind == "model":
            below = _folded(_over_routes(use.user, graph))
            says = f"{use.user}: " + ("" if below else "named by nobody, so not planned")
            yield Reason(says.rstrip(": "), use.line, tuple(below))
        else:
            yield Reason(f"{use.user}: {use.how}", use.line)
    yield from _fields(written, "backends", address.name)


def _of_proxy(address: Address, fleet: Fleet, written: Written, graph: UseGraph) -> Iterator[Reason]:
    yield from _fields(written, "proxies", address.name)
    yield from _folded([Reason(f"{use.user} {use.how}", use.line) for use in graph.of(address) if not use.applied])


def _named_by(address: Address, graph: UseGraph) -> Iterator[Reason]:
    """Whoever names a model, each with the line; keys stand for their nodes, which are named."""
    nodes = [use for use in graph.of(address) if use.user.kind in CALLERS]
    keys = [use for use in graph.of(address) if use.user.kind == "key" and "of its node" not in use.how]
    yield from (
        Reason(f"{use.user}: {use.how}" + (" (no longer in the spec)" if use.applied else ""), use.line)
        for use in (*nodes, *keys)
    )


def _over_routes(hosted: Address, graph: UseGraph) -> Iterator[Reason]:
    """Whoever names a backend's model: by a route that leads to it, or round the proxy."""
    for use in graph.of(hosted):
        if use.user.kind == "route":
            yield from _named_by(use.user, graph)
    yield from _named_by(hosted, graph)


def _fields(written: Written, group: str, name: str, leave: tuple[str, ...] = ()) -> Iterator[Reason]:
    """What a block says, field by field."""
    for field, (value, line) in written.fields(group, name).items():
        if field not in leave:
            yield Reason(_said(field, value), line)


def _said(field: str, value: object) -> str:
    """``rpm = 60``, ``model_rpm = { one = 3 }``: as a spec has it, but for the quotes of a single text."""
    text = without_keys(value if isinstance(value, str) else _toml(value))
    return f"{field} = {text if len(text) <= WIDE else text[: WIDE - 1] + '…'}"


def _toml(value: object) -> str:
    if isinstance(value, dict):
        inner = ", ".join(f"{table_name(str(name))} = {_toml(one)}" for name, one in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str | bool | int | float) else str(value)


def _leads(address: Address, graph: UseGraph) -> Iterator[Reason]:
    yield from (Reason(f"leads to {use.used}", use.line) for use in graph.by(address) if use.used.kind == "model")


def _folded(found: Iterable[Reason]) -> list[Reason]:
    return list(dict.fromkeys(found))


_OF = {
    "node": _of_node,
    "consumer": _of_node,
    "key": _of_key,
    "route": _of_route,
    "model": _of_hosted,
    "backend": _of_backend,
    "proxy": _of_proxy,
}
