"""The attributes of a key, under LiteLLM's names: which are wanted as none, which are only shown.

What takes a key's power away is never left alone: expiry, routes, aliases and router settings of its own, blocked, a
limit of zero. Another limit, or a team, that the spec does not name is somebody else's business, and shown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field
from typing import Any

from fleethub.kinds.values import ResourceState
from fleethub.model.attributes import STRICT
from fleethub.model.dataclass import dataclass
from fleethub.model.observation import Locked, Resource, Seen
from fleethub.model.readings.proxy import KeyRow, Team
from fleethub.model.secret import Derived, KeptValue
from fleethub.model.serving import Proxy
from fleethub.model.text import amount, heard, moment, money


@dataclass(frozen=True, slots=True)
class KeyAttrs:
    """A key: its scope, the fingerprint of its value, what takes its power away, its limits.

    ``renamed`` is the alias that it has instead of its own. Of the limits only those that are managed are here.
    ``replaces``: fingerprints of older values of it that still work; ``interim``: the alias that it has until they go.
    """

    __pydantic_config__ = STRICT

    models: tuple[str, ...] = ()
    value: str | None = None
    blocked: bool | None = None
    marked: bool | None = None
    expires: str | None = None
    allowed_routes: tuple[str, ...] | None = None
    aliases: Mapping[str, Any] | None = None
    router_settings: Mapping[str, Any] | None = None
    rpm_limit: int | float | None = None
    tpm_limit: int | float | None = None
    max_budget: int | float | None = None
    soft_budget: int | float | None = None
    budget_duration: str | None = None
    max_parallel_requests: int | float | None = None
    model_rpm_limit: Mapping[str, int | float] | None = None
    model_tpm_limit: Mapping[str, int | float] | None = None
    renamed: str | None = None
    replaces: tuple[str, ...] | None = None
    interim: str | None = None
    tags: tuple[str, ...] | None = None
    team: str | None = None


@dataclass(frozen=True, slots=True)
class Holder:
    """A node in whose files the value of an adopted key stands: its type, that one's settings, its files by role."""

    target: str
    type: str
    files: Mapping[str, str]
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class KeyMaterial:
    """What a key's steps need: where its value is derived (or that it is kept), and the endpoints that it is proved at.

    ``keeps``: it is adopted, and what it may call beyond the wiring stays. ``holders``: who has the value of such a
    key.
    ``grace``: seconds that an older value goes on working beside a new one. ``ignore``: attributes that are left alone
    where somebody changed them.
    """

    slot: Derived | KeptValue
    proxy: Proxy
    keeps: bool = False
    holders: tuple[Holder, ...] = ()
    grace: float = 0.0
    ignore: tuple[str, ...] = ()

    @property
    def kept(self) -> bool:
        """Whether its value is not FleetHub's."""
        return isinstance(self.slot, KeptValue)


@dataclass(frozen=True, slots=True)
class OldValue:
    """An older value of a key that calls are taken with: its row, and how it is derived, else its hash."""

    row: KeyRow
    slot: Derived | KeptValue


@dataclass(frozen=True, slots=True)
class KeyTelemetry:
    """``spent`` and ``barred`` in words, where it is; ``rows``: keys that have its alias; ``token``: LiteLLM's hash.

    ``wider``: what an adopted key may call beyond what the spec names.
    ``unmanaged``: limits, and a team, that the spec does not name. ``team_state``: its team, where it could be read.
    ``olds``: LiteLLM's hashes of its older values, ``blocked`` those of all its values that are; ``held``: one of the
    older has its alias. ``serving``: those of the older that calls are taken with. ``age``: seconds since it was made,
    ``left`` until it expires, ``used`` since the last call with any of its values (None: none is told of). ``derived``:
    its value is this fleet's, by what its mark says of it.
    ``shares_budget``: another key has the same row of budgets, which a soft budget is in.
    ``listed``: its models as LiteLLM has them, none for all.
    ``alone``: what is there of attributes that are left alone, where it is not as it is wanted.
    ``taken``: somebody else's key has the alias that a new value would have beside this one, ``crowded``: an older
    value of its own has it.
    """

    spend: float | None = None
    spent: str = ""
    barred: str = ""
    rows: int = 1
    token: str = field(default="", repr=False)
    unmanaged: Mapping[str, Any] = field(default_factory=dict)
    groups: tuple[str, ...] = ()
    wider: tuple[str, ...] = ()
    team: str = ""
    clears_budget_duration: bool = True
    team_state: Team | None = field(default=None, repr=False)
    olds: tuple[str, ...] = field(default=(), repr=False)
    blocked: tuple[str, ...] = field(default=(), repr=False)
    held: bool = field(default=False, repr=False)
    serving: tuple[OldValue, ...] = field(default=(), repr=False)
    age: float | None = field(default=None, repr=False)
    left: float | None = field(default=None, repr=False)
    used: float | None = field(default=None, repr=False)
    derived: bool = field(default=False, repr=False)
    taken: bool = field(default=False, repr=False)
    crowded: bool = field(default=False, repr=False)
    alone: Mapping[str, Any] = field(default_factory=dict, repr=False)
    listed: tuple[str, ...] = field(default=(), repr=False)
    shares_budget: bool = field(default=False, repr=False)


KeyResource = Resource[KeyAttrs, KeyMaterial]
KeySeen = Seen[KeyAttrs, KeyTelemetry]
KeyState = ResourceState[KeyAttrs, KeyMaterial, KeyTelemetry]

LIMITS = ("rpm_limit", "tpm_limit", "max_budget", "budget_duration")
OTHERS = ("max_parallel_requests", "model_rpm_limit", "model_tpm_limit")
BY_MODEL = ("model_rpm_limit", "model_tpm_limit")
SCALARS = (*LIMITS, "max_parallel_requests", "soft_budget")
#: What the spec may give a key beside limits.
GIVEN = ("expires", "allowed_routes", "tags", "team")
#: What takes a key's power away, and is none unless the spec says so.
POWER = ("expires", "allowed_routes", "aliases", "router_settings")
#: LiteLLM reads an empty list as "all models"; we never send that, and show it by this name.
ALL = "(all models)"
NOTHING = "no-default-models"
WILDCARDS = {"all-team-models"}
EVERY = {"all-proxy-models", "*"}


def interim(alias: str, generation: int, again: bool = False) -> str:
    """The alias of a new value beside an older one, for an alias is one key's; it is renamed once that one is gone.

    ``again``: an older one has even that, for a new seed came while it was made.
    """
    return f"{alias}--g{generation}" + ("-2" if again else "")


def is_interim(there: str, alias: str) -> bool:
    """Whether a key has the alias of a new value beside an older one of this alias."""
    return re.fullmatch(rf"{re.escape(alias)}--g\d+(-2)?", there) is not None


def power(row: KeyRow) -> dict[str, Any]:
    """What of a key takes its power away, beside limits; empty values are none."""
    found = {
        "expires": row.lifetime or row.expires,
        "allowed_routes": tuple(sorted(row.allowed_routes)),
        "aliases": dict(row.aliases),
        "router_settings": dict(row.router_settings),
    }
    return {name: value for name, value in found.items() if value}


def limits(
    row: KeyRow, want: KeyResource | None, locked: Locked[KeyAttrs] | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The limits that are managed (the spec names them, or an apply set them, or they are zero), and the others."""
    begun = locked.pending.attrs if locked and locked.pending else None
    sides = [side for side in (want.attrs if want else None, locked.attrs if locked else None, begun) if side]
    managed: dict[str, Any] = {}
    others: dict[str, Any] = {}
    for name, value in row.limits.items():
        if name in BY_MODEL:
            named = {model for side in sides for model in getattr(side, name) or ()}
            ours = {model: limit for model, limit in (value or {}).items() if limit == 0 or model in named}
            rest = {model: limit for model, limit in (value or {}).items() if model not in ours}
            managed |= {name: ours} if ours else {}
            others |= {name: rest} if rest else {}
        elif value is not None:
            said = value == 0 or any(getattr(side, name, None) is not None for side in sides)
            (managed if said else others)[name] = value
    for name, value in (("tags", tags(row)), ("team", row.team)):
        if value:
            (managed if any(getattr(side, name) for side in sides) else others)[name] = value
    return managed, others


def tags(row: KeyRow) -> tuple[str, ...]:
    """The tags of its spend, which a key has in its metadata."""
    told = row.metadata.get("tags")
    return tuple(sorted(map(str, told))) if isinstance(told, list) else ()


def never(seen: KeySeen) -> tuple[str, ...]:
    """What must be none of a key as it is observed: all that takes its power away, and limits of zero."""
    have = seen.attrs
    zero = [n for n in (*LIMITS, *OTHERS) if getattr(have, n) == 0 or (n in BY_MODEL and getattr(have, n))]
    return (*POWER, *zero, "renamed")


def beside(seen: KeySeen) -> tuple[str, ...]:
    """What a key has that the spec does not name, in words: ``expires 2026-12-27``, ``rpm_limit 11``, ``team t1``."""
    found = {name: value for name in POWER if (value := getattr(seen.attrs, name))} | dict(seen.telemetry.unmanaged)
    return tuple(f"{name} {moment(shown(value))}" for name, value in found.items())


def shown(value: Any) -> str:
    """An attribute's value for people."""
    if isinstance(value, Mapping):
        return ", ".join(f"{heard(str(name))} {shown(one)}" for name, one in sorted(value.items()))
    if isinstance(value, list | tuple):
        return ", ".join(map(shown, value))
    return amount(value) if isinstance(value, float) else heard(str(value))


def spent(row: KeyRow) -> str:
    """``it has spent 5 of 5``; empty while its budget lasts."""
    budget = row.limits.get("max_budget")
    if not budget or row.spend is None or row.spend < budget:
        return ""
    return f"it has spent {money(row.spend)} of {amount(budget)}"
