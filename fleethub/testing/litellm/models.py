"""The endpoints about models: what may be named, where it leads, and adding or removing one."""

from __future__ import annotations

import base64
import copy
import hashlib
import uuid
from typing import Any

from fleethub.testing.litellm.access import (
    Caller,
    authenticate,
    check_expiry,
    check_limits,
    expansions,
    visible,
)
from fleethub.testing.litellm.body import read
from fleethub.testing.litellm.database import ADMIN
from fleethub.testing.litellm.errors import detail, invalid, unhandled
from fleethub.testing.litellm.reading import number
from fleethub.testing.litellm.replica import Replica
from fleethub.testing.server import Answer, Refused, Request

SECRET = ("api_key", "aws_access_key_id", "aws_secret_access_key", "vertex_credentials")
#: Some of the many fields of a model's info that are null unless LiteLLM's cost map knows the model.
UNKNOWN_COSTS = [
    f"{way}_cost_per_{unit}{tier}"
    for way in ("input", "output")
    for unit in ("token", "audio_token", "image", "character", "second", "video_per_second")
    for tier in ("", "_batches", "_priority", "_flex", "_above_128k_tokens", "_above_200k_tokens")
] + ["max_tokens", "max_input_tokens", "max_output_tokens", "mode", "supports_vision", "rpm", "tpm"]
NOT_STORED = "Set `'STORE_MODEL_IN_DB='True'` in your env to enable this feature."


def list_models(replica: Replica, request: Request) -> Answer:
    """GET /v1/models: the effective scope, as far as names go."""
    caller = authenticate(replica, request)
    if caller.row is not None:
        check_limits(replica, caller.row, None)
    stars = request.query.get("return_wildcard_routes", "").lower() == "true"
    common = {"object": "model", "created": 1677610602, "owned_by": "openai"}
    return Answer({"data": [{"id": name, **common} for name in visible(replica, caller, stars)], "object": "list"})


def model_info(replica: Replica, request: Request) -> Answer:
    """GET /model/info: one row per deployment that the caller sees; several of one name are balanced."""
    caller = authenticate(replica, request)
    if caller.row is not None:
        check_expiry(replica, caller.row)
    wanted = request.query.get("litellm_model_id")
    if wanted:
        found = [m for m in replica.models() if m["model_info"]["id"] == wanted]
        if not found:
            error = f"Model id = {wanted} not found on litellm proxy"
            return Answer({"detail": {"error": error}}, 400)
        return Answer({"data": [_shown(replica, m) for m in found]})
    names = set(visible(replica, caller))
    expanded = [e for m in replica.models() for e in _expand(replica, m)]
    return Answer({"data": [_shown(replica, m) for m in expanded if m["model_name"] in names]})


def paged_model_info(replica: Replica, request: Request) -> Answer:
    """GET /v2/model/info: the deployments as they are written, a wildcard as its pattern."""
    authenticate(replica, request)
    page, size = number(replica, request.query, "page", 1, None), number(replica, request.query, "size", 50, None)
    every = replica.models()
    pages = -(-len(every) // size)
    shown = [_shown(replica, m) for m in every[(page - 1) * size : page * size]]
    return Answer({"data": shown, "total_count": len(every), "current_page": page, "total_pages": pages, "size": size})


def router_settings(replica: Replica, request: Request) -> Answer:
    """GET /router/settings: what the router was started with."""
    caller = authenticate(replica, request)
    if not caller.admin:
        raise _wrapped(403, "Only proxy admins may read the router's settings.")
    values: dict[str, Any] = {
        "fallbacks": [dict(entry) for entry in replica.settings.fallbacks],
        "model_group_alias": {},
    }
    values |= dict.fromkeys(("context_window_fallbacks", "content_policy_fallbacks"))
    return Answer({"fields": [], "current_values": values, "routing_strategy_descriptions": {}})


def new_model(replica: Replica, request: Request) -> Answer:
    """POST /model/new: usable here at once; the answer holds the parameters encrypted."""
    _require_writer(replica, request)
    body = read(replica, request)
    parameters = body.get("litellm_params")
    if not isinstance(parameters, dict) or not parameters.get("model"):
        raise unhandled(replica.version)
    if "model_name" not in body:
        raise invalid(replica.version, "missing", ["body", "model_name"], "Field required", body)
    if not replica.store_models:
        raise _wrapped(500, NOT_STORED)
    info = dict(body.get("model_info") or {})
    name = info.setdefault("id", str(uuid.uuid4()))
    with replica.database.lock:
        entries = replica.database.models.get(name)
        if entries and entries[-1].deployment is not None:
            raise _wrapped(500, "Failed to add model to db. Check your server logs for more details.")
        info["db_model"] = True
        deployment = {"model_name": body["model_name"], "litellm_params": parameters, "model_info": info}
        replica.store_model(name, deployment)
    return _stored(replica, deployment)


def update_model(replica: Replica, request: Request) -> Answer:
    """POST /model/update, by ``model_info.id``: parameters are merged; only 1.106.2 renames."""
    _require_writer(replica, request)
    body = read(replica, request)
    name = (body.get("model_info") or {}).get("id", "")
    with replica.database.lock:
        deployment = copy.deepcopy(_latest(replica, name))
        deployment["litellm_params"].update(body.get("litellm_params") or {})
        deployment["model_info"].update(body.get("model_info") or {})
        if not replica.old and body.get("model_name"):
            deployment["model_name"] = body["model_name"]
        replica.store_model(name, deployment)
    return _stored(replica, deployment)


def delete_model(replica: Replica, request: Request) -> Answer:
    """POST /model/delete {"id"}: only what is in the database; looks for it before it asks who is calling."""
    caller = authenticate(replica, request)
    replica.require_database()
    body = read(replica, request)
    if body.get("id") is None:
        raise invalid(replica.version, "missing", ["body", "id"], "Field required", body)
    with replica.database.lock:
        _latest(replica, body["id"])
        _require_admin(caller)
        if not replica.store_models:
            raise _wrapped(500, NOT_STORED)
        replica.store_model(body["id"], None)
    return Answer({"message": f"Model: {body['id']} deleted successfully"})


def _require_writer(replica: Replica, request: Request) -> None:
    caller = authenticate(replica, request)
    replica.require_database()
    _require_admin(caller)


def _require_admin(caller: Caller) -> None:
    if not caller.admin:
        text = (
            "User does not have permission to make this model call. Your role=internal_user. You can only"
            " make model calls if you are a PROXY_ADMIN or if you are a team admin, by specifying a team_id"
            " in the model_info."
        )
        raise _wrapped(403, text)


def _latest(replica: Replica, name: str) -> dict[str, Any]:
    entries = replica.database.models.get(name)
    if not entries or entries[-1].deployment is None:
        raise _wrapped(400, f"Model with id={name} not found in db")
    return entries[-1].deployment


def _wrapped(status: int, text: str) -> Refused:
    return detail(status, text, "auth_error")


def _defaults(replica: Replica) -> dict[str, bool]:
    names = ["use_in_pass_through", "use_litellm_proxy", "merge_reasoning_content_in_choices"]
    if not replica.old:
        names += ["allow_client_keepalive_override", "use_xai_oauth"]
    return dict.fromkeys(names, False)


def _expand(replica: Replica, model: dict[str, Any]) -> list[dict[str, Any]]:
    """A wildcard deployment is shown once per name of the cost map; 1.82.0 shows the pattern too."""
    names = expansions(model["model_name"])
    if not names:
        return [model]
    shown = [{**model, "model_name": n, "litellm_params": {**model["litellm_params"], "model": n}} for n in names]
    return [model, *shown] if replica.old else shown


def _shown(replica: Replica, model: dict[str, Any]) -> dict[str, Any]:
    parameters = {k: v for k, v in model["litellm_params"].items() if k not in SECRET}
    provider, _, _ = parameters["model"].partition("/")
    info = {"db_model": False, **model["model_info"], **dict.fromkeys(UNKNOWN_COSTS)}
    info.update(key=parameters["model"], litellm_provider=provider, supported_openai_params=["max_tokens"])
    if not replica.old:
        info.update(member_auto_router=False, access_via_team_ids=[], direct_access=True, pricing_overrides=[])
        if info["db_model"]:
            info["blocked"] = False
    return {
        "model_name": model["model_name"],
        "litellm_params": {**_defaults(replica), **parameters},
        "model_info": info,
    }


def _stored(replica: Replica, deployment: dict[str, Any]) -> Answer:
    """The row as the database has it: texts encrypted, numbers not, and ``db_model`` still false."""
    sealed = {k: _seal(v) if isinstance(v, str) else v for k, v in deployment["litellm_params"].items()}
    now = replica.now().isoformat(timespec="microseconds").replace("+00:00", "Z")
    answer = {
        "model_id": deployment["model_info"]["id"],
        "model_name": deployment["model_name"],
        "litellm_params": {**_defaults(replica), **sealed},
        "model_info": {**deployment["model_info"], "db_model": False},
        **{"created_at": now, "created_by": ADMIN, "updated_at": now, "updated_by": ADMIN},
    }
    return Answer(answer if replica.old else {**answer, "blocked": False})


def _seal(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha512(text.encode()).digest()).decode()
