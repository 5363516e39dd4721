"""POST /v1/chat/completions: who may call what, who serves it, and what is said of it."""

from __future__ import annotations

import itertools
import json
from fnmatch import fnmatchcase
from typing import Any

from fleethub.testing.litellm import access
from fleethub.testing.litellm.database import Row
from fleethub.testing.litellm.errors import error
from fleethub.testing.litellm.replica import Replica
from fleethub.testing.server import Answer, Refused, Request

FAILS = "litellm.InternalServerError"  # a mock_response that LiteLLM raises instead of giving it

_CALLS = itertools.count(1)


def chat(replica: Replica, request: Request) -> Answer:
    """POST /v1/chat/completions: the call that tells the truth about a key.

    It asks for the model first, and only of one that the key may call for expiry, route, budget and limits.
    """
    caller = access.authenticate(replica, request)
    try:
        body, (served, deployment, attempted) = _let(replica, caller.row, request)
    except Refused:
        replica.called(caller.row, served=False)
        raise
    model = body.get("model")
    replica.called(caller.row)
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


def _let(replica: Replica, row: Row | None, request: Request) -> tuple[dict[str, Any], tuple[Any, dict[str, Any], int]]:
    """The call's body and who serves it, if it is let through."""
    try:
        body = json.loads(request.body)
    except ValueError as fault:
        text = f"Invalid JSON payload: {fault}"
        raise error(400, text, "invalid_request_error", "request_body") from None
    model = body.get("model")
    if row is not None:
        access.check_model(replica, row, model)
        access.check_limits(replica, row, str(model))
        access.check_route(replica, row, request.path)
        access.check_rate(replica, row, str(model))
    if body.get("messages") is None:
        raise _no_messages(replica, row)
    group = row["aliases"].get(model, model) if row is not None else model
    return body, _served(replica, row, group)


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
