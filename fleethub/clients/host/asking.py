"""What a program at a target answers: one JSON object, in which some fields must have the values that are asked for."""

from __future__ import annotations

import json
from typing import Any

from fleethub.clients.host import scripts
from fleethub.clients.host.target import Target
from fleethub.model.actions import Query
from fleethub.model.text import heard

SHOWN = 300  # characters of what a program says


def ask(target: Target, query: Query) -> str:
    """Why the answer is not what it must be; empty when it is. Raises HostError."""
    lines = target.say(scripts.QUERY, [*query.argv, ""], query.seconds, "")
    parts = [line.partition(" ") for line in lines]
    out = "\n".join(text for word, _, text in parts if word == "out")
    code, said = ("".join(text for word, _, text in parts if word == name) for name in ("code", "said"))
    try:
        answer = json.loads(out)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        return f"{query.name} ended with {code or 'no answer'}{f' ({heard(said, SHOWN)})' if said.strip() else ''}"
    wrong = [(name, answer.get(name)) for name, value in query.says if not _same(answer.get(name), value)]
    if not wrong:
        return ""
    if reason := _reason(answer):
        return f"{query.name} failed: {heard(reason, SHOWN)}"
    if query.otherwise:
        return f"{query.name}: {query.otherwise}"
    told = ", ".join(f"{name} {heard(json.dumps(value), SHOWN)}" for name, value in wrong)
    return f"{query.name} says {told}"


def _same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and bool(one == other)


def _reason(answer: dict[str, Any]) -> str:
    error = answer.get("error")
    message = error.get("message") if isinstance(error, dict) else error
    return message if isinstance(message, str) else ""
