"""Why a call is refused: what a LiteLLM asks of it, one question after the other, each open, shut or not known.

The order is LiteLLM's own: the key, its end, its routes, its money, its scope, its team, the model, the replica.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Literal

from fleethub.model.address import Address
from fleethub.model.dataclass import dataclass
from fleethub.model.endpoint import Reply
from fleethub.model.keycall import PATH, covers
from fleethub.model.readings.proxy import KeyRow, ProxyReading, Team
from fleethub.model.text import amount, money, span, table_name

#: What stands for every model in a list of models.
EVERY = frozenset({"all-proxy-models", "*"})
State = Literal["open", "shut", "unknown"]


@dataclass(frozen=True, slots=True)
class Gate:
    """One question to a call. ``says`` has the numbers, ``hint`` what opens it."""

    what: str
    state: State
    says: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class RefusedQuery:
    """One model called on one proxy with one key. ``reading`` None: ``unread`` says why the master sees nothing.

    ``row``: the key as the proxy has it. ``lists``: what each replica lists to the key. ``ttl`` in seconds. ``wired``:
    the spec has the key reach the model.
    """

    proxy: str
    key: str
    model: str
    reading: ProxyReading | None
    row: KeyRow | None
    lists: Mapping[str, Reply]
    ttl: float
    unread: str = ""
    wired: bool = True


@dataclass(frozen=True, slots=True)
class RefusedResult:
    """A call, and what is asked of it."""

    proxy: str
    key: Address
    model: str
    gates: tuple[Gate, ...]


def gates(query: RefusedQuery) -> tuple[Gate, ...]:
    """All questions, the first that is shut being what a caller is told of."""
    return (*_master(query), *_replicas(query))


def _master(query: RefusedQuery) -> Iterator[Gate]:
    """What the proxy's own database tells."""
    if query.reading is None:
        yield Gate("key, scope, team, budget", "unknown", query.unread, "fleethub status")
        return
    row = query.row
    if row is None:
        says = f"no key of the node's value, nor one called {query.key}, is in its database"
        yield Gate("the key is there", "shut", says, "fleethub apply makes it; fleethub plan says what holds it back")
        return
    block = f"[keys.{table_name(query.key)}]"
    yield Gate("the key is there", "open", f"as {row.alias or 'a key without an alias'}")
    yield _gate("not blocked", not row.blocked, "somebody blocked it", "fleethub apply, and let it repair the drift")
    yield _end(row, block)
    yield _gate(
        "its routes",
        covers(row.allowed_routes, PATH),
        f"allowed_routes is {', '.join(row.allowed_routes) or 'all'}, which {PATH} is not in",
        f"take allowed_routes out of {block}; or fleethub apply, which takes off what the spec does not say",
    )
    yield from _limits(row, block)
    yield _free(_money("its budget", row.spend, row.limits.get("max_budget"), f"raise max_budget in {block}"), query)
    yield _scope(query, row)
    yield from _team(query, row)
    yield _model(query, query.reading)


def _end(row: KeyRow, block: str) -> Gate:
    if row.left is None:
        return Gate("not expired", "open", "it has no end")
    if row.left > 0:
        return Gate("not expired", "open", f"ends in {span(row.left)}")
    return Gate("not expired", "shut", f"expired {span(-row.left)} ago", f"fleethub rotate, or expires in {block}")


def _limits(row: KeyRow, block: str) -> Iterator[Gate]:
    zero = [name for name, value in row.limits.items() if name.endswith(("_limit", "_requests")) and value == 0]
    hint = f"write them in {block}; or fleethub apply, which takes off what the spec does not say"
    yield _gate("no limit of zero", not zero, f"{', '.join(zero)} is 0", hint)


def _money(what: str, spend: float | None, most: object, hint: str) -> Gate:
    if not isinstance(most, int | float):
        return Gate(what, "open", "none is set")
    if spend is None:
        return Gate(what, "unknown", f"what is spent of {amount(most)} is not told")
    says = f"{money(spend)} of {amount(most)} spent"
    return _gate(what, spend < most, says, f"{hint}, or wait until it is reset", says)


def _free(gate: Gate, query: RefusedQuery) -> Gate:
    """1.82.0 asks for a key's budget only where the model has a price, which nothing here tells."""
    if gate.state != "shut" or query.reading is None or not query.reading.version.startswith("1.82."):
        return gate
    return replace(gate, state="unknown", says=f"{gate.says}; LiteLLM 1.82 asks only of a model that has a price")


def _scope(query: RefusedQuery, row: KeyRow) -> Gate:
    if not row.models or {query.model, *EVERY} & set(row.models) or "all-team-models" in row.models:
        return Gate("the key's models", "open", f"{query.model} is among them" if row.models else "all")
    if query.reading is not None and _wild(query.model, row.models):
        return Gate("the key's models", "open", "by a wildcard")
    if row.groups:
        return Gate("the key's models", "unknown", f"access groups: {', '.join(row.groups)}", "look them up in LiteLLM")
    says = f"it may call {', '.join(row.models)}"
    hint = "fleethub apply, which gives a key what its nodes call"
    if not query.wired:
        hint = f"no node of it has {query.model} in its chain: fleethub assign, or also = [...] in its block"
    return Gate("the key's models", "shut", says, hint)


def _team(query: RefusedQuery, row: KeyRow) -> Iterator[Gate]:
    if not row.team:
        return
    team: Team | None = query.reading.teams.get(row.team) if query.reading else None
    if team is None:
        yield Gate("its team", "unknown", f"the team {row.team} could not be read", "look it up in LiteLLM")
        return
    name = team.alias or team.id
    yield _gate("its team is not blocked", not team.blocked, f"{name} is blocked", f"unblock {name} in LiteLLM")
    yield _money("its team's budget", team.spend, team.max_budget, f"raise max_budget of {name} in LiteLLM")
    fits = not team.models or bool({query.model, *EVERY} & set(team.models)) or _wild(query.model, team.models)
    says = f"{name} may call {', '.join(team.models) or 'all'}"
    yield _gate("its team's models", fits, says, f"add {query.model} to the list of {name} in LiteLLM", says)


def _model(query: RefusedQuery, reading: ProxyReading) -> Gate:
    names = {d.alias for d in reading.deployments} | reading.aliases.keys()
    there = query.model in reading.models or query.model in names or _wild(query.model, names)
    hint = f"add it to the model_list of {query.proxy}, or write manage_routes = true and fleethub apply"
    return _gate("the proxy has the model", there, f"{query.proxy} has no model called {query.model}", hint)


def _replicas(query: RefusedQuery) -> Iterator[Gate]:
    """What each replica lists to the key itself: a list that lacks a model of the scope is an old one."""
    scoped = query.row is not None and query.model in query.row.models
    for url, reply in query.lists.items():
        what = f"{url} knows it"
        if reply.names is None:
            state: State = "shut" if reply.status in (401, 403) else "unknown"
            yield Gate(what, state, reply.says or str(reply.failure or "no answer"), "fleethub verify")
        elif query.model in reply.names:
            yield Gate(what, "open", "it lists the model to the key")
        elif scoped:
            hint = f"wait {query.ttl:g} s (key_cache_ttl), then ask again; if it stays so, restart that replica"
            yield Gate(what, "shut", "it has an older copy of the key, which lacks the model", hint)
        elif query.row is None:
            yield Gate(what, "unknown", "it does not list the model to the key", "fleethub status")
        # else its scope says why: a key of all models is listed what the proxy shows, which need not be all


def _wild(model: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(model, pattern) for pattern in patterns if "*" in pattern)


def _gate(what: str, good: bool, says: str, hint: str, fine: str = "") -> Gate:
    return Gate(what, "open", fine) if good else Gate(what, "shut", says, hint)
