"""What ``openclaw.json`` holds: its template's values, the operator's own settings, canonical bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from fleethub.formats import strict
from fleethub.model.consuming import Node
from fleethub.nodetypes.endpoints import BARE
from fleethub.nodetypes.openclaw.names import PORT, TUNNELS
from fleethub.nodetypes.openclaw.wiring import TIMEOUT, ProviderRoute, answer, patience


def context(node: Node, chain: tuple[ProviderRoute, ...], container: bool) -> dict[str, object]:
    """Values for the template. In a container the gateway listens on its own port, published on the host."""
    origins = allowed(node)
    return {
        "hops": [hop(route) for route in chain],
        "providers": providers(chain),
        "turn_timeout": patience(len(chain)),
        "gateway": {
            "port": PORT if container else node.port,
            "bind": "lan" if container else "loopback",
            "origins": origins,
        },
    }


def allowed(node: Node) -> list[str]:
    """The origins at which its page is served: by its own port, through TangleClaw's tunnels, and what the spec says.

    A tunnel has a port of its own on the machine where the browser is, and the page's origin names that one. Which it
    is hangs on the order in which connections were made, so the first ports of its range are allowed: a node that is
    added changes no other's file.
    """
    own = [f"http://{host}:{node.port}" for host in ("127.0.0.1", "localhost")]
    tunnels = [f"http://127.0.0.1:{port}" for port in TUNNELS]
    return list(dict.fromkeys((*own, *tunnels, *node.origins)))


def providers(chain: tuple[ProviderRoute, ...]) -> list[dict[str, object]]:
    """The providers that the chain goes through, each with its models; one of FleetHub's own has one."""
    found: dict[str, list[dict[str, object]]] = {}
    for route in chain:
        found.setdefault(route.provider, []).append(hop(route))
    return [{**hops[0], "models": hops} for hops in found.values()]


def hop(route: ProviderRoute) -> dict[str, object]:
    """One step of the chain, as the template sees it."""
    to, model = route.to, route.to.model
    return {
        "provider": route.provider,
        "reference": route.reference,
        "url": to.url,
        "api": route.api,
        "key": route.api if not to.variable else _written(to.variable),
        "timeout": TIMEOUT,
        "id": to.id,
        "label": to.label,
        "proxy": to.proxy,
        "context": model.context,
        "answer": answer(model.context),
        "reasoning": "reasoning" in model.capabilities,
        "input": ["text", "image"] if "vision" in model.capabilities else ["text"],
    }


def _written(variable: str) -> object:
    """How the config says where a key stands."""
    if variable == BARE:
        from fleethub.nodetypes.openclaw.keystore import REFERENCE

        return REFERENCE
    return f"${{{variable}}}"


def finish(node: Node, text: str) -> str:
    """The rendered text as JSON with ``[nodes.x.openclaw]`` merged over it; raises ValueError."""
    return _merged(text, node.settings) if node.settings else _alone(text)


@lru_cache(maxsize=64)
def _alone(text: str) -> str:
    """Many nodes have the same."""
    return _merged(text, {})


def _merged(text: str, settings: Mapping[str, Any]) -> str:
    try:
        config = strict.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error}") from None
    if not isinstance(config, dict):
        raise ValueError("not a JSON object")
    try:
        return dump(merge(config, settings))
    except TypeError:
        raise ValueError("[openclaw] of the spec holds a value without a form in JSON, as a date") from None


def dump(config: Mapping[str, Any]) -> str:
    """The one text of a config: sorted, two spaces, newline at the end."""
    return json.dumps(config, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Tables by key, everything else replaces, lists too."""
    merged = dict(base)
    for key, value in over.items():
        old = merged.get(key)
        if isinstance(value, Mapping):
            value = merge(old if isinstance(old, Mapping) else {}, value)
        merged[key] = value
    return merged
