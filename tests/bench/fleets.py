"""The fleet that the benchmarks are of: one proxy, two models, as many nodes as are added."""

from __future__ import annotations

from tests.fleets import deployment, fleet


def head(url: str) -> str:
    """Nodes are added by their block and ``host`` alone."""
    made = fleet(url, name="bench").proxy("main", url, key_cache_ttl=None).models("one", "two")
    return made.table("defaults.node", model="one", fallbacks=["two"]).text


__all__ = ["deployment", "head"]
