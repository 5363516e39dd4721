"""Keys that were there before FleetHub: their value is kept, and so is what they may call beyond the wiring."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from fleethub import nodetypes
from fleethub.kinds.key.attributes import ALL, EVERY, NOTHING, WILDCARDS, Holder, KeyAttrs, KeyResource
from fleethub.kinds.key.scope import wiring
from fleethub.kinds.proxies import proxy_source
from fleethub.model.address import key as key_address
from fleethub.model.facts import Facts
from fleethub.model.finding import Finding
from fleethub.model.fleet import Fleet
from fleethub.model.observation import Locked
from fleethub.model.readings.proxy import KeyRow, ProxyReading, Team
from fleethub.model.text import table_name

if TYPE_CHECKING:
    from fleethub.kinds.key.attributes import KeyState


def split_scope(
    row: KeyRow, want: KeyResource, locked: Locked[KeyAttrs] | None, team: Team | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """A key's models as the spec speaks of them, and the wider rest, which is left alone; both sorted.

    A model that a pattern of its list takes in counts as listed. What an apply has given it is the spec's business.
    """
    begun = locked.pending.attrs if locked and locked.pending else None
    sides = (want.attrs, locked.attrs if locked else None, begun)
    named = {model for side in sides if side is not None for model in side.models} - {NOTHING}
    have = {*row.models} or {ALL}
    managed = (have & named) | {model for model in want.attrs.models if covers(have, model, team)}
    return tuple(sorted(managed)) or (NOTHING,), tuple(sorted(have - managed - {NOTHING}))


def covers(models: Collection[str], name: str, team: Team | None = None) -> bool:
    """Whether a list of a key lets it call a model: by name, by a pattern, or as one of all. Groups are not known."""
    have = set(models)
    if name in have or have & {ALL, *EVERY}:
        return True
    if have & WILDCARDS and (team is None or not team.models or covers(team.models, name)):
        return True
    return any(re.fullmatch(".*".join(map(re.escape, one.split("*"))), name) for one in have if "*" in one)


def holders(fleet: Fleet, name: str) -> tuple[Holder, ...]:
    """The nodes in whose own files the value of an adopted key can be read, to prove it."""
    found = []
    for node in fleet.nodes.values():
        kind = nodetypes.of(node)
        if node.key == name and node.manage == "wiring" and node.declared is None and kind is not None:
            found.append(Holder(node.target, node.type, nodetypes.paths(kind, node), node.settings))
    return tuple(found)


def by_pattern(have: Iterable[str], wider: Iterable[str]) -> set[str]:
    """The models of ``have`` that only a pattern or a word for all of ``wider`` lets a key call: no list shows them."""
    return {model for model in have if covers(set(wider), model)}


def wider_than_wiring(item: KeyState) -> list[Finding]:
    """What an adopted key may call beyond the wiring, and how to take that away."""
    seen, want = item.seen, item.want
    if seen is None or want is None or not seen.telemetry.wider:
        return []
    alias, proxy = item.address.alias, item.address.owner
    more = ", ".join(seen.telemetry.wider)
    return [
        Finding(
            "key.wider-than-wiring",
            f"the adopted key {alias!r} on {proxy} may also call {more}, which nothing in the spec needs",
            item.address,
            want.place,
            f'it stays so; adopt = "narrow" in [keys.{table_name(alias)}] takes it away with the next apply',
        )
    ]


def kept_by_whole_nodes(fleet: Fleet, facts: Facts) -> list[Finding]:
    """Nodes and consumers that FleetHub would bring a value which it does not have."""
    found = []
    for node in fleet.nodes.values():
        for proxy in wiring(fleet, node) if node.manage == "whole" or node.consumer else ():
            address = key_address(proxy, node.key)
            if not fleet.kept_value(address):
                continue
            reading = facts.of(proxy_source(fleet.proxies[proxy]))
            there = isinstance(reading, ProxyReading) and node.key in reading.keys
            brought = "is brought its key by FleetHub" if node.consumer else "has files that are all FleetHub's"
            wire = "" if node.consumer else f'write manage = "wiring" in [nodes.{node.name}], or '
            found.append(
                Finding(
                    "key.kept-whole",
                    f"{node.name} {brought}, and the value of its adopted key {node.key!r} on {proxy} is not FleetHub's"
                    + ("" if there else ", nor is the key there"),
                    node.address,
                    node.place,
                    f"{wire}raise generation in [keys.{table_name(node.key)}], which gives it a new value",
                )
            )
    return found
