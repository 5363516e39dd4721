"""Where a proxy leads an alias: deployments of its own, of what it is another name for, or of a wildcard."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from fleethub.model.readings.proxy import Deployment, ProxyReading

#: How many times a router goes on to another model before it gives up.
DEPTH = 5


def rows_of(reading: ProxyReading, alias: str) -> list[Deployment]:
    """The deployments that a call of an alias may end at. A wildcard's are given with the model that it leads to."""
    own = [row for row in reading.deployments if row.alias == alias]
    if not own and alias in reading.aliases:
        own = [row for row in reading.deployments if row.alias == reading.aliases[alias]]
    return own or _wild(reading, alias)


def _wild(reading: ProxyReading, alias: str) -> list[Deployment]:
    """Of the wildcard that takes an alias in: the longest pattern."""
    patterns = {d.alias for d in reading.deployments if "*" in d.alias and _matched(d.alias, alias) is not None}
    if not patterns:
        return []
    best = max(patterns, key=len)
    matched = _matched(best, alias) or ""
    return [replace(d, model=d.model.replace("*", matched, 1)) for d in reading.deployments if d.alias == best]


def _matched(pattern: str, alias: str) -> str | None:
    """What a pattern's first star stands for in an alias; None: it does not match."""
    found = re.fullmatch("(.*)".join(map(re.escape, pattern.split("*"))), alias)
    return found[1] if found else None


def leads_to(row: Deployment, url: str) -> bool:
    """Whether a deployment calls the server at a URL, by whichever of its interfaces."""
    return row.api_base is not None and origin(row.api_base) == origin(url)


def origin(url: str) -> str:
    """Scheme and host of a URL."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()


def instead(fallbacks: Mapping[str, Iterable[str]] | None, aliases: Iterable[str]) -> dict[str, str]:
    """What a router may call in the place of any of the aliases -> the one that it is called for.

    It looks a fallback up by the name that was asked for, and goes on from what it called then.
    """
    found: dict[str, str] = {}
    asked = set(aliases)
    now = sorted(asked)
    for _ in range(DEPTH):
        later: list[str] = []
        for alias in now:
            for other in (fallbacks or {}).get(alias) or (fallbacks or {}).get("*", ()):
                if other not in asked and other not in found:
                    found[other] = alias
                    later.append(other)
        now = later
    return found


def fallbacks_of(settings: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Alias ("*": any other) -> what is called in its place, of whatever kind of failure; of a router or of a key."""
    names = ("fallbacks", "context_window_fallbacks", "content_policy_fallbacks")
    kinds = [_entries(settings.get(name)) for name in names]
    for alias, others in _entries([{"*": settings.get("default_fallbacks")}]).items():
        kinds[0].setdefault(alias, others)
    # each kind of failure has its own "*", for the names that this kind does not have
    every = dict.fromkeys(alias for kind in kinds for alias in kind)
    called = {alias: [other for kind in kinds for other in kind.get(alias) or kind.get("*", [])] for alias in every}
    return {alias: tuple(dict.fromkeys(others)) for alias, others in called.items()}


def _entries(given: object) -> dict[str, list[str]]:
    """One kind's list of tables; an entry may be a deployment of its own ({"model": …}) instead of a name: no scope is
    asked for it.
    """
    found: dict[str, list[str]] = {}
    for entry in given if isinstance(given, list | tuple) else ():
        for alias, others in entry.items() if isinstance(entry, dict) else ():
            names = [name for name in others if isinstance(name, str)] if isinstance(others, list | tuple) else []
            if names:
                found.setdefault(alias, []).extend(names)
    return found


def aliases_of(settings: Mapping[str, Any]) -> dict[str, str]:
    """Another name, hidden or not -> what a router calls for it."""
    given = settings.get("model_group_alias")
    found = {}
    for alias, target in given.items() if isinstance(given, dict) else ():
        name = target.get("model") if isinstance(target, dict) else target
        if isinstance(name, str) and name:
            found[str(alias)] = name
    return found
