"""What a key is given, as LiteLLM's API takes it, and whether it has taken it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fleethub.kinds.key.attributes import BY_MODEL, tags
from fleethub.model.readings.proxy import KeyRow

#: Units of a lifetime in seconds.
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def fields(limits: Mapping[str, Any], have: Mapping[str, Any], metadata: dict[str, Any]) -> dict[str, Any]:
    """The fields of a request; ``have``: limits by model that are there. Tags are put into ``metadata``."""
    found: dict[str, Any] = {}
    for name, value in limits.items():
        if name in BY_MODEL:
            merged = {**(have.get(name) or {}), **value}
            found[name] = {model: limit for model, limit in merged.items() if limit is not None}
        elif name == "expires":
            found["duration"] = value
        elif name == "allowed_routes":
            found[name] = list(value or ())
        elif name == "tags":
            metadata["tags"] = list(value or ())
        elif name == "team":
            found["team_id"] = value
        else:
            found[name] = value
    return found


def seconds(lifetime: str) -> int:
    """``90d`` in seconds; the spec has checked its form."""
    return int(lifetime[:-1]) * UNITS[lifetime[-1]]


def differing(row: KeyRow, limits: Mapping[str, Any], created: bool) -> list[str]:
    """What of ``limits`` the key does not have; of a new one, what it was not to have may be the proxy's own gift."""
    return [name for name, value in limits.items() if not _is(row, name, value) and not (created and value is None)]


def _is(row: KeyRow, name: str, value: Any) -> bool:
    if name in BY_MODEL:
        there = row.limits.get(name) or {}
        return all(there.get(model) == limit for model, limit in value.items())
    if name == "expires":
        return bool((row.lifetime or row.expires) == value)
    if name == "allowed_routes":
        return tuple(sorted(row.allowed_routes)) == tuple(value or ())
    if name == "tags":
        return tags(row) == tuple(value or ())
    if name == "team":
        return bool(row.team == (value or ""))
    return bool(row.limits.get(name) == value)
