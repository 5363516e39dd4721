"""The keys of proxies as blocks of a spec: what they may call, and every limit that is there and can be said."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from fleethub.adoption.proposal import Draft, Unsayable
from fleethub.fleetspec.added import NewBlock
from fleethub.fleetspec.resolve import LIMITS
from fleethub.kinds.key import mark_of
from fleethub.kinds.key.adopted import covers
from fleethub.kinds.key.attributes import ALL
from fleethub.model.address import key as key_address
from fleethub.model.facts import KeyRow, ProxyReading
from fleethub.model.text import plural

#: What an import says of a key that the spec's fields cannot take over: LiteLLM's name -> the spec's.
SAID = {theirs: ours for ours, theirs in LIMITS.items()}
PERIOD = re.compile(r"[1-9]\d{0,5}(s|m|h|d|w|mo)")


def keys(draft: Draft) -> None:
    """Every key of every proxy that FleetHub did not make."""
    for proxy, reading in draft.readings():
        for alias, rows in sorted(reading.keys.items()):
            if all(mark_of(row.metadata) for row in rows):
                continue
            address = key_address(proxy, alias)
            try:
                block = _key(draft, proxy, rows, reading)
            except Unsayable as why:
                draft.tell(address if alias else f"key.{proxy}", str(why))
                continue
            draft.chosen[address] = None
            if block is not None:
                draft.keys[alias] = block


def _key(draft: Draft, proxy: str, rows: Sequence[KeyRow], reading: ProxyReading) -> NewBlock | None:
    """Its block; None where the spec has one already, rightly or not: that, the plan shows."""
    row = rows[0]
    if not row.alias:
        raise Unsayable(f"{plural(len(rows), 'key')} without an alias: give them one in LiteLLM")
    if len(rows) > 1:
        raise Unsayable(f"{len(rows)} keys share this alias: delete or rename all but one in LiteLLM")
    if len(row.alias) > 128 or not row.alias.isprintable() or not row.alias.strip():
        raise Unsayable("its alias is no name that the spec can have: rename it in LiteLLM")
    if row.alias in draft.fleet.keys:
        return None
    used = row.alias in draft.users or any(node.key == row.alias for node in draft.fleet.nodes.values())
    models = scope(draft, proxy, row, reading)
    if not models and not used:
        raise Unsayable(f"none of what it may call ({', '.join(row.models) or ALL}) is a model that the spec can say")
    said = {SAID[name]: value for name, value in row.limits.items() if name in SAID and _sayable(name, value)}
    before = draft.keys.get(row.alias)
    if before is not None:  # the same alias on another proxy: one block is about both
        if said != {name: value for name, value in before.fields.items() if name != "models"}:
            raise Unsayable("the key of this alias on another proxy has other limits, and the spec has one block")
        models = sorted({*before.fields.get("models", ()), *models})
    also = sorted(draft.users.get(row.alias, ()))
    fields = {**({} if used else {"models": models}), **({"also": also} if also else {}), **said}
    return NewBlock(("keys", row.alias), fields) if fields else None


def scope(draft: Draft, proxy: str, row: KeyRow, reading: ProxyReading) -> list[str]:
    """The models of the spec that a key reaches: what its own list takes in, and its team's where that is known."""
    team = reading.teams.get(row.team)
    have = row.models or (ALL,)
    return sorted(
        alias
        for at, alias in draft.models
        if at == proxy and covers(have, alias, team) and (team is None or not team.models or covers(team.models, alias))
    )


def _sayable(name: str, value: Any) -> bool:
    return value is not None and (name != "budget_duration" or bool(PERIOD.fullmatch(str(value))))
