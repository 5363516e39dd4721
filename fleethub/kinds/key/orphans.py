"""Living keys with this fleet's mark that neither the spec nor the lockfile names: nobody would ever delete them."""

from __future__ import annotations

from collections.abc import Sequence

from fleethub.kinds.interface import ObserveContext, ResourceState
from fleethub.kinds.key.marks import marks
from fleethub.model.address import key as key_address
from fleethub.model.facts import KeyRow, ProxyReading
from fleethub.model.finding import Finding
from fleethub.model.fleet import Fleet


def orphans(items: Sequence[ResourceState], fleet: Fleet, sight: ObserveContext) -> list[Finding]:
    """One finding per key."""
    names = {p.admin_url: p.name for p in fleet.proxies.values()}
    claimed = {i.seen.telemetry["token"] for i in items if i.seen and i.address.kind == "key"}
    named = set()
    for item in (i for i in items if i.address.kind == "key"):
        for side in (item.want, item.locked):
            if side is not None:
                named.add((side.source.at, item.address.alias))
                names.setdefault(side.source.at, item.address.owner)
    found = []
    for (system, at), reading in sorted(sight.facts.readings.items()):
        if system != "litellm" or not isinstance(reading, ProxyReading) or not sight.lineage:
            continue
        for row, mark in marks(reading):
            # what has the alias of a key that is named is told with that one
            if mark.lineage == sight.lineage and row.token not in claimed and (at, row.alias) not in named:
                found.append(_orphan(row, names.get(at, at)))
    return found


def _orphan(row: KeyRow, proxy: str) -> Finding:
    called = repr(row.alias) if row.alias else "without an alias"
    models = ", ".join(row.models) or "all models"
    state = "is blocked" if row.blocked else "lives"
    return Finding(
        "key.orphan",
        f"the key {called} on {proxy} has this fleet's mark and {state} ({models}), and neither the spec nor the "
        "lockfile names it",
        key_address(proxy, row.alias),
        hint="delete it in LiteLLM if nobody uses it (POST /key/delete), or take its mark off "
        "(metadata.fleethub) if it is somebody's",
    )
