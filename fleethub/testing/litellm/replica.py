"""The state of one replica: what it shares with others, its own cache of keys, and its own view of models."""

from __future__ import annotations

import copy
import hashlib
import json
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from fleethub.testing.litellm.database import ADMIN, Call, Database, ModelEntry, Row, token_of
from fleethub.testing.litellm.errors import error
from fleethub.testing.server import Refused

Version = Literal["1.110.2", "1.106.2", "1.82.0"]
#: Seconds after which a call shows in the key's row: LiteLLM writes spend and times together, every few seconds.
BATCH = 6.0
DatabaseState = Literal["connected", "none", "disconnected"]


@dataclass(frozen=True, slots=True)
class Settings:
    """What an operator wrote into the config beside models, under LiteLLM's names.

    ``default_key_generate_params`` and ``upperbound_key_generate_params`` fill in and bound what a new key is given;
    ``fallbacks`` as in router_settings: [{alias: [other, ...]}].
    """

    default_key_generate_params: Mapping[str, Any] = field(default_factory=dict)
    upperbound_key_generate_params: Mapping[str, Any] = field(default_factory=dict)
    disable_custom_api_keys: bool = False
    fallbacks: tuple[Mapping[str, list[str]], ...] = ()


@dataclass(slots=True)
class Cached:
    """A key as this replica remembers it."""

    row: Row
    at: float
    team_blocked: bool = False


@dataclass(slots=True, eq=False)
class Replica:
    """``clock``, in seconds, drives cache, sync, limits and dates alike; for the rest see ``LiteLLM``."""

    database: Database
    version: Version
    master_key: str
    config_models: list[dict[str, Any]]
    cache_ttl: float
    model_sync: float
    store_models: bool
    traffic_renews_cache: bool
    cost_per_call: float
    clock: Callable[[], float]
    settings: Settings = field(default_factory=Settings)
    database_state: DatabaseState = "connected"
    batch: float = BATCH
    after_alias_check: Callable[[], None] | None = None  # called between the check of an alias and the insert
    cache: dict[str, Cached] = field(default_factory=dict)
    hits: dict[str, tuple[float, int]] = field(default_factory=dict)
    _started: tuple[float, float] = (0.0, 0.0)

    def __post_init__(self) -> None:
        self._started = (time.time(), self.clock())
        self.config_models = [_with_id(m) for m in self.config_models]

    @property
    def old(self) -> bool:
        """True for 1.82.0."""
        return self.version == "1.82.0"

    @property
    def newest(self) -> bool:
        """True for 1.110.2."""
        return self.version == "1.110.2"

    @property
    def bad_request(self) -> str:
        """The error type of most refusals of a body, where the status alone is to be trusted."""
        return "invalid_request_error" if self.newest else "internal_server_error"

    def now(self) -> datetime:
        """The time of day: real when the replica was made, then as the clock goes. In whole milliseconds."""
        wall, clock = self._started
        moment = datetime.fromtimestamp(wall, UTC) + timedelta(seconds=self.clock() - clock)
        return moment.replace(microsecond=moment.microsecond // 1000 * 1000)

    def require_database(self) -> None:
        """What every management endpoint meets first."""
        if self.database_state == "disconnected":
            text = "Authentication Error, Can't reach database server at `127.0.0.1:5432`"
            raise error(500, text, "internal_server_error")
        if self.database_state == "none":
            text = "DB not connected. See https://docs.litellm.ai/docs/proxy/virtual_keys"
            raise error(500, text, "internal_server_error")

    def key(self, token: str) -> Row | None:
        """The key as this replica believes it to be: its cache while that is young, else the database."""
        now = self.clock()
        cached = self.cache.get(token)
        if cached and now - cached.at < self.cache_ttl:
            return cached.row
        if self.database_state != "connected":
            raise self._no_database()
        with self.database.lock:
            row = copy.deepcopy(self.database.keys.get(token))
            team = self.database.teams.get(row["team_id"]) if row is not None and row["team_id"] else None
        if row is None:
            self.cache.pop(token, None)
        else:
            self.cache[token] = Cached(row, now, bool(team and team["blocked"]))
        return row

    def team_was_blocked(self, row: Row) -> bool:
        """Whether the team was blocked when this replica last read its key: before 1.110 it asks no later."""
        return self.cache[row["token"]].team_blocked if row["token"] in self.cache else False

    def _no_database(self) -> Refused:
        if self.database_state == "none":
            return error(400, "No connected db.", "no_db_connection")
        text = "Authentication Error, Can't reach database server at `127.0.0.1:5432`"
        return error(503, text, "no_db_connection")

    def forget(self, token: str) -> None:
        """Drop a key from this replica's cache; the other replicas keep theirs."""
        self.cache.pop(token, None)

    def archive(self, token: str, forget: bool = True) -> None:
        """Delete a key, which keeps its row readable; under the database's lock."""
        row = self.database.keys.pop(token)
        row.update(id=str(uuid.uuid4()), deleted_at=self.now(), deleted_by=ADMIN)
        row.update(deleted_by_api_key=self.master_name, litellm_changed_by=None)
        self.database.deleted.append(row)
        if forget:
            self.forget(token)

    @property
    def master_name(self) -> str:
        """What stands for the master key where a call's key is kept."""
        return token_of(self.master_key) if self.old else "litellm_proxy_master_key"

    def called(self, row: Row | None, *, served: bool = True) -> None:
        """A call was served, or refused to a caller who is known: spend and times move in the database, with the next
        batch, and perhaps the stale row lives on. ``row`` None: the master key's.
        """
        token = row["token"] if row is not None else self.master_name
        cost = self.cost_per_call if served else 0.0
        cached = self.cache.get(token) if served else None
        if cached and self.traffic_renews_cache:
            cached.at = self.clock()
        if cached:
            cached.row["spend"] += cost
        if self.database_state == "connected":
            with self.database.lock:
                self.database.calls.append(Call(token, cost, self.now(), self.clock() + self.batch, served))

    def catch_up(self) -> None:
        """Write what was called, where its batch is due."""
        with self.database.lock:
            now, waiting = self.clock(), self.database.calls
            self.database.calls = [call for call in waiting if call.due > now]
            for call in waiting:
                if call.due > now:
                    continue
                self.database.days.setdefault(f"{call.at:%Y-%m-%d}", []).append(call)
                row = self.database.keys.get(call.token)
                if row is not None and call.served:
                    row["spend"] += call.cost
                    row["total_spend"] += call.cost
                    row["last_active"] = call.at
                    row["updated_at"] = max(row["updated_at"], call.at)

    def models(self) -> list[dict[str, Any]]:
        """The deployments this replica knows: the config's, then those of the database that it has seen."""
        return self.config_models + list(self.stored_models().values())

    def stored_models(self) -> dict[str, dict[str, Any]]:
        """The database's deployments by id; another replica's writes come ``model_sync`` seconds later."""
        now = self.clock()
        seen: dict[str, dict[str, Any]] = {}
        with self.database.lock:
            for name, entries in self.database.models.items():
                known = [e for e in entries if e.writer == id(self) or now - e.at >= self.model_sync]
                if known and known[-1].deployment is not None:
                    seen[name] = known[-1].deployment
        return seen

    def store_model(self, name: str, deployment: dict[str, Any] | None) -> None:
        """Write a deployment, or its deletion."""
        with self.database.lock:
            entries = self.database.models.setdefault(name, [])
            entries.append(ModelEntry(copy.deepcopy(deployment), id(self), self.clock()))


def _with_id(model: dict[str, Any]) -> dict[str, Any]:
    """A deployment without an id gets a digest of what it is, as LiteLLM gives it."""
    model = copy.deepcopy(model)
    digest = hashlib.sha256(json.dumps(model, sort_keys=True, default=str).encode()).hexdigest()
    model["model_info"] = {"id": digest, "db_model": False, **model.get("model_info", {})}
    return model
