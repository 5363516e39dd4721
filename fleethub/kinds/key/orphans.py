"""Living keys with this fleet's mark that neither the spec nor the lockfile names: nobody would ever delete them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fleethub.kinds.key.attributes import KeyState
from fleethub.kinds.key.marks import marks
from fleethub.kinds.proxies import lost
from fleethub.kinds.values import ObserveContext
from fleethub.model.address import key as key_address
from fleethub.model.facts import KeyRow, ProxyReading
from fleethub.model.finding import Finding
from fleethub.model.fleet import Fleet
from fleethub.model.observation import Mark


def orphans(items: Sequence[KeyState], fleet: Fleet, context: ObserveContext) -> list[Finding]:
    """One finding per key; what has the alias of a key that is named is told with that one."""
    claimed = {token for i in items if i.seen for token in (i.seen.telemetry.token, *i.seen.telemetry.olds)}

    def marked(reading: ProxyReading) -> Iterable[tuple[str, Mark, KeyRow]]:
        return ((row.alias, mark, row) for row, mark in marks(reading) if row.token not in claimed)

    return [_orphan(row, proxy) for proxy, row in lost(items, fleet, context, marked)]


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
