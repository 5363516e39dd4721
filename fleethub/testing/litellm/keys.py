"""The endpoints that write keys, with their traps."""

from __future__ import annotations

import copy
import secrets
from datetime import timedelta
from uuid import uuid4

from fleethub.testing.litellm import rows
from fleethub.testing.litellm.access import require_admin
from fleethub.testing.litellm.body import (
    IN_METADATA,
    KEY_TYPES,
    Body,
    check,
    check_unique,
    lifetime,
    read,
    reset_at,
    seconds,
)
from fleethub.testing.litellm.database import Row, new_row, token_of
from fleethub.testing.litellm.errors import detail, error, invalid
from fleethub.testing.litellm.replica import Replica
from fleethub.testing.litellm.teams import check_joining
from fleethub.testing.server import Answer, Refused, Request

#: Columns that a request may set as they are.
PLAIN = (
    "key_alias models spend max_budget user_id team_id max_parallel_requests tpm_limit rpm_limit permissions"
    " aliases config allowed_routes blocked access_group_ids budget_duration router_settings"
)


def generate(replica: Replica, request: Request) -> Answer:
    """POST /key/generate."""
    require_admin(replica, request)
    body = read(replica, request)
    check(replica, body, update=False)
    if replica.settings.disable_custom_api_keys and body.get("key") is not None and not replica.old:
        text = "Custom API key values are disabled by your administrator. Keys must be auto-generated."
        raise detail(403, text, "auth_error" if replica.newest else "internal_server_error", None)
    value = body.get("key") or "sk-" + secrets.token_urlsafe(16)
    _check_value(replica, value)
    body = _completed(replica, body)
    if any(not isinstance(name, str) for name in body.get("models") or []):
        raise error(500, "Internal Server Error", "internal_server_error")
    now = replica.now()
    row = new_row(value, now)
    _apply(replica, row, {name: item for name, item in body.items() if item is not None}, update=False)
    if routes := KEY_TYPES[body.get("key_type") or "default"]:
        row.update(key_type=body["key_type"], allowed_routes=[*routes])
    with replica.database.lock:
        check_unique(replica, body.get("key_alias"))
    if replica.after_alias_check:
        replica.after_alias_check()
    with replica.database.lock:
        replica.database.keys.setdefault(row["token"], row)  # the trap: an existing value keeps its row
    return Answer(rows.generated(row, replica.version, value))


def _completed(replica: Replica, body: Body) -> Body:
    """With the config's defaults where nothing is given, then with its bounds; above one it is refused."""
    given = {name: item for name, item in body.items() if item is not None}
    for name, value in replica.settings.default_key_generate_params.items():
        if name == "allowed_routes":
            if replica.newest and "key_type" not in given and not given.get(name):
                given[name] = copy.deepcopy(value)
        elif name not in given:
            given[name] = copy.deepcopy(value)
    for name, bound in replica.settings.upperbound_key_generate_params.items():
        check_bound(replica, given, name, "internal_server_error")
        given.setdefault(name, bound)
    return given


def check_bound(replica: Replica, body: Body, name: str, kind: str) -> None:
    """A value above what the config allows; a duration of -1 is the longest."""
    value, bound = body.get(name), replica.settings.upperbound_key_generate_params.get(name)
    if value is None or bound is None:
        return
    if name.endswith("duration"):
        length = seconds(value)
        over = length is None or length > (seconds(bound) or 0)
    else:
        over = value > bound
    if over:
        text = f"{name} is over max limit set in config - user_value={value}; max_value={bound}"
        raise detail(400, text, "invalid_request_error" if replica.newest else kind, None if replica.newest else "None")


def update(replica: Replica, request: Request) -> Answer:
    """POST /key/update: what is present changes, and only that."""
    require_admin(replica, request)
    body = read(replica, request)
    with replica.database.lock:
        row, given = _target(replica, body)
        alias = body.get("key_alias")
        if alias is not None and alias != row["key_alias"]:
            check_unique(replica, alias, row["token"])
        check(replica, body, update=True)
        check_joining(replica, row, body)
        if not replica.old:
            for name in replica.settings.upperbound_key_generate_params:
                check_bound(replica, body, name, "auth_error")
        if "allowed_routes" in body and body["allowed_routes"] is None:
            raise _no_value("allowed_routes")
        models = body.get("models", [])
        if models is None or any(not isinstance(name, str) for name in models):
            raise _no_value("models")
        row["metadata"] = row["metadata"] or {}
        if "duration" in body and body["duration"] is not None:
            lifetime(replica, body["duration"], update=True)  # refused before anything is written
        _apply(replica, row, body, update=True)
        row["updated_at"] = row["settings_updated_at"] = replica.now()
        replica.forget(row["token"])
        return Answer(rows.updated(row, replica.version, given))


def delete(replica: Replica, request: Request) -> Answer:
    """POST /key/delete: says it deleted all that was asked for as soon as it found one of them."""
    require_admin(replica, request)
    body = read(replica, request)
    if not body.get("keys") and not body.get("key_aliases"):
        msg = "Value error, At least one of 'keys' or 'key_aliases' must be provided."
        raise invalid(replica.version, "value_error", ["body"], msg, body, error={})
    asked = body["keys"] if body.get("keys") is not None else body["key_aliases"]
    database = replica.database
    with database.lock:
        if body.get("keys") is not None:
            found = [t for t in dict.fromkeys(token_of(str(k)) for k in asked) if t in database.keys]
        else:
            found = [t for t, row in database.keys.items() if row["key_alias"] in asked]
        if not found:
            param = "None" if replica.old else None
            raise detail(404, "No keys found", "internal_server_error", param)
        for token in found:
            replica.archive(token)
    return Answer({"deleted_keys": asked})


def block(replica: Replica, request: Request) -> Answer:
    """POST /key/block and /key/unblock."""
    require_admin(replica, request)
    body = read(replica, request)
    if body.get("key") is None:
        raise invalid(replica.version, "missing", ["body", "key"], "Field required", body)
    with replica.database.lock:
        row = replica.database.keys.get(token_of(body["key"]))
        if row is None and replica.old:
            text = (
                f"Authentication Error, Invalid proxy server token passed. key={token_of(body['key'])},"
                " not found in db. Create key via `/key/generate` call."
            )
            raise error(401, text, "token_not_found_in_db", "key")
        if row is None:
            raise error(404, "Key not found.", "not_found_error", "key")
        row["blocked"] = request.path == "/key/block"
        row["updated_at"] = row["settings_updated_at"] = replica.now()
        replica.forget(row["token"])
        show = rows.blocking if row["blocked"] else rows.unblocked
        return Answer(show(row, replica.version))


def _no_value(name: str) -> Refused:
    text = (
        "Authentication Error, Unable to match input value to any allowed input type for the field."
        f" Parse errors: [`data.{name}`: A value is required but not set]"
    )
    return error(400, text, "auth_error")


def _check_value(replica: Replica, value: str) -> None:
    param = "None" if replica.old else None
    if not value.startswith("sk-"):
        shown = f"{value[:4]}****{value[-4:]}"
        text = f"Invalid key format. LiteLLM Virtual Key must start with 'sk-'. Received: {shown}"
        raise detail(400, text, replica.bad_request, param)
    if len(value) < 16 and not replica.old:
        text = "Invalid key format. LiteLLM Virtual Key must be at least 16 characters long."
        raise detail(400, text, replica.bad_request, param)


def _target(replica: Replica, body: Body) -> tuple[Row, str]:
    """The row that an update means, and how the caller named it."""
    given, alias = body.get("key"), body.get("key_alias")
    if given is None and replica.old:
        raise invalid(replica.version, "missing", ["body", "key"], "Field required", body)
    if given is not None:
        row = replica.database.keys.get(token_of(given))
        if row is not None:
            return row, given
        if replica.old:
            text = "Authentication Error: invalid user key - user key does not exist in db."
            raise error(401, f"{text} User Key={given}", "auth_error")
        raise error(404, "Key not found.", "not_found_error", "key")
    if alias is None:
        msg = "Value error, either key or key_alias must be provided"
        raise invalid(replica.version, "value_error", ["body"], msg)
    named = replica.database.by_alias(alias)
    if not named:
        text = f"Key not found. No key with key_alias='{alias}'."
        raise error(404, text, "not_found_error", "key_alias")
    if len(named) > 1:
        text = f"Multiple keys share key_alias='{alias}', so it cannot be used as an identifier."
        raise error(400, text, "bad_request_error", "key_alias")
    return named[0], named[0]["token"]


def _apply(replica: Replica, row: Row, body: Body, *, update: bool) -> None:
    """Write the fields that are present. An absent field stays; a null clears, with the exceptions."""
    now = replica.now()
    if "metadata" in body:
        row["metadata"] = copy.deepcopy(body["metadata"])  # as a whole: limits per model go with it
    for name in IN_METADATA:
        if body.get(name) is not None:
            row["metadata"] = {**(row["metadata"] or {}), name: copy.deepcopy(body[name])}
    for name in PLAIN.split():
        if name not in body or (name == "budget_duration" and body[name] is None and replica.old):
            continue
        row[name] = copy.deepcopy(body[name])
        if name == "budget_duration":
            row["budget_reset_at"] = reset_at(body[name], now) if body[name] else None
    if "soft_budget" in body and (body["soft_budget"] is not None or row["litellm_budget_table"]):
        row["budget_id"] = row["budget_id"] or str(uuid4())  # a row of a table of its own
        row["litellm_budget_table"] = {"budget_id": row["budget_id"], "soft_budget": body["soft_budget"]}
    if "duration" in body and not (replica.old and body["duration"] is None):  # 1.82.0 ignores null
        length = None if body["duration"] is None else lifetime(replica, body["duration"], update=update)
        row["expires"] = None if length is None else now + timedelta(seconds=length)
