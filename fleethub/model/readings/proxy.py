"""What a LiteLLM tells: keys, teams, deployments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from fleethub.model.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class KeyRow:
    """One key of a LiteLLM's list. ``token`` is the sha256 hex of the whole key; ``models`` as stored (empty: all).

    ``limits`` under LiteLLM's names, those per model too (``model_rpm_limit``: model -> number). ``expires`` is
    ISO 8601. ``aliases`` (name asked for -> name called) and ``router_settings`` are the key's own. ``age``: seconds
    since it was made, ``used`` since a call was made with it, ``left`` until it expires, when it was read; None: not
    told, or never. ``lifetime``: how long it lives as our mark says, where that is what it does. ``budget``: the id of
    a row of budgets that it has, which other keys may have too; empty: none.
    """

    alias: str
    token: str
    models: tuple[str, ...]
    limits: Mapping[str, Any]
    metadata: Mapping[str, Any]
    blocked: bool = False
    groups: tuple[str, ...] = ()  # access groups that change its scope
    team: str = ""
    expires: str | None = None
    spend: float | None = None
    allowed_routes: tuple[str, ...] = ()
    aliases: Mapping[str, Any] = field(default_factory=dict)
    router_settings: Mapping[str, Any] = field(default_factory=dict)
    age: float | None = None
    left: float | None = None
    lifetime: str | None = None
    used: float | None = None
    budget: str = ""


@dataclass(frozen=True, slots=True)
class Team:
    """A team of a LiteLLM: its keys reach what both lists name (``models`` empty: all). Budget in its currency."""

    id: str
    alias: str = ""
    models: tuple[str, ...] = ()
    blocked: bool = False
    spend: float | None = None
    max_budget: float | None = None


@dataclass(frozen=True, slots=True)
class Deployment:
    """One row of ``/model/info``: several rows of one alias are balanced. ``num_ctx`` in tokens; ``max_input`` as well,
    as LiteLLM knows the model.

    ``stored`` is True for what lives in the proxy's database; ``info`` holds our mark, where there is one. ``groups``:
    names by which a key may name it together with others.
    """

    alias: str
    model: str
    id: str
    api_base: str | None = None
    num_ctx: int | None = None
    stored: bool = False
    max_input: int | None = None
    info: Mapping[str, Any] = field(default_factory=dict)
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ProxyReading:
    """A LiteLLM: the aliases that keys may name, its deployments, and all keys by alias (which need not be unique).

    ``deployments`` has a wildcard as its pattern. ``fallbacks``: alias ("*": any) -> what the router calls in its
    place; None: not known. ``version`` is empty where it is not told. ``takes_values``: whether a key's value may be
    chosen; None: not asked. ``teams`` are those of marked keys, by id. ``aliases``: the router's other names, hidden
    ones too -> what it calls for them.
    """

    models: frozenset[str]
    deployments: tuple[Deployment, ...]
    keys: Mapping[str, tuple[KeyRow, ...]]
    clears_budget_duration: bool = True
    version: str = ""
    fallbacks: Mapping[str, tuple[str, ...]] | None = None
    takes_values: bool | None = None
    teams: Mapping[str, Team] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MasterUse:
    """Calls that were made with a proxy's master key in the last ``days``; ``spend`` in the proxy's currency."""

    calls: int
    spend: float
    days: int
