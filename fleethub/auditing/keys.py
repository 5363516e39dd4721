"""Keys: what they reach, what bounds them, whether anybody uses them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from functools import cache

from fleethub.auditing.values import AuditQuery
from fleethub.model import keycall
from fleethub.model.address import Address, key
from fleethub.model.finding import Finding
from fleethub.model.readings.proxy import KeyRow, ProxyReading, Team
from fleethub.model.text import amount, heard, money, plural, span

#: The proxy's name in addresses: the one that init --discover gives the first.
PROXY = "main"
#: Words of a key's list that name no model, and those that stand for all there are.
ALL = frozenset({"*", "all-proxy-models"})
WORDS = frozenset({*ALL, "all-team-models", "no-default-models"})
NAMES = 8  # that one line shows


def key_findings(query: AuditQuery) -> Iterator[Finding]:
    """Of each key by itself, then of those that share an alias or have none."""
    reading, there = query.reading, existing(query.reading)
    for alias in sorted(reading.keys):
        rows = reading.keys[alias]
        for row in rows:
            yield from _one(row, query, there)
        if alias and len(rows) > 1:
            message = f"{len(rows)} keys share the alias {heard(alias)!r}: which is meant by it nobody can say"
            yield Finding("audit.alias-twice", message, at(rows[0]), hint="delete what nobody uses, or rename one")
    if nameless := reading.keys.get("", ()):
        message = f"{plural(len(nameless), 'key')} without an alias: nobody can tell whose"
        yield Finding("audit.key-nameless", message, hint="give each a key_alias in LiteLLM, or delete it")


def _one(row: KeyRow, query: AuditQuery, there: Callable[[str], bool]) -> Iterator[Finding]:
    reading, team = query.reading, query.reading.teams.get(row.team)
    if row.left is not None and row.left <= 0:
        message = f"{named(row)} expired {span(-row.left)} ago and is still there"
        yield Finding("audit.key-expired", message, at(row), hint="delete it in LiteLLM; its alias is taken until then")
        return  # every call with it is refused, so the rest says nothing more
    if wide := keycall.manages(row.allowed_routes):
        message = f"{named(row)} makes keys as the master key does: its allowed_routes have {heard(wide)}"
        yield Finding("audit.key-manages", message, at(row), hint='give it "llm_api_routes", or delete it')
    if everything(row, reading):
        message = f"{named(row)} reaches every model: {_why(row)}"
        yield Finding("audit.key-everything", message, at(row), hint="give it the models that it calls")
    dead = [name for name in row.models if name not in WORDS and not there(name) and name not in row.groups]
    if dead:
        names = ", ".join(map(heard, dead[:NAMES]))
        message = f"{named(row)} names {names}, which the proxy does not have: each call of it fails"
        yield Finding("audit.key-dead-model", message, at(row), hint="take the name out, or add the model to the proxy")
    if row.limits.get("max_budget") is None and not (team is not None and team.max_budget is not None):
        yield Finding("audit.key-no-budget", f"{named(row)} may spend without end", at(row), hint="set max_budget")
    if row.left is None:
        yield Finding("audit.key-no-expiry", f"{named(row)} never ends", at(row), hint="set duration, and rotate it")
    if said := _spent(row, team):
        yield Finding(
            "audit.key-spent", f"{named(row)} is refused every call: {said}", at(row), hint="raise its budget"
        )
    if (said := _unused(row, query.unused)) and not row.blocked:
        yield Finding("audit.key-unused", f"{named(row)} {said}", at(row), hint="ask its owner; delete it in LiteLLM")


def everything(row: KeyRow, reading: ProxyReading) -> bool:
    """Whether nothing bounds what a key reaches; a team's own list does, and one that could not be read may."""
    if row.models and not (ALL & set(row.models)) and row.models != ("all-team-models",):
        return False
    if not row.team:
        return row.models != ("all-team-models",)
    team = reading.teams.get(row.team)
    return team is not None and (not team.models or bool(ALL & set(team.models)))


def existing(reading: ProxyReading) -> Callable[[str], bool]:
    """Whether a name of a scope leads to a model, or to some: as a pattern, by a wildcard, an alias or a group."""
    names = {row.alias for row in reading.deployments} | reading.models | reading.aliases.keys()
    groups = {group for row in reading.deployments for group in row.groups}
    patterns = tuple(one for one in names if "*" in one)

    @cache
    def exists(name: str) -> bool:
        if name in names or name in groups or any(fnmatchcase(name, one) for one in patterns):
            return True
        return "*" in name and any(fnmatchcase(one, name) for one in names)

    return exists


def named(row: KeyRow) -> str:
    """A key for people: its alias, or how long it has been there."""
    if row.alias:
        return f"the key {heard(row.alias)!r}"
    return "a key without an alias" + (f", made {span(row.age)} ago," if row.age is not None else "")


def at(row: KeyRow) -> Address | None:
    """Its address in a spec that init --discover writes."""
    return key(PROXY, row.alias) if row.alias else None


def _why(row: KeyRow) -> str:
    if not row.models:
        return "its list of models is empty, which is all to LiteLLM"
    return f"its list has {', '.join(sorted(ALL & set(row.models)) or row.models)}"


def _spent(row: KeyRow, team: Team | None) -> str:
    most = row.limits.get("max_budget")
    if isinstance(most, int | float) and row.spend is not None and row.spend >= most:
        return f"{money(row.spend)} of its {amount(most)} are spent"
    if team is not None and team.max_budget is not None and team.spend is not None and team.spend >= team.max_budget:
        whose = f"of its team {heard(team.alias or team.id)}"
        return f"{money(team.spend)} of the {amount(team.max_budget)} {whose} are spent"
    return ""


def _unused(row: KeyRow, limit: float) -> str:
    if row.used is not None:
        return f"was last used {span(row.used)} ago" if row.used > limit else ""
    never = not row.spend and row.age is not None and row.age > limit
    return f"was never used in the {span(row.age or 0)} since it was made" if never else ""
