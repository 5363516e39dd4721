"""LiteLLM's two shapes of an error, and the texts that differ between versions."""

from __future__ import annotations

from typing import Any

from fleethub.testing.server import Answer, Refused

ENTERPRISE = (
    "You must be a LiteLLM Enterprise user to use this feature. If you have a license please set"
    " `LITELLM_LICENSE` in your env. Get a 7 day trial key here: https://www.litellm.ai/enterprise#trial."
    " \nPricing: https://www.litellm.ai/#pricing"
)


def error(status: int, message: str, kind: str | None, param: str | None = "None") -> Refused:
    """The OpenAI shape; ``code`` is a string, and ``param`` may be the word None."""
    body = {"error": {"message": message, "type": kind, "param": param, "code": str(status)}}
    return Refused(Answer(body, status))


def detail(status: int, text: str, kind: str, param: str | None = "None") -> Refused:
    """An HTTPException of FastAPI as the proxy wraps it: the message is the repr of a Python dict."""
    return error(status, str({"error": text}), kind, param)


def invalid(version: str, kind: str, loc: list[Any], msg: str, given: Any = None, **ctx: Any) -> Refused:
    """FastAPI's 422; only 1.82.0 repeats what was sent."""
    item: dict[str, Any] = {"type": kind, "loc": loc, "msg": msg}
    if version == "1.82.0":
        item["input"] = given
        if ctx:
            item["ctx"] = ctx
    return Refused(Answer({"detail": [item]}, 422))


def unhandled(version: str) -> Refused:
    """An exception that nothing caught; 1.106.2 breaks the connection after it."""
    if version == "1.82.0":
        return Refused(Answer(b"Internal Server Error", 500))
    body = {"error": {"message": "Internal server error", "type": "internal_server_error"}}
    return Refused(Answer(body, 500, close=True))


def not_an_object(version: str) -> Refused:
    """A body that is JSON, and no object: from 1.110 it is refused, before nothing caught it."""
    if version == "1.110.2":
        return error(400, "Invalid JSON payload: expected an object", "invalid_request_error", "request_body")
    return unhandled(version)


def no_aliases(kind: str) -> str:
    """What pydantic says of a row whose aliases are null."""
    return (
        f"1 validation error for {kind}\naliases\n  Input should be a valid dictionary"
        " [type=dict_type, input_value=None, input_type=NoneType]\n"
        "    For further information visit https://errors.pydantic.dev/2.14/v/dict_type"
    )


def denied(version: str, holder: str, allowed: list[str], model: object) -> Refused:
    """A model outside a scope; ``holder`` is key or team. Status and text changed between versions."""
    kind = f"{holder}_model_access_denied"
    if version == "1.82.0":
        text = (
            f"{holder} not allowed to access model. This {holder} can only access models={allowed}."
            f" Tried to access {model}"
        )
        return error(401, text, kind, "model")
    text = (
        f"The requested model '{model}' is not available for this API key, or the model name is invalid."
        " Check the models available to you and try again."
    )
    return error(403, text, kind, "model")
