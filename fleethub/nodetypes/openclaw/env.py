"""What a node's ``.env`` holds: its slots, and how its lines are read back.

Every value is single-quoted: Compose and OpenClaw's dotenv differ on ``$`` and ``#`` in all other forms.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from fleethub.model.address import key as key_address
from fleethub.model.fleet import Fleet, Node
from fleethub.model.secret import Derived, Slot, Text
from fleethub.nodetypes.openclaw.names import DEFAULT_PATHS, READONLY, target_folder
from fleethub.nodetypes.openclaw.wiring import Leg

_LINE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=('[^'\n]*'|[A-Za-z0-9_./:@%,+-]*)")


def context(fleet: Fleet, node: Node, chain: Iterable[Leg], container: bool) -> dict[str, object]:
    """Values for the template, each group sorted by name: FleetHub's own, and the node's."""
    proxies = sorted({leg.variable: leg.proxy for leg in chain if leg.variable}.items())
    own = sorted(node.env.items())
    return {
        "gateway_token": Derived("gateway", fleet.identity, "", node.name, node.generation),
        "keys": [{"name": name, "value": key_slot(fleet, node, proxy)} for name, proxy in proxies],
        "variables": [{"name": name, "value": value} for name, value in own],
        "places": [] if container else native_places(node),
    }


def key_slot(fleet: Fleet, node: Node, proxy: str) -> Slot:
    """The node's key on a proxy."""
    address = key_address(proxy, node.key)
    return Derived("key", fleet.identity, proxy, fleet.births.get(address, node.key), fleet.generation(address))


def native_places(node: Node) -> list[dict[str, str]]:
    """Where a gateway outside a container finds its files: only known for an absolute target."""
    root = target_folder(node.target)
    if root is None:
        return []
    pins = {
        "OPENCLAW_CONFIG_PATH": f"{root}/{node.files.get('openclaw', DEFAULT_PATHS['openclaw'])}",
        "OPENCLAW_STATE_DIR": f"{root}/state",
        "OPENCLAW_WORKSPACE_DIR": f"{root}/workspace",
    }
    if node.manage == "whole":
        pins[READONLY] = "1"
    return [{"name": name, "value": value} for name, value in sorted(pins.items())]


def variables(text: Text) -> dict[str, str]:
    """The variables of a rendered ``.env``, slots as ``(sensitive)``; raises ValueError naming the line."""
    found: dict[str, str] = {}
    for number, line in enumerate(text.display().split("\n"), 1):
        if not line.strip() or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise ValueError(f"line {number} is not NAME='value'")
        name, value = match.groups()
        if name in found:
            raise ValueError(f"line {number} sets {name} again")
        found[name] = value.removeprefix("'").removesuffix("'")
    pairs = zip(text.parts, text.parts[1:], strict=False)
    if any(not isinstance(part, str) and not str(before).endswith("'") for before, part in pairs):
        raise ValueError("a secret stands outside single quotes: write {{ value | envquote }}")
    return found
