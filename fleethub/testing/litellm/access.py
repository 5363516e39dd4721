"""Who is calling, and what they may do: bearer checks, a key's effective scope, and its limits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import Any

from fleethub.testing.litellm.database import Row, token_of
from fleethub.testing.litellm.errors import denied, detail, error, no_aliases
from fleethub.testing.litellm.replica import Replica
from fleethub.testing.server import Answer, Refused, Request

#: Where a key may stand beside Authorization.
OTHER_HEADERS = ("x-api-key", "api-key", "x-goog-api-key")
EVERYTHING = {"all-proxy-models", "*"}
CHAT = ("/v1/chat/completions", "/chat/completions")
LLM_ROUTES = ("/v1/models", "/models", *CHAT)
MANAGEMENT = ("/key/info", "/model/info", "/v1/model/info", "/team/info", "/user/daily/activity", "/key/generate")
INFO_ROUTES = ("/v1/models", "/models", "/key/info", "/model/info", "/v1/model/info", "/v2/model/info", "/team/info")
#: Names that LiteLLM's cost map knows, with which it shows a provider's wildcard. The real map has hundreds.
COST_MAP = (
    "gpt-4o",
    "gpt-4o-mini",
    "gpt-4.1",
    "gpt-5.4",
    "gpt-5-nano",
    "o1",
    "o3",
    "gpt-image-1",
    "whisper-1",
)


@dataclass(frozen=True, slots=True)
class Caller:
    """``row`` is None for the master key."""

    row: Row | None

    @property
    def admin(self) -> bool:
        """True for the master key."""
        return self.row is None


def authenticate(replica: Replica, request: Request) -> Caller:
    """Who sent this; raises the proxy's own refusals."""
    replica.catch_up()
    given = request.headers.get("authorization")
    if given is not None:
        scheme, _, value = given.partition(" ")
        if scheme.lower() != "bearer" or not value:
            text = "Authentication Error, Malformed API Key passed in. Ensure Key has `Bearer ` prefix."
            raise error(401, text, "auth_error")
    else:
        value = next((request.headers[name] for name in OTHER_HEADERS if request.headers.get(name)), "")
    if not value:
        raise error(401, "Authentication Error, No api key passed in.", "auth_error")
    if value == replica.master_key:
        return Caller(None)
    if not value.startswith("sk-"):
        text = "LiteLLM Virtual Key expected. Received=****, expected to start with 'sk-'."
        raise error(401, f"Authentication Error, {text}" if replica.old else text, "auth_error")
    row = replica.key(token_of(value))
    if row is None:
        text = (
            f"Authentication Error, Invalid proxy server token passed. Received API Key = sk-...{value[-4:]},"
            f" Key Hash (Token) ={token_of(value)}. Unable to find token in cache or"
            " `LiteLLM_VerificationTokenTable`"
        )
        text = "Authentication Error, Invalid API key provided." if replica.newest else text
        raise error(401, text, "token_not_found_in_db", "key")
    if row["aliases"] is None:
        text = f"Authentication Error, {no_aliases('LiteLLM_VerificationTokenView')}"
        raise error(401, text, "auth_error", "None" if replica.old else None)
    if row["blocked"]:
        who = "you're admin" if replica.old else "you're an admin"
        text = f"Authentication Error, Key is blocked. Update via `/key/unblock` if {who}."
        raise error(401, text, "auth_error")
    if request.path not in CHAT:  # of a call it asks for the model first
        check_team(replica, row)
        check_route(replica, row, request.path)
    return Caller(row)


def check_team(replica: Replica, row: Row) -> None:
    """Refuse a key whose team is blocked, or is not there."""
    team = _team(replica, row)
    if team is None and row["team_id"] and not replica.old:
        text = f"Team doesn't exist in db. Team={row['team_id']}. Create team via `/team/new` call."
        raise detail(404, text, "auth_error", None)
    blocked = team and team["blocked"] if replica.newest else replica.team_was_blocked(row)
    if team and blocked:
        who = "your admin" if replica.old else "you're an admin"
        text = f"Authentication Error, Team={team['team_id']} is blocked. Update via `/team/unblock` if {who}."
        raise error(401, text, "auth_error", None if replica.newest else "None")


def check_route(replica: Replica, row: Row, path: str) -> None:
    """The key's allowed_routes, compared as texts; the refusal has no error type."""
    allowed: list[str] = row["allowed_routes"]
    if not allowed or any(_covers(replica, route, path) for route in allowed):
        return
    text = (
        f"Virtual key is not allowed to call this route. Only allowed to call routes: {allowed}."
        f" Tried to call route: {path}"
    )
    raise Refused(Answer({"detail": text}, 403))


def _covers(replica: Replica, route: str, path: str) -> bool:
    if route == "llm_api_routes":
        return path in LLM_ROUTES or (not replica.old and path in ("/model/info", "/v1/model/info"))
    if route == "openai_routes":
        return path in LLM_ROUTES
    if route == "management_routes":
        return path in MANAGEMENT or (not replica.newest and path == "/model/info")
    if route == "info_routes":
        return path in INFO_ROUTES
    return path == route or path.startswith(f"{route}/") or (route.endswith("*") and path.startswith(route[:-1]))


def require_admin(replica: Replica, request: Request) -> None:
    """Only the master key writes keys and teams; then only a proxy with a database can."""
    caller = authenticate(replica, request)
    if not caller.admin and not _granted(replica, caller, request.path):
        who = "unknown" if replica.old else "*******"
        text = (
            "Authentication Error, Only proxy admin can be used to generate, delete, update info for new"
            f" keys/users/teams. Route={request.path}. Your role=unknown. Your user_id={who}"
        )
        raise error(401, text, "auth_error")
    replica.require_database()


def _granted(replica: Replica, caller: Caller, path: str) -> bool:
    """Whether a key's own routes take in what else the master key alone may call; a word for many does not."""
    routes = caller.row["allowed_routes"] if caller.row is not None else []
    return any(_covers(replica, route, path) for route in routes if route == "*" or route.startswith("/"))


def check_model(replica: Replica, row: Row, model: Any) -> None:
    """The key's scope, then its team's."""
    team = _team(replica, row)
    follows = team is not None and "all-team-models" in row["models"]  # then it is the team that denies
    # aliases are put in before the scope is asked; 1.82.0 does so after it
    for name in asked(model if replica.old else row["aliases"].get(model, model)):
        if not follows and not may(replica, row["models"], row, name):
            raise denied(replica.version, "key", row["models"], name)
        if team and team["models"] and not may(replica, team["models"], None, name):
            raise denied(replica.version, "team", team["models"], name)


def asked(model: Any) -> list[Any]:
    """The models that a call names: a text is cut at its commas, and blanks around a name are none of it."""
    return [name.strip() for name in model.split(",")] if isinstance(model, str) else [model]


def check_expiry(replica: Replica, row: Row) -> None:
    """Refuse a key whose time is over."""
    now = replica.now()
    if row["expires"] and row["expires"] <= now:
        text = f"Authentication Error - Expired Key. Key Expiry time {row['expires']} and current time {now}"
        raise error(400 if replica.old else 401, text, "expired_key", row["key_name"])


def check_limits(replica: Replica, row: Row, model: str | None) -> None:
    """Expiry and budget; ``model`` None when no model is called.

    1.82.0 lets a free model (all here) pass, 1.110.2 a list.
    """
    check_expiry(replica, row)
    budget = row["max_budget"]
    if budget is None or row["spend"] < budget or (replica.old and model) or (replica.newest and model is None):
        return
    cost = f"Current cost: {row['spend']}, Max budget: {budget}"
    who = "" if replica.old else f"Key={row['key_alias'] or 'key'} ({row['key_name']}) "
    text = f"Budget has been exceeded! {who}{cost}"
    raise error(400 if replica.old else 422, text, "budget_exceeded", None)


def check_rate(replica: Replica, row: Row, model: str) -> None:
    """Requests and tokens per minute and calls at a time, of the key and of the model within it; each replica counts
    alone. Tokens and calls at a time are not counted: only a limit of zero holds a call back, or slots that leaked.
    """
    metadata = row["metadata"] or {}
    key, within = row["token"], f"{row['token']}:{model}"
    limits = (
        ("api_key", key, "max_parallel_requests", row["max_parallel_requests"], "max_parallel_requests"),
        ("api_key", key, "requests", row["rpm_limit"], "rpm"),
        ("api_key", key, "tokens", row["tpm_limit"], "tpm"),
        ("model_per_key", within, "requests", (metadata.get("model_rpm_limit") or {}).get(model), "rpm"),
        ("model_per_key", within, "tokens", (metadata.get("model_tpm_limit") or {}).get(model), "tpm"),
    )
    for what, name, kind, limit, counts in limits:
        if limit is None:
            continue
        now = replica.clock()
        since, count = replica.hits.get(f"{counts} {name}", (now, 0))
        if now - since >= 60:
            since, count = now, 0
        if count >= limit:
            resets = replica.now() + timedelta(seconds=60 - (now - since))
            text = (
                f"Rate limit exceeded for {what}: {name}. Limit type: {kind}. Current limit: {limit},"
                f" Remaining: 0. Limit resets at: {resets:%Y-%m-%d %H:%M:%S} UTC"
            )
            if replica.old:
                raise error(429, text, "None")
            raise error(429, text, "throttling_error", None)
        if kind == "requests":
            replica.hits[f"{counts} {name}"] = (since, count + 1)


def leak_slot(replica: Replica, row: Row) -> None:
    """1.82.0 does not give a slot of max_parallel_requests back after a call without messages, for a minute."""
    name, now = f"max_parallel_requests {row['token']}", replica.clock()
    since, count = replica.hits.get(name, (now, 0))
    replica.hits[name] = (now, 1) if now - since >= 60 else (since, count + 1)


def visible(replica: Replica, caller: Caller, wildcards: bool = False) -> list[str]:
    """The ids of GET /v1/models. A name of the key's list is shown whether it exists or not."""
    every = [m["model_name"] for m in replica.models()]
    if caller.row is None:
        stars = [name for name in every if "*" in name] if wildcards else []
        return list(dict.fromkeys([*_expand(replica, every), *stars]))
    row = caller.row
    allowed: list[str] = row["models"]
    if "all-team-models" in allowed or not allowed:
        team = _team(replica, row)
        allowed = team["models"] if team and team["models"] else every
    if "all-proxy-models" in allowed:
        allowed = every
    names: list[str] = []
    for name in allowed:
        group = _group(replica, name)
        # a model with the name of a group is shown beside the group's; 1.82.0 shows it no more, and lets it be called
        names += [name, *group] if name in every and not replica.old else group or [name]
    if not replica.old:
        names = [n for n in names if n != "no-default-models"]
    return _expand(replica, names)


def _expand(replica: Replica, names: list[str]) -> list[str]:
    """A provider's wildcard becomes the names of the cost map; 1.106.2 hides the pattern itself."""
    plain = [n for n in names if replica.old or "*" not in n]
    return list(dict.fromkeys(plain + [e for n in names for e in expansions(n)]))


def expansions(name: str) -> list[str]:
    """What the cost map knows below a wildcard."""
    if name == "ollama_chat/*":
        return ["ollama_chat/llama2"]
    return [f"openai/{known}" for known in COST_MAP] if name == "openai/*" else []


def may(replica: Replica, allowed: list[str], row: Row | None, model: Any) -> bool:
    """Whether a list of models allows one; ``row`` is the key whose list it is."""
    if not allowed or EVERYTHING & set(allowed):
        return True
    if row and "all-team-models" in allowed:
        team = _team(replica, row)
        return not team or may(replica, team["models"], None, model)
    names = {name for entry in allowed for name in (entry, *_group(replica, entry))}
    return model in names or any("*" in name and fnmatchcase(str(model), name) for name in names)


def _group(replica: Replica, name: str) -> list[str]:
    models = replica.models()
    return [m["model_name"] for m in models if name in m["model_info"].get("access_groups", [])]


def _team(replica: Replica, row: Row) -> Row | None:
    return replica.database.teams.get(row["team_id"]) if row["team_id"] else None
