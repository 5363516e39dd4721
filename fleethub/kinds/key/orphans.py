"""Living keys with this fleet's mark that neither the spec nor the lockfile names: nobody would ever delete them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fleethub.kinds.key.actions import KeyDelete
from fleethub.kinds.key.attributes import KeyState
from fleethub.kinds.key.marks import marks
from fleethub.kinds.proxies import lost, proxy_source
from fleethub.kinds.values import ObserveContext
from fleethub.model.address import key as key_address
from fleethub.model.finding import Finding
from fleethub.model.fleet import Fleet
from fleethub.model.observation import Mark
from fleethub.model.plan import Phase, Step
from fleethub.model.readings.proxy import KeyRow, ProxyReading


def orphans(items: Sequence[KeyState], fleet: Fleet, context: ObserveContext) -> list[Finding]:
    """One finding per key; what has the alias of a key that is named is told with that one."""
    return [_orphan(row, proxy) for proxy, row in _lost(items, fleet, context)]


def prune(items: Sequence[KeyState], fleet: Fleet, context: ObserveContext) -> Iterable[Step]:
    """The deletion of each, by the hash of its value that was seen beside the mark."""
    sources = {p.name: proxy_source(p) for p in fleet.proxies.values()}
    sources |= {i.address.owner: i.locked.source for i in items if i.locked and i.address.owner not in sources}
    for number, (proxy, row) in enumerate(_lost(items, fleet, context)):
        if proxy in sources:
            address = key_address(proxy, row.alias or "(no alias)")
            do = KeyDelete(sources[proxy], row.alias, (row.token,))
            yield Step(f"{address}/prune-{number}", address, Phase.CONTRACT, do, removes=True)


def _lost(items: Sequence[KeyState], fleet: Fleet, context: ObserveContext) -> Iterable[tuple[str, KeyRow]]:
    claimed = {token for i in items if i.seen for token in (i.seen.telemetry.token, *i.seen.telemetry.olds)}

    def marked(reading: ProxyReading) -> Iterable[tuple[str, Mark, KeyRow]]:
        return ((row.alias, mark, row) for row, mark in marks(reading) if row.token not in claimed)

    return lost(items, fleet, context, marked)


def _orphan(row: KeyRow, proxy: str) -> Finding:
    called = repr(row.alias) if row.alias else "without an alias"
    models = ", ".join(row.models) or "all models"
    state = "is blocked" if row.blocked else "lives"
    return Finding(
        "key.orphan",
        f"the key {called} on {proxy} has this fleet's mark and {state} ({models}), and neither the spec nor the "
        "lockfile names it",
        key_address(proxy, row.alias),
        hint="fleethub apply --prune deletes it; or take its mark off (metadata.fleethub) if it is somebody's",
    )
