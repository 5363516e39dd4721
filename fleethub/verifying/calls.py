"""Which calls show that a node's chain works: each model at each endpoint, lists first.

A list costs nothing, and says little of a key: a call without messages asks of the key what a real one asks, and
calls no model (see ``model.keycall``). A live call loads the model, so it is one token, and asks with
the same context as the node itself does: with another one the server would load the model a second time.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from fleethub import nodetypes
from fleethub.engines.registry import ENGINES
from fleethub.model.consuming import Node
from fleethub.model.endpoint import Call, Wants
from fleethub.model.fleet import Fleet
from fleethub.model.keycall import PATH, body, spare
from fleethub.nodetypes.endpoints import ModelEndpoint
from fleethub.verifying.values import ModelCheck

LIST_SECONDS = 10.0


def checks_of(fleet: Fleet, node: Node, live: float | None) -> tuple[tuple[ModelCheck, ...], tuple[Call, ...]]:
    """A node's checks and the calls that they need; ``live``: seconds for each call of a model, None: no such calls."""
    calls: list[Call] = []
    checks: list[ModelCheck] = []
    lists: dict[tuple[str, str], int] = {}
    steps = [(endpoint, url, main) for endpoint in _endpoints(fleet, node) for url, main in _urls(fleet, endpoint)]
    for endpoint, url, _ in steps:
        if (url, endpoint.variable) not in lists:
            lists[url, endpoint.variable] = len(calls)
            wants, path = _list(endpoint)
            calls.append(Call(wants, url + path, endpoint.variable, LIST_SECONDS))
    routes: dict[tuple[str, str], int] = {}
    key = fleet.keys.get(node.key)
    spares = spare(key.limits if key else {})
    for endpoint, url, _ in steps:
        if live is None and endpoint.proxy and spares and (url, endpoint.variable) not in routes:
            routes[url, endpoint.variable] = len(calls)
            calls.append(_route(endpoint, url, lists[url, endpoint.variable]))
    for endpoint, url, main in steps:
        listing, called = lists[url, endpoint.variable], None
        if live is not None:
            called = len(calls)
            calls.append(_live(endpoint, url, live, listing))
        engine = endpoint.server.engine if endpoint.server else ""
        name = ENGINES[engine].canonical(endpoint.id) if engine else endpoint.id
        checks.append(
            ModelCheck(
                endpoint.label,
                name,
                endpoint.proxy,
                endpoint.variable,
                url,
                main,
                listing,
                called,
                routes.pop((url, endpoint.variable), None),
                engine,
            )
        )
    return tuple(checks), tuple(calls)


def _endpoints(fleet: Fleet, node: Node) -> tuple[ModelEndpoint, ...]:
    kind = nodetypes.of(node)
    return kind.endpoints(fleet, node) if kind else ()


def _urls(fleet: Fleet, endpoint: ModelEndpoint) -> Iterable[tuple[str, bool]]:
    """The URL that the node uses, then every replica behind it."""
    if not endpoint.proxy:
        return [(endpoint.url, True)]
    proxy = fleet.proxies[endpoint.proxy]
    own = proxy.url.rstrip("/")
    return [(own, True), *((d, False) for d in dict.fromkeys(r.rstrip("/") for r in proxy.replicas) if d != own)]


def _list(endpoint: ModelEndpoint) -> tuple[Wants, str]:
    if _openai(endpoint):
        return "models", f"{_base(endpoint)}/models"
    return "tags", "/api/tags"


def _openai(endpoint: ModelEndpoint) -> bool:
    """Whether OpenAI's API is spoken there: by every proxy, and by some model servers."""
    return endpoint.server is None or endpoint.server.api.startswith("openai")


def _base(endpoint: ModelEndpoint) -> str:
    """What a proxy's URL lacks; that of a way straight to a server has it."""
    return "/v1" if endpoint.proxy else ""


def _route(endpoint: ModelEndpoint, url: str, after: int) -> Call:
    return Call("route", url + PATH, endpoint.variable, LIST_SECONDS, json.dumps(body(endpoint.id)), after)


def _live(endpoint: ModelEndpoint, url: str, seconds: float, after: int) -> Call:
    if _openai(endpoint):
        asked = {"model": endpoint.id, "max_tokens": 1, "messages": [{"role": "user", "content": "hi"}]}
        return Call(
            "chat", f"{url}{_base(endpoint)}/chat/completions", endpoint.variable, seconds, json.dumps(asked), after
        )
    options = {"num_predict": 1, "num_ctx": endpoint.model.context}
    prompt = {"model": endpoint.id, "prompt": "hi", "stream": False, "options": options}
    return Call("generate", f"{url}/api/generate", "", seconds, json.dumps(prompt), after)
