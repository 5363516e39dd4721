"""Reading a request's body as LiteLLM's pydantic classes do, and the checks that come after."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from typing import Any

from fleethub.testing.litellm.errors import ENTERPRISE, detail, error, invalid, not_an_object
from fleethub.testing.litellm.replica import Replica
from fleethub.testing.server import Refused, Request

Body = dict[str, Any]

INTEGERS = ("tpm_limit", "rpm_limit", "max_parallel_requests")
NUMBERS = ("max_budget", "soft_budget", "spend")
LISTS = ("models", "keys", "key_aliases", "allowed_routes", "access_group_ids", "tags", "guardrails")
DICTS = ("metadata", "aliases", "router_settings", "config", "permissions", "model_rpm_limit", "model_tpm_limit")
TEXTS = ("key", "key_alias", "budget_duration", "duration", "team_id", "user_id")
#: How a text says yes in a body or a query.
TRUE = ("true", "1", "yes", "on", "t", "y")
#: Fields that LiteLLM keeps inside the metadata, and reads only there.
IN_METADATA = (
    "model_rpm_limit",
    "model_tpm_limit",
    "rpm_limit_type",
    "tpm_limit_type",
    "enforced_params",
    "temp_budget_increase",
    "temp_budget_expiry",
)
BOOLEANS = {**dict.fromkeys(TRUE, True), **dict.fromkeys(("false", "0", "no", "off", "f", "n"), False)}
#: Kinds of a new key, and the routes that each may call (none: all).
KEY_TYPES: dict[str, list[str]] = {
    "llm_api": ["llm_api_routes"],
    "management": ["management_routes"],
    "read_only": ["info_routes"],
    "default": [],
}
#: Budget periods that have a word, from 1.110 on.
WORDS = {"daily": 86400, "weekly": 604800, "monthly": 30 * 86400}
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "mo": 30 * 86400}


def read(replica: Replica, request: Request) -> Body:
    """The body as a checked dict; unknown fields stay in it and mean nothing."""
    version = replica.version
    if not request.body:
        raise invalid(version, "missing", ["body"], "Field required")
    if replica.old and "json" not in request.headers.get("content-type", ""):
        msg = "Input should be a valid dictionary or object to extract fields from"
        raise invalid(version, "model_attributes_type", ["body"], msg, request.body.decode(errors="replace"))
    try:
        body = json.loads(request.body)
    except ValueError as fault:
        where = getattr(fault, "pos", 0)
        raise invalid(
            version,
            "json_invalid",
            ["body", where],
            "JSON decode error",
            {},
            error=getattr(fault, "msg", str(fault)),
        ) from None
    if not isinstance(body, dict):
        raise not_an_object(version)
    return {name: _typed(version, name, value) for name, value in body.items()}


def _typed(version: str, name: str, value: Any) -> Any:
    if value is None:
        return None
    loc = ["body", name]
    if name in LISTS and not isinstance(value, list):
        raise invalid(version, "list_type", loc, "Input should be a valid list", value)
    if (
        name in ("keys", "key_aliases")
        and (odd := next((i for i in value if not isinstance(i, str)), None)) is not None
    ):
        at = [*loc, value.index(odd)]
        raise invalid(version, "string_type", at, "Input should be a valid string", odd)
    if name in DICTS and not isinstance(value, dict):
        raise invalid(version, "dict_type", loc, "Input should be a valid dictionary", value)
    if name in TEXTS and not isinstance(value, str):
        raise invalid(version, "string_type", loc, "Input should be a valid string", value)
    if name == "blocked" and not isinstance(value, bool):
        if not isinstance(value, str) or value.lower() not in BOOLEANS:
            msg = "Input should be a valid boolean, unable to interpret input"
            raise invalid(version, "bool_parsing", loc, msg, value)
        return BOOLEANS[value.lower()]
    if name == "key_type" and value not in KEY_TYPES:
        msg = "Input should be 'llm_api', 'management', 'read_only' or 'default'"
        raise invalid(version, "enum", loc, msg, value, expected=msg.removeprefix("Input should be "))
    if name in INTEGERS or name in NUMBERS:
        kind, word = (int, "integer") if name in INTEGERS else (float, "number")
        if not isinstance(value, (int, float, str)):
            raise invalid(version, f"{kind.__name__}_type", loc, f"Input should be a valid {word}", value)
        if name in INTEGERS and isinstance(value, float) and not value.is_integer():
            msg = "Input should be a valid integer, got a number with a fractional part"
            raise invalid(version, "int_from_float", loc, msg, value)
        try:
            found = kind(value)
            if found < 0 and name in ("rpm_limit", "tpm_limit") and version == "1.110.2":
                raise invalid(version, "greater_than_equal", loc, "Input should be greater than or equal to 0", value)
            return found
        except ValueError:
            article = "an" if kind is int else "a"
            msg = f"Input should be a valid {word}, unable to parse string as {article} {word}"
            raise invalid(version, f"{kind.__name__}_parsing", loc, msg, value) from None
    return value


def check(replica: Replica, body: Body, *, update: bool) -> None:
    """Refuse what both /key/generate and /key/update refuse, in the words of each."""
    kind = replica.bad_request if replica.newest or not update else "auth_error"
    param = "None" if replica.old or (update and not replica.newest) else None
    alias = body.get("key_alias")
    if alias is not None:
        _check_alias(replica, alias)
    budget = body.get("max_budget")
    if budget is not None and not 0 <= budget < float("inf"):
        text = "cannot be negative" if replica.old else "must be a non-negative finite number"
        raise detail(400, f"max_budget {text}. Received: {budget}", kind, param)
    period = body.get("budget_duration")
    if period is not None and not replica.old and not _is_period(replica, period):
        text = f"Invalid budget_duration '{period}'. Use a format like '1h', '24h', '7d', or '30d'."
        raise detail(400, text, kind, param)
    for name in ("tags", "guardrails"):
        if body.get(name):
            text = f"This feature is only available for LiteLLM Enterprise users: {name}. {ENTERPRISE}"
            raise detail(403, text, kind, param)
    if body.get("model_max_budget"):
        raise _no_model_budget(replica, update, kind, param)


def _is_period(replica: Replica, text: str) -> bool:
    """From 1.110 on there are words for some, and none is no period."""
    length = seconds(text)
    return text in WORDS or bool(length) if replica.newest else length is not None


def _no_model_budget(replica: Replica, update: bool, kind: str, param: str | None) -> Refused:
    text = (
        "Invalid model_max_budget: You must have an enterprise license to set model_max_budget."
        f" {ENTERPRISE}. Example of valid model_max_budget: https://docs.litellm.ai/docs/proxy/users"
    )
    if update:
        return error(400, f"Authentication Error, {text}", kind, param)
    return error(500, f"Internal Server Error, {text}" if replica.old else text, kind, param)


def _check_alias(replica: Replica, alias: str) -> None:
    if replica.old:
        if not re.fullmatch(r"[a-zA-Z0-9][a-zA-Z0-9_\-/.]{0,253}[a-zA-Z0-9]", alias):
            text = (
                "Invalid key_alias format. Must be 2-255 characters, start/end with alphanumeric,"
                " and only contain a-zA-Z0-9_-/."
            )
            raise error(400, text, "bad_request_error", "key_alias")
    elif ".." in alias.split("/") or (replica.newest and any(ord(sign) < 32 for sign in alias)):
        why = ': must not contain control characters (such as tab or newline) or a ".." path segment'
        text = "Invalid key_alias" + (why if replica.newest else "")
        raise error(400, text, "bad_request_error", "key_alias")


def check_unique(replica: Replica, alias: str | None, but: str = "") -> None:
    """The check before the insert: nothing holds the alias between the two."""
    if alias is not None and any(row["token"] != but for row in replica.database.by_alias(alias)):
        text = f"Key with alias '{alias}' already exists. Unique key aliases across all keys are required."
        raise error(400, text, "bad_request_error", "key_alias")


def seconds(text: str) -> int | None:
    """Length of ``30s 5m 1h 7d 2w 1mo``; None when it is none of these."""
    match = re.fullmatch(r"(\d+)(s|m|h|d|w|mo)", text)
    return int(match[1]) * UNITS[match[2]] if match else None


def lifetime(replica: Replica, text: str, *, update: bool) -> int | None:
    """Seconds that a key is to live, None for ever (``-1``, in an update alone). What follows the unit is not read."""
    match = re.match(r"(\d+)(mo|[smhdw]?)", text)
    if match and match[2]:
        return int(match[1]) * UNITS[match[2]]
    if update and text == "-1":
        return None
    fault = f"Unsupported duration unit, passed duration: {text}" if match else "Invalid duration format"
    kind = "invalid_request_error" if update and replica.newest else "auth_error" if update else "internal_server_error"
    before = ("Authentication Error, " if update else "Internal Server Error, ") if replica.old else ""
    raise error(400 if update else 500, before + fault, kind, None if replica.newest else "None")


def reset_at(period: str, now: datetime) -> datetime:
    """When a budget starts anew: the next boundary of the calendar, not now plus the period."""
    length = WORDS.get(period) or seconds(period) or 86400
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if period in ("30d", "1mo", "monthly"):
        return (midnight.replace(day=1) + timedelta(days=32)).replace(day=1)
    if period in ("7d", "weekly"):
        return midnight + timedelta(days=7 - midnight.weekday())
    if length % 86400 == 0:
        return midnight + timedelta(seconds=length)
    since = (now - midnight).total_seconds()
    return midnight + timedelta(seconds=(since // length + 1) * length)
