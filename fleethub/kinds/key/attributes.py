"""The attributes of a key, under LiteLLM's names: which are wanted as none, which are only shown.

What takes a key's power away is never left alone: expiry, routes, aliases and router settings of its own, blocked, a
limit of zero. Another limit, or a team, that the spec does not name is somebody else's business, and shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fleethub.kinds.values import ResourceState
from fleethub.model.facts import KeyRow
from fleethub.model.observation import Attrs, Locked, Seen
from fleethub.model.text import heard

LIMITS = ("rpm_limit", "tpm_limit", "max_budget", "budget_duration")
#: Limits that the spec cannot name.
OTHERS = ("max_parallel_requests", "model_rpm_limit", "model_tpm_limit")
BY_MODEL = ("model_rpm_limit", "model_tpm_limit")
SCALARS = (*LIMITS, "max_parallel_requests")
#: What takes a key's power away, and is none unless the spec says so.
POWER = ("expires", "allowed_routes", "aliases", "router_settings")
#: Wanted as none where the spec does not name them.
NEVER = (*POWER, *LIMITS, *OTHERS)
#: LiteLLM reads an empty list as "all models"; we never send that, and show it by this name.
ALL = "(all models)"
NOTHING = "no-default-models"
WILDCARDS = {"all-team-models"}
EVERY = {"all-proxy-models", "*"}


def power(row: KeyRow) -> dict[str, Any]:
    """What of a key takes its power away, beside limits; empty values are none."""
    found = {
        "expires": row.expires,
        "allowed_routes": sorted(row.allowed_routes),
        "aliases": dict(row.aliases),
        "router_settings": dict(row.router_settings),
    }
    return {name: value for name, value in found.items() if value}


def limits(row: KeyRow, wanted: Attrs, locked: Locked | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """The limits that are managed (the spec names them, or an apply set them, or they are zero), and the others."""
    sides: list[Attrs] = [wanted]
    if locked is not None:
        sides += [locked.attrs, locked.pending.attrs if locked.pending else {}]
    managed: dict[str, Any] = {}
    others: dict[str, Any] = {}
    for name, value in row.limits.items():
        if name in BY_MODEL:
            zero = {model: limit for model, limit in (value or {}).items() if limit == 0}
            rest = {model: limit for model, limit in (value or {}).items() if limit != 0}
            managed |= {name: zero} if zero else {}
            others |= {name: rest} if rest else {}
        elif value is not None:
            ours = value == 0 or any(side.get(name) is not None for side in sides)
            (managed if ours else others)[name] = value
    return managed, others


def never(item: ResourceState) -> Attrs:
    """What must be none of a key as it is observed: all that takes its power away, and limits of zero."""
    have = item.seen.attrs if item.seen else {}
    zero = [n for n in (*LIMITS, *OTHERS) if have.get(n) == 0 or (n in BY_MODEL and have.get(n))]
    return dict.fromkeys((*POWER, *zero, "renamed"))


def beside(seen: Seen) -> tuple[str, ...]:
    """What a key has that the spec does not name, in words: ``expires 2026-12-27``, ``rpm_limit 11``, ``team t1``."""
    found = {name: seen.attrs[name] for name in POWER if seen.attrs.get(name)} | dict(
        seen.telemetry.get("unmanaged", {})
    )
    return tuple(f"{name} {shown(value)}" for name, value in found.items())


def shown(value: Any) -> str:
    """An attribute's value for people."""
    if isinstance(value, Mapping):
        return ", ".join(f"{heard(str(name))} {shown(one)}" for name, one in sorted(value.items()))
    if isinstance(value, list | tuple):
        return ", ".join(map(shown, value))
    return f"{value:g}" if isinstance(value, float) else heard(str(value))


def spent(row: KeyRow) -> str:
    """``it has spent 5 of 5``; empty while its budget lasts."""
    budget = row.limits.get("max_budget")
    over = budget and row.spend is not None and row.spend >= budget
    return f"it has spent {row.spend:g} of {budget:g}" if over else ""
