"""How one key looks in each answer: the list, the info, an update and a generate show different fields."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fleethub.testing.litellm.database import Row


def _names(text: str) -> list[str]:
    return text.split()


#: Fields that 1.82.0 does not have, in no answer.
LATER = frozenset(
    _names("""
    total_spend tpd_limit key_type budget_fallbacks settings_updated_at budget_limits team_tpd_limit
    team_model_max_budget end_user_tpd_limit organization_alias project_alias user_model_max_budget
    is_session_token created_by_user team_object_permission jwt_claims jwt_key_mappings status
    mcp_rpm_limit tag_rpm_limit default_estimated_output_tokens
    default_estimated_output_tokens_per_model end_user_budget_id disable_global_guardrails
    enable_prompt_caching throttle_on_budget_exceeded denied_passthrough_routes
""")
)
#: What a full object of /key/list has beside the columns: all null, or nearly.
JOINED: Row = {
    **dict.fromkeys(
        _names("""
    team_spend team_alias team_tpm_limit team_rpm_limit team_tpd_limit team_max_budget
    team_soft_budget team_model_max_budget soft_budget team_model_aliases team_member team_metadata
    team_object_permission_id team_member_spend team_member_tpm_limit team_member_rpm_limit
    end_user_id end_user_tpm_limit end_user_rpm_limit end_user_tpd_limit end_user_max_budget
    end_user_model_max_budget organization_alias organization_max_budget organization_tpm_limit
    organization_rpm_limit organization_metadata project_alias project_metadata last_refreshed_at
    api_key user_role allowed_model_region parent_otel_span rpm_limit_per_model tpm_limit_per_model
    user_tpm_limit user_rpm_limit user_email user_spend user_max_budget user_model_max_budget
    request_route user created_by_user end_user_object_permission team_object_permission jwt_claims
""")
    ),
    "team_models": [],
    "team_blocked": False,
    "is_session_token": False,
}
#: Fields of a request that /key/generate answers with null, also when they were given.
UNANSWERED = _names("""
    duration model_rpm_limit model_tpm_limit mcp_rpm_limit tag_rpm_limit guardrails policies prompts
    default_estimated_output_tokens default_estimated_output_tokens_per_model end_user_budget_id
    tags disable_global_guardrails enable_prompt_caching throttle_on_budget_exceeded enforced_params
    allowed_passthrough_routes denied_passthrough_routes allowed_vector_store_indexes rpm_limit_type
    tpm_limit_type organization_id
""")
TABLES = ("organization_id", "litellm_organization_table", "litellm_project_table", "jwt_key_mappings")
#: Columns that /key/generate does not answer with.
UNTOLD = frozenset(
    _names("""
    total_spend budget_reset_at model_spend soft_budget_cooldown settings_updated_at last_active
    object_permission_id rotation_count auto_rotate rotation_interval last_rotation_at
    key_rotation_at
""")
)


def _shown(row: Row, version: str, zulu: bool) -> Row:
    """Times as text (``Z`` from models, ``+00:00`` from plain dicts), and only the version's fields."""

    def text(value: Any) -> Any:
        if not isinstance(value, datetime):
            return value
        stamp = value.isoformat(timespec="microseconds")
        return stamp.replace("+00:00", "Z") if zulu else stamp

    old = version == "1.82.0"
    return {name: text(value) for name, value in row.items() if not (old and name in LATER)}


def _model(row: Row, version: str, more: Row) -> Row:
    """A row as the proxy's own class of a key writes it, with ``org_id``."""
    shown = _shown({**row, "org_id": None, **more}, version, zulu=True)
    if version == "1.82.0":
        shown.pop("budget_id", None)
    return shown


def listed(row: Row, version: str) -> Row:
    """A full object of /key/list; with 1.82.0 it says nothing of the key's budget."""
    return _model(row, version, JOINED if version != "1.82.0" else {**JOINED, "litellm_budget_table": None})


def spent(row: Row, version: str) -> Row:
    """A row of /spend/keys."""
    return _shown({**row, "policies": [], **dict.fromkeys(TABLES)}, version, zulu=True)


def archived(row: Row, version: str) -> Row:
    """A full object of /key/list?status=deleted."""
    return _model(row, version, {} if version == "1.82.0" else {"organization_id": None})


def blocking(row: Row, version: str) -> Row:
    """The answer of /key/block."""
    return _model(row, version, {})


def unblocked(row: Row, version: str) -> Row:
    """The answer of /key/unblock, which is not that of /key/block."""
    return _shown({**row, "policies": [], **dict.fromkeys(TABLES)}, version, zulu=True)


def updated(row: Row, version: str, given: str) -> Row:
    """The answer of /key/update: the row, and the key as the caller named it."""
    more: Row = {"policies": [], **dict.fromkeys(TABLES)}
    return _shown({"key": given, **row, **more}, version, zulu=False)


def info(row: Row, version: str, now: datetime) -> Row:
    """The ``info`` of /key/info: no token in it."""
    shown = updated({**row, "status": status(row, now)}, version, "")
    return {name: value for name, value in shown.items() if name not in ("key", "token")}


def generated(row: Row, version: str, value: str) -> Row:
    """The answer of /key/generate: what the request would make, whatever the database did with it."""
    kept = {name: item for name, item in row.items() if name not in UNTOLD}
    more: Row = dict.fromkeys(UNANSWERED)
    return _shown({**kept, **more, "key": value, "token_id": row["token"]}, version, zulu=True)


def status(row: Row, now: datetime) -> str:
    """active, expired, revoked (blocked) or deleted."""
    if row.get("deleted_at"):
        return "deleted"
    if row["blocked"]:
        return "revoked"
    if row["expires"] and row["expires"] <= now:
        return "expired"
    return "active"
