"""Whether nodes let their pages in through TangleClaw's tunnels, whose origin is the tunnel's local port."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from fleethub import nodetypes
from fleethub.fleetspec import load
from fleethub.integrations.tangleclaw.client import TangleClaw
from fleethub.model.consuming import Node


def notes(client: TangleClaw, root: Path) -> Iterable[str]:
    """What to write for nodes that would refuse their own page; nothing where the spec has no node with a page.

    Raises TangleClawError.
    """
    fleet = load(root).fleet
    nodes = [node for node in fleet.nodes.values() if node.port] if fleet is not None else []
    for one in client.connections() if nodes else ():
        for node in nodes:
            if one.local is None or (one.host.casefold(), one.port) != (node.host.casefold(), node.port):
                continue
            origin = f"http://127.0.0.1:{one.local}"
            if not _lets_in(node, origin):
                says = f"the page of node {node.name} comes from {origin} through TangleClaw's tunnel, which it refuses"
                yield f'{says}: write origins = ["{origin}"] in [nodes.{node.name}]'


def _lets_in(node: Node, origin: str) -> bool:
    kind = nodetypes.of(node)
    return kind is None or kind.lets_in(node, origin)
