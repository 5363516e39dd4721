"""What a proxy or an Ollama answers to a node's own key: calls from here, and how any answer is read.

Nothing of an answer is shown but its status, LiteLLM's error type and one clause of the message, without what
looks like a key or a digest of one: LiteLLM repeats both.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from fleethub.clients.http import Http
from fleethub.clients.http_answer import HttpAnswer, HttpError
from fleethub.dotenv import assignments
from fleethub.model.endpoint import Call, Failure, Reply
from fleethub.model.secret import Secret
from fleethub.model.text import heard

AT_ONCE = 8
#: What a header can carry without being quoted; a key of LiteLLM's has nothing else.
KEY = re.compile(r"[A-Za-z0-9._~+/=:@-]+")
_FAILURES = {"resolve": Failure.RESOLVE, "connect": Failure.CONNECT, "silent": Failure.SILENT, "hangs": Failure.HANGS}


def ask_here(http: Http, calls: Sequence[Call], keys: Mapping[str, Secret]) -> tuple[Reply, ...]:
    """Make the calls from this machine: lists at once, then one model after the other. Without its key none is made."""
    replies: dict[int, Reply] = {}
    first = [(i, call) for i, call in enumerate(calls) if call.after is None]
    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        answers = pool.map(lambda pair: _ask(http, pair[1], keys), first)
        replies.update(zip((i for i, _ in first), answers, strict=True))
    for i, call in enumerate(calls):
        if call.after is not None:
            before = replies.get(call.after)
            skip = before is None or before.status == 0
            replies[i] = Reply(failure=Failure.SKIPPED) if skip else _ask(http, call, keys)
    return tuple(replies[i] for i in range(len(calls)))


def _ask(http: Http, call: Call, keys: Mapping[str, Secret]) -> Reply:
    if call.variable and call.variable not in keys:
        return Reply(failure=Failure.SKIPPED)
    body = json.loads(call.body) if call.body else None
    method = "POST" if call.body else "GET"
    try:
        answer = http.request(method, call.url, token=keys.get(call.variable), json=body, limit=call.limit)
    except HttpError as error:
        return Reply(failure=_FAILURES.get(error.why, Failure.OTHER), says=heard(str(error)))
    return read(call, answer)


def read(call: Call, answer: HttpAnswer) -> Reply:
    """An answer with its meaning: the names of a list, or why there is none."""
    if not 200 <= answer.status < 300:
        return Reply(answer.status, kind=heard(answer.kind()), says=answer.said())
    if call.wants == "route":
        return Reply(answer.status, names=frozenset())
    body: Any = answer.body if isinstance(answer.body, dict) else {}
    match call.wants:
        case "models":
            names = _names(body.get("data"), "id")
        case "tags":
            names = _names(body.get("models") or [], "name") if "models" in body else None
        case "chat":
            names = frozenset() if isinstance(body.get("choices"), list) else None
        case "generate":
            names = frozenset() if body.get("done") is True else None
    if names is None:
        return Reply(answer.status, Failure.SHAPE, says=f"HTTP {answer.status}, {Failure.SHAPE.value}")
    group, fallbacks = (answer.headers.get(f"x-litellm-{name}", "") for name in ("model-group", "attempted-fallbacks"))
    return Reply(answer.status, names=names, group=heard(group), fallbacks=counted(fallbacks) or 0)


def counted(text: str) -> int | None:
    """A number of at most nine digits that somebody else wrote; None for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _names(listed: Any, field: str) -> frozenset[str] | None:
    if not isinstance(listed, list) or not all(isinstance(entry, dict) for entry in listed):
        return None
    return frozenset(str(entry[field]) for entry in listed if field in entry)


def bare(data: bytes) -> tuple[str, Secret | None]:
    """State (see ``KeyState``) and value of a key that is alone in its file."""
    return _judged(data[:4096].decode(errors="replace").replace("\0", "").strip(" \t\n\v\f\r"))


def variables(env: bytes, names: Sequence[str]) -> dict[str, tuple[str, Secret | None]]:
    """State (see ``KeyState``) and value of variables of a ``.env``."""
    found = assignments(env.decode(errors="replace"))
    out: dict[str, tuple[str, Secret | None]] = {}
    for name in names:
        if name not in found:
            out[name] = ("absent", None)
        else:
            out[name] = _judged(found[name])
    return out


def _judged(value: str | None) -> tuple[str, Secret | None]:
    if value == "":
        return "empty", None
    return ("ok", Secret(value)) if value and KEY.fullmatch(value) else ("odd", None)
