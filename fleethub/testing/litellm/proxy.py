"""The stand-in itself: one replica of a LiteLLM proxy behind its socket."""

from __future__ import annotations

import itertools
import json
import ssl
import time
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from functools import partial
from typing import Any

from fleethub.testing.litellm import access, keys, models, reading, teams
from fleethub.testing.litellm.database import Database, Row
from fleethub.testing.litellm.errors import error
from fleethub.testing.litellm.replica import DatabaseState, Replica, Settings, Version
from fleethub.testing.server import Answer, Refused, Request, Server

MASTER_KEY = "sk-master-0123456789abcdef"

FAILS = "litellm.InternalServerError"  # a mock_response that LiteLLM raises instead of giving it

_CALLS = itertools.count(1)


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
            "POST /v1/chat/completions": chat,
            "POST /chat/completions": chat,
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


def chat(replica: Replica, request: Request) -> Answer:
    """POST /v1/chat/completions: the call that tells the truth about a key.

    It asks for the model first, and only of one that the key may call for expiry, route, budget and limits.
    """
    caller = access.authenticate(replica, request)
    try:
        body = json.loads(request.body)
    except ValueError as fault:
        text = f"Invalid JSON payload: {fault}"
        raise error(400, text, "invalid_request_error", "request_body") from None
    row, model = caller.row, body.get("model")
    if row is not None:
        access.check_model(replica, row, model)
        access.check_limits(replica, row, str(model))
        access.check_route(replica, row, request.path)
        access.check_rate(replica, row, str(model))
    if body.get("messages") is None:
        raise _no_messages(replica, row)
    group = row["aliases"].get(model, model) if row is not None else model
    served, deployment, attempted = _served(replica, row, group)
    if row is not None:
        replica.used(row["token"])
    answer = {
        "id": f"chatcmpl-{next(_CALLS):012d}",
        "created": int(replica.now().timestamp()),
        "model": model,
        "object": "chat.completion",
        "choices": [
            {
                "finish_reason": "stop",
                "index": 0,
                "message": {"content": f"hi from {served}", "role": "assistant"},
            }
        ],
        "usage": {"completion_tokens": 20, "prompt_tokens": 10, "total_tokens": 30},
    }
    headers = {
        "x-litellm-version": replica.version,
        "x-litellm-model-id": deployment["model_info"]["id"],
        "x-litellm-model-group": str(served),
        "x-litellm-attempted-fallbacks": str(attempted),
    }
    if body.get("stream") is True:
        usage = bool((body.get("stream_options") or {}).get("include_usage"))
        return Answer(_streamed(answer, usage), headers={**headers, "content-type": "text/event-stream; charset=utf-8"})
    return Answer(answer, headers=headers)


def _no_messages(replica: Replica, row: Row | None) -> Refused:
    if replica.old:
        if row is not None:
            access.leak_slot(replica, row)
        return error(500, "Router.acompletion() missing 1 required positional argument: 'messages'", "None")
    text = "/chat/completions: Missing required parameter: 'messages'."
    return error(400, text, "invalid_request_error", "messages")


def _served(replica: Replica, row: Row | None, model: Any) -> tuple[Any, dict[str, Any], int]:
    """Who serves a call: the model, or what the router falls back to (from 1.108 on, if the key may call that)."""
    deployment = _deployment(replica, model)
    if deployment is None:
        raise _no_deployment(replica, model)
    if not _dead(deployment):
        return model, deployment, 0
    known: dict[Any, list[str]] = {
        alias: names for entry in replica.settings.fallbacks for alias, names in entry.items()
    }
    text = "litellm.InternalServerError: InternalServerError: OpenAIException - Connection error."
    for other in known.get(model) or known.get("*", []):
        if replica.newest and row is not None and not access.may(replica, row["models"], row, other):
            text += f" Fallback to {other} was skipped because the caller is not authorized to call it."
            continue
        found = _deployment(replica, other)
        if found is not None and not _dead(found):
            return other, found, 1
    raise error(500, text, None if replica.old else "internal_server_error", None)


def _dead(deployment: dict[str, Any]) -> bool:
    """A deployment that fails by LiteLLM's own word for it."""
    return bool(deployment["litellm_params"].get("mock_response") == FAILS)


def _streamed(answer: dict[str, Any], usage: bool) -> bytes:
    """The same as server-sent events: the words, the end, then the usage where it was asked for."""
    head = {"id": answer["id"], "created": answer["created"], "model": answer["model"]}
    head["object"] = "chat.completion.chunk"
    words = answer["choices"][0]["message"]["content"]
    chunks: list[dict[str, Any]] = [
        {**head, "choices": [{"index": 0, "delta": {"role": "assistant", "content": words}}]},
        {**head, "choices": [{"finish_reason": "stop", "index": 0, "delta": {}}]},
    ]
    if usage:
        chunks.append({**head, "choices": [{"index": 0, "delta": {}}], "usage": answer["usage"]})
    return b"".join(f"data: {json.dumps(chunk)}\n\n".encode() for chunk in chunks) + b"data: [DONE]\n\n"


def _no_deployment(replica: Replica, model: Any) -> Refused:
    """A model that does not exist, asked for by a caller who may name any."""
    text = f"litellm.BadRequestError: You passed in model={model}."
    text += " There are no healthy deployments for this model"
    if replica.old:
        more = f". Received Model Group={model}\nAvailable Model Group Fallbacks=None"
        return error(400, text + more, None, None)
    more = f"\n\nLiteLLM: model group '{model}' failed with the error above. No fallback was attempted."
    return error(400, text + more, "invalid_request_error", None)


def _deployment(replica: Replica, model: Any) -> dict[str, Any] | None:
    """The first deployment of that name, else of a pattern that takes it in."""
    known = replica.models()
    exact = [m for m in known if m["model_name"] == model]
    return next(iter(exact + [m for m in known if fnmatchcase(str(model), m["model_name"])]), None)
