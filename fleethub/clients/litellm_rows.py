"""The shapes of LiteLLM's answers, and what is made of them; an answer of another shape is an error. Pure, but that a
key's age is told by the clock.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, InstanceOf, ValidationError

from fleethub.model.readings.proxy import Deployment, KeyRow, Team
from fleethub.model.text import bare

T = TypeVar("T", bound=BaseModel)
#: Limits that are numbers of the key itself, and those that its metadata keeps by model.
LIMITS = ("rpm_limit", "tpm_limit", "max_parallel_requests", "max_budget", "budget_duration")
BY_MODEL = ("model_rpm_limit", "model_tpm_limit")

#: The team that the sessions of LiteLLM's own page are keys of.
SESSIONS = "litellm-dashboard"
#: Seconds by which the clocks of this machine and of a proxy may differ.
CLOCKS = 300


class ShapeError(ValueError):
    """An answer is not of the shape that this one has; the message is fit to be shown."""


class Lenient(BaseModel):
    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True, defer_build=True)


class _Budget(Lenient):
    soft_budget: float | None = None


class _Key(Lenient):
    token: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    key_alias: str | None = None
    models: list[str] | None = None
    rpm_limit: int | None = None
    tpm_limit: int | None = None
    max_parallel_requests: int | None = None
    max_budget: float | None = None
    budget_duration: str | None = None
    litellm_budget_table: _Budget | None = None
    budget_id: str | None = None
    metadata: dict[str, Any] | None = None
    blocked: bool | None = None
    team_id: str | None = None
    access_group_ids: list[str] | None = None
    expires: str | None = None
    spend: float | None = None
    allowed_routes: list[str] | None = None
    aliases: Any = None
    router_settings: Any = None
    created_at: str | None = None
    last_active: str | None = None


class Keys(Lenient):
    """Rows of keys, as they come."""

    keys: list[InstanceOf[dict[str, Any]]]  # not a copy of each


class KeyPage(Keys):
    """One page of ``/key/list``."""

    total_count: int
    total_pages: int


class _Status(Lenient):
    status: str | None = None


class Counted(Lenient):
    """A page of ``/key/list`` by its count alone."""

    total_count: int


class KeyInfo(Lenient):
    """``/key/info`` of one key; ``status`` is told from 1.106 on."""

    info: _Status


class _Named(Lenient):
    id: str


class Models(Lenient):
    """``/v1/models``."""

    data: list[_Named]


class _Params(Lenient):
    model: str = ""
    api_base: str | None = None
    num_ctx: int | None = None


class _Info(BaseModel):
    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True, defer_build=True)
    id: str = ""
    db_model: bool = False
    fleethub: dict[str, Any] | None = None
    max_input_tokens: Any = None
    access_groups: list[str] | None = None


class _Deployment(Lenient):
    model_name: str
    litellm_params: _Params = Field(default_factory=_Params)
    model_info: _Info = Field(default_factory=_Info)


class ModelInfo(Lenient):
    """``/v2/model/info``, paged, and ``/model/info``, which is not."""

    data: list[_Deployment]
    total_pages: int = 1
    total_count: int | None = None


class Readiness(Lenient):
    """``/health/readiness``; only 1.82.0 tells its version there, later ones in ``/health/readiness/details``."""

    db: str | None = None
    litellm_version: str | None = None


class RouterSettings(Lenient):
    """``/router/settings``."""

    current_values: dict[str, Any]


class TeamInfo(Lenient):
    """``/team/info``."""

    class Team(Lenient):
        """The team itself."""

        team_alias: str | None = None
        models: list[str] | None = None
        blocked: bool | None = None
        spend: float | None = None
        max_budget: float | None = None

    team_info: Team


def shape(kind: type[T], body: Any) -> T:
    """Raises ShapeError."""
    try:
        return kind.model_validate(body)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the answer"
        raise ShapeError(f"unexpected answer: {where}: {first['msg']}") from None


def _soft(budget: _Budget | None) -> dict[str, Any]:
    """A soft budget is kept in a row of its own, and told of by the key's."""
    return {} if budget is None or budget.soft_budget is None else {"soft_budget": budget.soft_budget}


def row(raw: dict[str, Any]) -> KeyRow:
    """A row of the list."""
    key = shape(_Key, raw)
    metadata = key.metadata or {}
    by_model = {name: metadata[name] for name in BY_MODEL if isinstance(metadata.get(name), dict)}
    return KeyRow(
        alias=key.key_alias or "",
        token=key.token,
        models=tuple(key.models or ()),
        limits={n: getattr(key, n) for n in LIMITS} | _soft(key.litellm_budget_table) | by_model,
        metadata=metadata,
        blocked=bool(key.blocked),
        groups=tuple(key.access_group_ids or ()),
        team=key.team_id or "",
        expires=key.expires,
        spend=key.spend,
        allowed_routes=tuple(key.allowed_routes or ()),
        aliases={"(null)": "null"} if unwritable(raw) else _table(key.aliases),
        router_settings=_table(key.router_settings),
        age=_since(key.created_at),
        left=_left(key),
        lifetime=_lifetime(key),
        used=_since(key.last_active),
        budget=key.budget_id or "",
    )


def unwritable(raw: dict[str, Any]) -> bool:
    """Whether a row is one that no list of keys can have, nor a call: its aliases are null, where they are a table."""
    return "aliases" in raw and raw["aliases"] is None


def _since(time: object) -> float | None:
    """Seconds since a time that LiteLLM tells (UTC, with or without saying so); None: no such time."""
    try:
        told = datetime.fromisoformat(time if isinstance(time, str) else "")
    except ValueError:
        return None
    return (datetime.now(UTC) - (told if told.tzinfo else told.replace(tzinfo=UTC))).total_seconds()


def _left(key: _Key) -> float | None:
    return None if (since := _since(key.expires)) is None else -since


def _lifetime(key: _Key) -> str | None:
    """What our mark says of how long it lives, if that is so: to a few minutes, for there are two clocks."""
    mark = (key.metadata or {}).get("fleethub")
    told = mark.get("expires") if isinstance(mark, dict) else None
    ends, wanted = _since(key.expires), _since(told.get("at")) if isinstance(told, dict) else None
    if ends is None or wanted is None or not isinstance(told, dict) or abs(ends - wanted) > CLOCKS:
        return None
    return str(told.get("for"))


def team(id: str, raw: TeamInfo) -> Team:
    """A team as facts have it."""
    told = raw.team_info
    return Team(id, told.team_alias or "", tuple(told.models or ()), bool(told.blocked), told.spend, told.max_budget)


def _table(value: Any) -> dict[str, Any]:
    """What is there and no table is not nothing."""
    if not isinstance(value, dict):
        return {"(unreadable)": bare(str(value))} if value else {}
    return {str(key): _bare(inner) for key, inner in value.items()}


def _bare(value: Any) -> Any:
    """Without the credentials of any URL in it."""
    if isinstance(value, str):
        return bare(value)
    if isinstance(value, dict):
        return {str(key): _bare(inner) for key, inner in value.items()}
    return [_bare(inner) for inner in value] if isinstance(value, list) else value


def by_alias(rows: Iterable[KeyRow]) -> dict[str, tuple[KeyRow, ...]]:
    """Keys by alias; those without one under the empty text."""
    found: dict[str, tuple[KeyRow, ...]] = {}
    for key in rows:
        found[key.alias] = (*found.get(key.alias, ()), key)
    return found


def deployment(raw: _Deployment) -> Deployment:
    """A row of a proxy's deployments."""
    return Deployment(
        alias=raw.model_name,
        model=bare(raw.litellm_params.model),
        id=raw.model_info.id,
        api_base=bare(raw.litellm_params.api_base) if raw.litellm_params.api_base is not None else None,
        num_ctx=raw.litellm_params.num_ctx,
        stored=raw.model_info.db_model,
        max_input=_tokens(raw.model_info.max_input_tokens),
        info={"fleethub": raw.model_info.fleethub} if raw.model_info.fleethub else {},
        groups=tuple(raw.model_info.access_groups or ()),
    )


def _tokens(value: Any) -> int | None:
    """A number of tokens; what is anything else is not told."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None
