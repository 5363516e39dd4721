"""What replicas of a LiteLLM share: PostgreSQL, as far as keys, their archive, models and teams go."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

ADMIN = "default_user_id"

Row = dict[str, Any]


def token_of(value: str) -> str:
    """How LiteLLM stores a key: the digest of the whole value, ``sk-`` included. A digest stays as it is."""
    return hashlib.sha256(value.encode()).hexdigest() if value.startswith("sk-") else value


@dataclass(slots=True)
class ModelEntry:
    """One state of a database model: None is deleted. Others than the writing replica see it later."""

    deployment: dict[str, Any] | None
    writer: int
    at: float


@dataclass(frozen=True, slots=True)
class Call:
    """A call that came ``at``, and stands in no row until ``due``, by the replica's clock; ``served``: not refused."""

    token: str
    cost: float
    at: datetime
    due: float
    served: bool = True


@dataclass(slots=True)
class Database:
    """Keys by token, in order of creation. Held under ``lock`` while read or written."""

    keys: dict[str, Row] = field(default_factory=dict)
    deleted: list[Row] = field(default_factory=list)
    models: dict[str, list[ModelEntry]] = field(default_factory=dict)
    teams: dict[str, Row] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    days: dict[str, list[Call]] = field(default_factory=dict)  # that are written, by the day
    lock: threading.RLock = field(default_factory=threading.RLock)

    def add(self, value: str, *, now: datetime | None = None, **fields: Any) -> str:
        """Put a key there as someone else did earlier, without a request; returns its token."""
        with self.lock:
            row = new_row(value, now or datetime.now(UTC))
            unknown = set(fields) - set(row)
            if unknown:
                raise ValueError(f"no columns of a key: {sorted(unknown)}")
            row.update(fields)
            self.keys[row["token"]] = row
            return str(row["token"])

    def by_alias(self, alias: str) -> list[Row]:
        """Every key with exactly this alias: uniqueness is checked by the proxy, not by the database."""
        return [row for row in self.keys.values() if row["key_alias"] == alias]


def new_row(value: str, now: datetime) -> Row:
    """The columns of a fresh key, with their defaults."""
    row: Row = {
        "token": token_of(value),
        "key_name": f"sk-...{value[-4:]}",
        "key_alias": None,
        "spend": 0.0,
        "total_spend": 0.0,
        "max_budget": None,
        "expires": None,
        "models": [],
        "aliases": {},
        "config": {},
        "user_id": None,
        "team_id": None,
        "agent_id": None,
        "project_id": None,
        "max_parallel_requests": None,
        "metadata": {},
        "tpm_limit": None,
        "rpm_limit": None,
        "tpd_limit": None,
        "budget_duration": None,
        "budget_reset_at": None,
        "allowed_cache_controls": [],
        "allowed_routes": [],
        "key_type": "default",
        "permissions": {},
        "model_spend": {},
        "model_max_budget": {},
        "budget_fallbacks": {},
        "soft_budget_cooldown": False,
        "blocked": None,
        "litellm_budget_table": None,
        "budget_id": None,
        "created_at": now,
        "created_by": ADMIN,
        "updated_at": now,
        "updated_by": ADMIN,
        "settings_updated_at": None,
        "last_active": None,
        "object_permission_id": None,
        "object_permission": None,
        "access_group_ids": [],
        "rotation_count": 0,
        "auto_rotate": False,
        "rotation_interval": None,
        "last_rotation_at": None,
        "key_rotation_at": None,
        "router_settings": {},
        "budget_limits": None,
    }
    return row
