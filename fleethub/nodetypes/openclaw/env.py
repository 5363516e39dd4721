"""What a gateway's ``.env`` holds: its values for the template."""

from __future__ import annotations

from collections.abc import Iterable

from fleethub.model.consuming import Node
from fleethub.model.fleet import Fleet
from fleethub.model.secret import Derived
from fleethub.nodetypes.endpoints import key_slot
from fleethub.nodetypes.openclaw.names import READONLY, target_folder
from fleethub.nodetypes.openclaw.wiring import ProviderRoute


def context(fleet: Fleet, node: Node, chain: Iterable[ProviderRoute], config: str | None) -> dict[str, object]:
    """Values for the template, each group sorted by name: FleetHub's own, and the node's.

    ``config``: the path of its config below the target, for a gateway that must be told; None in a container.
    """
    proxies = sorted({route.to.variable: route.to.proxy for route in chain if route.to.variable}.items())
    proxies = [] if node.key_store == "file" else proxies
    own = sorted(node.env.items())
    return {
        "gateway_token": Derived("gateway", fleet.identity, "", node.name, node.generation),
        "keys": [{"name": name, "value": key_slot(fleet, node, proxy)} for name, proxy in proxies],
        "variables": [{"name": name, "value": value} for name, value in own],
        "places": [] if config is None else native_places(node, config),
    }


def native_places(node: Node, config: str) -> list[dict[str, str]]:
    """Where a gateway outside a container finds its files: only known for an absolute target."""
    root = target_folder(node.target)
    if root is None:
        return []
    pins = {
        "OPENCLAW_CONFIG_PATH": f"{root}/{config}",
        "OPENCLAW_STATE_DIR": f"{root}/state",
        "OPENCLAW_WORKSPACE_DIR": f"{root}/workspace",
    }
    if node.manage == "whole":
        pins[READONLY] = "1"
    return [{"name": name, "value": value} for name, value in sorted(pins.items())]
