"""The keys of proxies as blocks of a spec: what they may call, and every limit that is there and can be said."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from fleethub.adoption.proposal import Draft, Unsayable
from fleethub.fleetspec.added import NewBlock
from fleethub.kinds.key import mark_of
from fleethub.kinds.key.adopted import covers
from fleethub.kinds.key.attributes import ALL, tags
from fleethub.kinds.key.marks import by_budget, shares_budget
from fleethub.model.address import Address
from fleethub.model.address import key as key_address
from fleethub.model.keycall import LIST, PATH, ROUTE_WORDS, manages
from fleethub.model.keycall import covers as covers_route
from fleethub.model.readings.proxy import KeyRow, ProxyReading
from fleethub.model.serving import LIMITS
from fleethub.model.text import plural

#: What an import says of a key that the spec's fields cannot take over: LiteLLM's name -> the spec's.
SAID = {theirs: ours for ours, theirs in LIMITS.items()}
#: The largest limit that a spec can say.
MOST = 2**53
PERIOD = re.compile(r"[1-9]\d{0,5}(s|m|h|d|w|mo)")


def keys(draft: Draft) -> None:
    """Every key of every proxy that FleetHub did not make."""
    for proxy, reading in draft.readings():
        budgets = by_budget(reading)
        for alias, rows in sorted(reading.keys.items()):
            address = key_address(proxy, alias)
            if address in draft.left:  # a block for the same alias on another proxy is not about this one
                continue
            if all(mark_of(row.metadata) for row in rows) and not _let_go(draft, address, rows):
                continue
            try:
                block = _key(draft, proxy, rows, reading, budgets)
            except Unsayable as why:
                draft.tell(address if alias else f"key.{proxy}", str(why))
                continue
            draft.chosen[address] = None
            if block is not None:
                draft.keys[alias] = block


def _let_go(draft: Draft, address: Address, rows: Sequence[KeyRow]) -> bool:
    """Whether marked keys are this fleet's own, named by the spec, and no record is of them: it was taken away once.

    Takes note of those that another fleet made.
    """
    marks = [mark for row in rows if (mark := mark_of(row.metadata)) is not None]
    if any(mark.lineage != draft.lineage for mark in marks):
        draft.foreign[address] = None
        return False
    named = address.alias in draft.fleet.keys or any(node.key == address.alias for node in draft.fleet.nodes.values())
    return named and address not in draft.records


def _key(
    draft: Draft, proxy: str, rows: Sequence[KeyRow], reading: ProxyReading, budgets: Mapping[str, Sequence[KeyRow]]
) -> NewBlock | None:
    """Its block; None where the spec has one already, rightly or not: that, the plan shows."""
    row = rows[0]
    if not row.alias:
        raise Unsayable(f"{plural(len(rows), 'key')} without an alias: give them one in LiteLLM")
    if len(rows) > 1:
        raise Unsayable(f"{len(rows)} keys share this alias: delete or rename all but one in LiteLLM")
    if not _is_label(row.alias):
        raise Unsayable("its alias is no name that the spec can have: rename it in LiteLLM")
    if row.alias in draft.fleet.keys:
        return None
    if why := draft.refused.get(("keys", row.alias)):
        raise Unsayable(why)
    used = row.alias in draft.users or any(node.key == row.alias for node in draft.fleet.nodes.values())
    models = scope(draft, proxy, row, reading)
    if not models and not used:
        raise Unsayable(f"none of what it may call ({', '.join(row.models) or ALL}) is a model that the spec can say")
    said = _limits(row, used)
    if shares_budget(row, budgets):
        said.pop("soft_budget", None)
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


def _limits(row: KeyRow, used: bool) -> dict[str, Any]:
    """Every limit that the spec can say; when it ends is a moment, which the lockfile keeps. Raises Unsayable."""
    said = {SAID[name]: value for name, value in row.limits.items() if name in SAID and _sayable(name, value)}
    routes = sorted(row.allowed_routes)
    asked = [path for path in (LIST, *([PATH] if used else [])) if not covers_route(routes, path)]
    strange = [route for route in routes if not route.startswith("/") and route not in ROUTE_WORDS]
    if asked or strange:
        why = f"its allowed_routes ({', '.join(routes)}) shut out {', '.join(asked)}"
        raise Unsayable(why if asked else f"its allowed_routes have what is no route: {', '.join(strange)}")
    if wide := manages(routes):
        raise Unsayable(f"its allowed_routes have {wide}, with which it makes keys as the master key does")
    said |= {"allowed_routes": routes} if routes else {}
    said |= {"tags": list(tags(row))} if tags(row) and all(map(_is_label, tags(row))) else {}
    return said | ({"team": row.team} if row.team else {})


def _sayable(name: str, value: Any) -> bool:
    if isinstance(value, dict):
        whole = all(isinstance(n, int) and 0 < n <= MOST and _is_label(model) for model, n in value.items())
        return bool(value) and whole
    if name == "budget_duration":
        return bool(PERIOD.fullmatch(str(value)))
    if name == "max_parallel_requests":
        return value is not None and 0 < value < 2**31
    return value is not None and 0 <= value <= MOST


def _is_label(text: str) -> bool:
    return 0 < len(text) <= 128 and text.isprintable() and bool(text.strip())
