"""Who uses a model, for a finding about what it is on."""

from __future__ import annotations

from collections.abc import Sequence

from fleethub.fleetspec.chains import entries
from fleethub.fleetspec.merge import merged_nodes
from fleethub.fleetspec.schema import Spec
from fleethub.fleetspec.validate import Validated

NAMES = 6  # that one line shows


def nodes_of(spec: Spec, validated: Validated, alias: str) -> list[str]:
    """The nodes whose chain names a model, by name."""
    return [
        node.name
        for node in merged_nodes(spec, validated)
        if any(e.model == alias for e in entries(node.values.get("model"), node.values.get("fallbacks") or []))
    ]


def said(names: Sequence[str]) -> str:
    """``used by 14 nodes: a, b, c …``; empty for none."""
    if not names:
        return ""
    more = " …" if len(names) > NAMES else ""
    return f"used by {len(names)} node{'s' if len(names) > 1 else ''}: {', '.join(names[:NAMES])}{more}"
