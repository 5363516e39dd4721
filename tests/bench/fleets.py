"""The fleet that the benchmarks are of: one proxy, two models, as many nodes as are added."""

from __future__ import annotations

import os
from pathlib import Path

from fleethub.fleetspec import load
from fleethub.model.trust import uses
from tests.fleets import deployment, fleet


def head(url: str) -> str:
    """Nodes are added by their block and ``host`` alone."""
    made = fleet(url, name="bench").proxy("main", url, key_cache_ttl=None).models("one", "two")
    return made.table("defaults.node", model="one", fallbacks=["two"]).text


__all__ = ["deployment", "head"]


def trust(folder: Path) -> None:
    """Let the commands of this benchmark ask all that the spec uses, and leave no record of it."""
    fleet = load(folder).fleet
    assert fleet is not None
    os.environ["FLEETHUB_TRUST"] = " ".join(sorted({use.origin for use in uses(fleet)}))
