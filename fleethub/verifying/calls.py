"""Which calls show that a node's chain works: each model at each door, lists first.

A list costs nothing, and says little of a key: a call without messages asks of the key what a real one asks, and
calls no model (see ``model.keycall``). A live call loads the model, so it is one token, and asks with
the same context as the node itself does: with another one Ollama would load the model a second time.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from fleethub.model.facts import tagged
from fleethub.model.fleet import Fleet, Node
from fleethub.model.keycall import PATH, body, spare
from fleethub.model.verify import Call, Check, Wants
from fleethub.nodetypes.openclaw.wiring import Leg, legs

LIST_SECONDS = 10.0


def checks_of(fleet: Fleet, node: Node, live: float | None) -> tuple[tuple[Check, ...], tuple[Call, ...]]:
    """A node's checks and the calls that they need; ``live``: seconds for each call of a model, None: no such calls."""
    calls: list[Call] = []
    checks: list[Check] = []
    lists: dict[tuple[str, str], int] = {}
    steps = [(leg, door, main) for leg in legs(fleet, node) for door, main in _doors(fleet, leg)]
    for leg, door, _ in steps:
        if (door, leg.variable) not in lists:
            lists[door, leg.variable] = len(calls)
            wants, path = _list(leg)
            calls.append(Call(wants, door + path, leg.variable, LIST_SECONDS))
    routes: dict[tuple[str, str], int] = {}
    key = fleet.keys.get(node.key)
    spares = spare(key.limits if key else {})
    for leg, door, _ in steps:
        if live is None and leg.proxy and spares and (door, leg.variable) not in routes:
            routes[door, leg.variable] = len(calls)
            calls.append(_route(leg, door, lists[door, leg.variable]))
    for leg, door, main in steps:
        listing, called = lists[door, leg.variable], None
        if live is not None:
            called = len(calls)
            calls.append(_live(leg, door, live, listing))
        name = leg.id if leg.proxy else tagged(leg.id)
        checks.append(
            Check(
                leg.label,
                name,
                leg.proxy,
                leg.variable,
                door,
                main,
                listing,
                called,
                routes.pop((door, leg.variable), None),
            )
        )
    return tuple(checks), tuple(calls)


def _doors(fleet: Fleet, leg: Leg) -> Iterable[tuple[str, bool]]:
    """The URL that the node uses, then every replica behind it."""
    if not leg.proxy:
        return [(leg.url, True)]
    proxy = fleet.proxies[leg.proxy]
    own = proxy.url.rstrip("/")
    return [(own, True), *((d, False) for d in dict.fromkeys(r.rstrip("/") for r in proxy.replicas) if d != own)]


def _list(leg: Leg) -> tuple[Wants, str]:
    return ("models", "/v1/models") if leg.proxy else ("tags", "/api/tags")


def _route(leg: Leg, door: str, after: int) -> Call:
    return Call("route", door + PATH, leg.variable, LIST_SECONDS, json.dumps(body(leg.id)), after)


def _live(leg: Leg, door: str, seconds: float, after: int) -> Call:
    if leg.proxy:
        asked = {"model": leg.id, "max_tokens": 1, "messages": [{"role": "user", "content": "hi"}]}
        return Call("chat", f"{door}/v1/chat/completions", leg.variable, seconds, json.dumps(asked), after)
    options = {"num_predict": 1, "num_ctx": leg.model.context}
    prompt = {"model": leg.id, "prompt": "hi", "stream": False, "options": options}
    return Call("generate", f"{door}/api/generate", "", seconds, json.dumps(prompt), after)
