"""POST /v1/chat/completions: who may call what, who serves it, and what is said of it."""

from __future__ import annotations

import itertools
import json
from fnmatch import fnmatchcase
from typing import Any

from fleethub.testing.litellm import access
from fleethub.testing.litellm.database import Row
from fleethub.testing.litellm.errors import detail, error, not_an_object
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
        body = _let(replica, caller.row, request)
        model = body.get("model")
        if "," in str(model):
            return _each(replica, caller.row, access.asked(model))
        served, deployment, attempted = _served(replica, caller.row, _group(caller.row, model))
    except Refused:
        replica.called(caller.row, served=False)
        raise
    replica.called(caller.row)
    answer = _answer(replica, model, served)
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


def _answer(replica: Replica, model: Any, served: Any) -> dict[str, Any]:
    said = {"content": f"hi from {served}", "role": "assistant"}
    return {
        "id": f"chatcmpl-{next(_CALLS):012d}",
        "created": int(replica.now().timestamp()),
        "model": model,
        "object": "chat.completion",
        "choices": [{"finish_reason": "stop", "index": 0, "message": said}],
        "usage": {"completion_tokens": 20, "prompt_tokens": 10, "total_tokens": 30},
    }


def _each(replica: Replica, row: Row | None, models: list[Any]) -> Answer:
    """A name with commas is a call of each: the answer is a list, 200 whatever stands in it."""
    told: list[dict[str, Any]] = []
    for model in models:
        try:
            told.append(_answer(replica, model, _served(replica, row, model, some=True)[0]))
        except Refused as refused:
            message = refused.answer.body["error"]["message"]
            told.append({"status_code": refused.answer.status, "message": message, "model": model})
    replica.called(row)
    return Answer(told)


def _group(row: Row | None, model: Any) -> Any:
    return row["aliases"].get(model, model) if row is not None else model


def _let(replica: Replica, row: Row | None, request: Request) -> dict[str, Any]:
    """The call's body, if it is let through."""
    try:
        body = json.loads(request.body) if request.body else {}
    except ValueError as fault:
        text = f"Invalid JSON payload: {fault}"
        raise error(400, text, "invalid_request_error", "request_body") from None
    if not isinstance(body, dict):
        raise not_an_object(replica.version)
    if isinstance(body.get("model"), list):
        raise _no_text(replica)
    if replica.old and not request.body:
        raise _no_deployment(replica, None, False)
    model = body.get("model")
    if row is not None:
        if model not in (None, ""):  # of no model no scope is asked
            access.check_model(replica, row, model)
        access.check_team(replica, row)
        access.check_limits(replica, row, str(model))
        access.check_route(replica, row, request.path)
        access.check_rate(replica, row, str(model))
    if body.get("messages") is None:
        raise _no_messages(replica, row)
    return body


def _no_text(replica: Replica) -> Refused:
    """A model that is a list."""
    if replica.old:
        return error(401, "Authentication Error, 'list' object has no attribute 'split'", "auth_error")
    return error(400, "'model' must be a string.", "bad_request_error", "model")


def _no_messages(replica: Replica, row: Row | None) -> Refused:
    if replica.old:
        if row is not None:
            access.leak_slot(replica, row)
        return error(500, "Router.acompletion() missing 1 required positional argument: 'messages'", "None")
    text = "/chat/completions: Missing required parameter: 'messages'."
    return error(400, text, "invalid_request_error", "messages")


def _served(replica: Replica, row: Row | None, model: Any, some: bool = False) -> tuple[Any, dict[str, Any], int]:
    """Who serves a call: the model, or what the router falls back to (from 1.108 on, if the key may call that).

    ``some``: it is one of several models of a call.
    """
    deployment = _deployment(replica, model)
    if deployment is None:
        raise _no_deployment(replica, model, some)
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


def _no_deployment(replica: Replica, model: Any, some: bool) -> Refused:
    """A model that does not exist, asked for by a caller who may name any; in other words where a wildcard is there."""
    if not some and not any("*" in one["model_name"] for one in replica.models()):
        text = f"/chat/completions: Invalid model name passed in model={model}."
        text += " Call `/v1/models` to view available models for your key."
        if replica.newest:
            return error(400, text, "invalid_request_error")
        return detail(400, text, "None")
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
