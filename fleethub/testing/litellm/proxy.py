"""The stand-in itself: one replica of a LiteLLM proxy behind its socket."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from fleethub.testing.litellm import access, activity, chat, keys, models, reading, teams
from fleethub.testing.litellm.database import Database
from fleethub.testing.litellm.replica import DatabaseState, Replica, Settings, Version
from fleethub.testing.server import Answer, Refused, Request, Server

MASTER_KEY = "sk-master-0123456789abcdef"


class LiteLLM(Server):
    """A replica. Those that share a ``database`` are replicas of one proxy, each with its own cache of keys.

    ``models`` is the config's model_list. ``cache_ttl`` and ``model_sync`` are seconds of ``clock``; a real
    1.106.2 looks for new models every 30 s.
    ``traffic_renews_cache`` is LiteLLM's issue 25553: calls keep a stale key alive. ``cost_per_call`` is what
    a served call adds to a key's spend.
    """

    mutating = frozenset(
        ("POST", path)
        for path in (
            "/key/generate",
            "/key/update",
            "/key/delete",
            "/key/block",
            "/key/unblock",
            "/model/new",
            "/model/update",
            "/model/delete",
            "/team/new",
            "/team/update",
            "/team/delete",
            "/team/block",
            "/team/unblock",
        )
    )

    def __init__(
        self,
        database: Database | None = None,
        *,
        models: Sequence[dict[str, Any]] = (),
        master_key: str = MASTER_KEY,
        cache_ttl: float = 60.0,
        version: Version = "1.106.2",
        store_models: bool = False,
        model_sync: float = 2.0,
        traffic_renews_cache: bool = False,
        cost_per_call: float = 0.00001,
        clock: Callable[[], float] = time.monotonic,
        settings: Settings | None = None,
        port: int = 0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(port, tls)
        self.master_key = master_key
        self.replica = Replica(
            database=database or Database(),
            version=version,
            master_key=master_key,
            config_models=list(models),
            cache_ttl=cache_ttl,
            model_sync=model_sync,
            store_models=store_models,
            traffic_renews_cache=traffic_renews_cache,
            cost_per_call=cost_per_call,
            clock=clock,
            settings=settings or Settings(),
        )
        self._route()
        self.start()

    @property
    def database(self) -> Database:
        """What this replica shares with others."""
        return self.replica.database

    @property
    def database_state(self) -> DatabaseState:
        """connected, none (the proxy was started without one) or disconnected; may be set at any time."""
        return self.replica.database_state

    @database_state.setter
    def database_state(self, state: DatabaseState) -> None:
        self.replica.database_state = state

    def _route(self) -> None:
        handlers: dict[str, Callable[[Replica, Request], Answer]] = {
            "GET /health/liveliness": lambda _, __: Answer("I'm alive!"),
            "GET /health/readiness": readiness,
            "GET /health/readiness/details": details,
            "GET /router/settings": models.router_settings,
            "GET /v2/model/info": models.paged_model_info,
            "GET /v1/models": models.list_models,
            "GET /models": models.list_models,
            "GET /model/info": models.model_info,
            "GET /v1/model/info": models.model_info,
            "POST /model/new": models.new_model,
            "POST /model/update": models.update_model,
            "POST /model/delete": models.delete_model,
            "GET /key/list": reading.list_keys,
            "GET /spend/keys": reading.spent_keys,
            "GET /user/daily/activity": activity.daily,
            "GET /key/info": reading.key_info,
            "POST /v2/key/info": reading.keys_info,
            "POST /key/generate": keys.generate,
            "POST /key/update": keys.update,
            "POST /key/delete": keys.delete,
            "POST /key/block": keys.block,
            "POST /key/unblock": keys.block,
            "POST /team/new": teams.new_team,
            "POST /team/update": teams.update_team,
            "POST /team/delete": teams.delete_teams,
            "POST /team/block": teams.block_team,
            "POST /team/unblock": teams.block_team,
            "GET /team/info": teams.team_info,
            "POST /v1/chat/completions": chat.chat,
            "POST /chat/completions": chat.chat,
        }
        for route, handler in handlers.items():
            method, path = route.split()
            self.routes[method, path] = partial(handler, self.replica)


def readiness(replica: Replica, request: Request) -> Answer:
    """GET /health/readiness, without authentication. Only 1.82.0 tells its version here."""
    if replica.database_state == "disconnected":
        return Answer({"status": "healthy", "db": "disconnected"}, 503)
    known = replica.database_state == "connected"
    body: dict[str, Any] = {"status": "healthy", "db": "connected" if known else "Not connected"}
    if replica.old:
        body.update(status="connected" if known else "healthy", cache=None, litellm_version=replica.version)
    return Answer(body)


def details(replica: Replica, request: Request) -> Answer:
    """GET /health/readiness/details, with a key: the version, in those that came after 1.82.0."""
    access.authenticate(replica, request)
    if replica.old:
        raise Refused(Answer({"detail": "Not Found"}, 404))
    return Answer({"status": "healthy", "db": "connected", "cache": None, "litellm_version": replica.version})
