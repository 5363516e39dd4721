"""Nodes of the fleet that are orchestration profiles of this machine's TangleClaw: what to know of them here.

The profiles themselves are planned and applied as nodes are: see ``nodetypes.tangleclaw``.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

from fleethub.fleetspec import load
from fleethub.model.consuming import Node
from fleethub.nodetypes.tangleclaw.kind import HOME, NAME


def here(root: Path) -> tuple[Node, ...]:
    """The nodes whose profiles are in a folder of this machine; none of a spec that does not hold together."""
    fleet = load(root).fleet
    nodes = fleet.nodes.values() if fleet is not None else ()
    return tuple(node for node in nodes if node.type == NAME and "://" not in node.target)


def elsewhere(root: Path, home: Path | None) -> Iterator[str]:
    """Nodes whose profiles no session finds, for TangleClaw's folder is another: ``home``, by TANGLECLAW_HOME."""
    for node in here(root) if home is not None else ():
        if Path(node.target).expanduser() != home:
            whose = f"{node.address.kind} {node.name}"
            says = f"{whose} has its profiles in {node.target}, and TANGLECLAW_HOME is {home} here"
            yield f'{says}: write target = "{home}" in [{node.group}.{node.name}], or unset it if {HOME} is right'


def staying(root: Path) -> Iterator[str]:
    """Profiles that stay when the document is taken back: they are the spec's, and go with its next apply."""
    for node in here(root):
        release = f"fleethub release {shlex.quote(node.name)}"
        whose = f"{node.address.kind} {node.name}"
        yield f"the profiles of {whose} stay, with their key: {release}, then fleethub apply, takes both away"
