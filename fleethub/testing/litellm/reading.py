"""The endpoints that read keys: list, info, v2 info."""

from __future__ import annotations

from typing import Any

from fleethub.testing.litellm import rows
from fleethub.testing.litellm.access import Caller, authenticate, check_expiry
from fleethub.testing.litellm.body import TRUE, read
from fleethub.testing.litellm.database import Row, token_of
from fleethub.testing.litellm.errors import detail, error, invalid, no_aliases
from fleethub.testing.litellm.replica import Replica
from fleethub.testing.server import Answer, Refused, Request

SORTABLE = ("spend", "max_budget", "created_at", "updated_at", "token", "key_alias")
STATUSES = ("active", "expired", "revoked", "deleted")
SESSIONS = "litellm-dashboard"  # the team of the sessions of the proxy's own page


UNREADABLE = ("internal_server_error", None)


def list_keys(replica: Replica, request: Request) -> Answer:
    """GET /key/list. Without an order it goes by creation, newest first: unstable while keys are made."""
    caller = authenticate(replica, request)
    query = request.query
    page = number(replica, query, "page", 1, None)
    size = number(replica, query, "size", 10, 100)
    require_admin(replica, caller)
    order, descending = _order(query)
    with replica.database.lock:
        found = [row for row in _filtered(replica, query) if row["team_id"] != SESSIONS]
        filled = [row for row in found if row[order] is not None]
        empty = [row for row in found if row[order] is None]
        filled.sort(key=lambda row: row[order])
        ordered = (empty + filled[::-1]) if descending else (filled + empty)
        shown = [_listed(replica, row, query) for row in ordered[(page - 1) * size : page * size]]
    pages = -(-len(found) // size)
    return Answer({"keys": shown, "total_count": len(found), "current_page": page, "total_pages": pages})


def spent_keys(replica: Replica, request: Request) -> Answer:
    """GET /spend/keys: all keys at once, the dearest first, and the sessions of the proxy's own page among them."""
    require_admin(replica, authenticate(replica, request))
    with replica.database.lock:
        found = sorted(replica.database.keys.values(), key=lambda row: -(row["spend"] or 0))
        return Answer([rows.spent(row, replica.version) for row in found])


def require_admin(replica: Replica, caller: Caller) -> None:
    """Let the master key through, where there is a database."""
    if replica.database_state != "connected":
        text = "Can't reach database server at `127.0.0.1:5432`"
        text = "Database not connected" if replica.database_state == "none" else text
        raise error(500, f"Authentication Error, {text}", "internal_server_error")
    if not caller.admin:
        text = "You are not authorized to access this endpoint. No 'user_id' is associated with your API key."
        raise error(403, text, "bad_request_error", "user_id")


def key_info(replica: Replica, request: Request) -> Answer:
    """GET /key/info: by value or hash, never by alias; any key may ask, about any key."""
    caller = authenticate(replica, request)
    if caller.row is not None:
        check_expiry(replica, caller.row)
    replica.require_database()
    given = request.query.get("key")
    if given is None:
        given = caller.row["token"] if caller.row else replica.master_key
    if replica.newest and caller.row is not None and token_of(given) != caller.row["token"]:
        raise error(403, "You are not allowed to access this key's info. Your role=internal_user", "auth_error", None)
    shown = _info(replica, token_of(given))
    if shown is None:
        raise error(404, "Key not found in database", "not_found_error", "key")
    return Answer({"key": given, "info": shown})


def keys_info(replica: Replica, request: Request) -> Answer:
    """POST /v2/key/info: echoes what was asked; infos come in another order, unknown ones lack."""
    authenticate(replica, request)
    replica.require_database()
    body = read(replica, request)
    asked = body.get("keys")
    if not asked:
        msg = "Value error, At least one of 'keys' or 'key_aliases' must be provided."
        raise invalid(replica.version, "value_error", ["body"], msg, body, error={})
    infos = []
    with replica.database.lock:
        for token in sorted({token_of(str(name)) for name in asked} & set(replica.database.keys)):
            shown = rows.info(replica.database.keys[token], replica.version, replica.now())
            shown.pop("status", None)
            infos.append({"token": token, **shown} if replica.old else shown)
    return Answer({"key": asked, "info": infos})


def _info(replica: Replica, token: str) -> Row | None:
    """From the database, past this replica's cache; 1.106.2 goes on to the archive of deleted keys."""
    with replica.database.lock:
        row = replica.database.keys.get(token)
        if row is None and not replica.old:
            row = next((r for r in reversed(replica.database.deleted) if r["token"] == token), None)
        return None if row is None else rows.info(row, replica.version, replica.now())


def _listed(replica: Replica, row: Row, query: Any) -> Any:
    if query.get("return_full_object", "").lower() not in TRUE:
        return row["token"]
    if row["aliases"] is None:  # an update takes that, and one such row ends the whole list
        raise error(500, ("Authentication Error, " if replica.old else "") + no_aliases("UserAPIKeyAuth"), *UNREADABLE)
    return (rows.archived if "deleted_at" in row else rows.listed)(row, replica.version)


def _filtered(replica: Replica, query: Any) -> list[Row]:
    status = query.get("status") or None
    if status is not None and status not in (("deleted",) if replica.old else STATUSES):
        text = "Supported: 'active', 'expired', 'revoked', 'deleted'."
        text = "Currently only 'deleted' is supported." if replica.old else text
        raise _bad(f"Invalid status value. {text}")
    database = replica.database
    found = list(database.deleted) if status == "deleted" else list(database.keys.values())
    if status not in (None, "deleted"):
        found = [row for row in found if rows.status(row, replica.now()) == status]
    alias, text = query.get("key_alias"), query.get("search")
    if alias:
        contains = not replica.old and query.get("substring_matching", "").lower() in TRUE
        found = [row for row in found if _matches(row["key_alias"], alias, contains)]
    if text and not replica.old:
        found = [row for row in found if row["token"] == text or _matches(row["key_alias"], text, True)]
    for parameter, column in (("key_hash", "token"), ("team_id", "team_id"), ("user_id", "user_id")):
        if query.get(parameter):
            found = [row for row in found if row[column] == query[parameter]]
    return found


def _matches(alias: str | None, text: str, contains: bool) -> bool:
    return alias is not None and (text in alias if contains else text == alias)


def _order(query: Any) -> tuple[str, bool]:
    column = query.get("sort_by") or "created_at"
    if column not in SORTABLE:
        raise _bad(f"Invalid sort column. Must be one of: {', '.join(SORTABLE)}")
    direction = query.get("sort_order", "desc").lower()
    if direction not in ("asc", "desc"):
        raise _bad("Invalid sort order. Must be 'asc' or 'desc'")
    return column, direction == "desc"


def number(replica: Replica, query: Any, name: str, default: int, most: int | None) -> int:
    """A number of a query; what is none, or out of bounds, is refused."""
    text, loc = query.get(name, str(default)), ["query", name]
    try:
        value = int(text)
    except ValueError:
        msg = "Input should be a valid integer, unable to parse string as an integer"
        raise invalid(replica.version, "int_parsing", loc, msg, text) from None
    if value < 1:
        msg = "Input should be greater than or equal to 1"
        raise invalid(replica.version, "greater_than_equal", loc, msg, text, ge=1)
    if most is not None and value > most:
        msg = f"Input should be less than or equal to {most}"
        raise invalid(replica.version, "less_than_equal", loc, msg, text, le=most)
    return value


def _bad(text: str) -> Refused:
    return detail(400, text, "internal_server_error")
