"""The question whether a key may be called with, which calls no model: a chat completion without messages.

A LiteLLM asks of such a call all that it asks of a real one (the model, expiry, routes, budgets, limits, the team) and
then misses the messages. Naming a model outside the scope, it would say so before it asks for anything else: an expired
key is refused in the same words as a good one. Seen so on 1.82.0, 1.106.2 and 1.110.2.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, Literal

PATH = "/v1/chat/completions"
#: A key with fewer requests a minute (or calls at a time: 1.82.0 gives such a slot back only after a minute) is not
#: asked with: its node would miss what the question takes.
SPARE = 10
_LIMITS = ("rpm_limit", "max_parallel_requests", "model_rpm_limit")
#: Words of a key's allowed_routes that stand for many, and whether they take the list and the call in.
ROUTE_WORDS = {"llm_api_routes": (True, True), "openai_routes": (True, True), "info_routes": (True, False)}
LIST = "/v1/models"
#: What the master key alone may call, unless a key's own allowed_routes take it in: then that key may too.
MANAGEMENT = (
    *("/key/generate", "/key/update", "/key/regenerate", "/key/sk-x/regenerate", "/key/bulk_update"),
    *("/key/service-account/generate", "/team/new", "/team/update", "/team/member_add", "/user/new", "/user/update"),
    *("/user/bulk_update", "/organization/new", "/organization/update", "/organization/member_add"),
    *("/model/new", "/model/update", "/model/x/update", "/config/update", "/credentials"),
)
#: What stands in a path where a key's value or a model's id does.
_ANY = re.compile(r"(/key|/model)/[^/]+(/regenerate|/update)")
Taken = Literal["taken", "held", "refused", "unclear"]


def body(model: str) -> dict[str, str]:
    """What is posted."""
    return {"model": model}


def judge(status: int, kind: str, says: str) -> Taken:
    """What an answer means. ``kind`` is LiteLLM's ``error.type``, ``says`` its message."""
    if 200 <= status < 300 or (status in (400, 422, 500) and "'messages'" in says):
        return "taken"
    if status == 429:
        return "held"
    if kind in ("expired_key", "budget_exceeded") or kind.endswith("_model_access_denied") or status in (401, 403):
        return "refused"
    return "unclear"


def covers(routes: Collection[str], path: str) -> bool:
    """Whether allowed_routes (none: all) take in the list or the call (``LIST``, ``PATH``); LiteLLM compares texts."""
    words = [ROUTE_WORDS[route][path == PATH] for route in routes if route in ROUTE_WORDS]
    return not routes or any(words) or any(_takes_in(route, path) for route in routes)


def manages(routes: Collection[str]) -> str:
    """The route of allowed_routes with which a key makes keys, teams or models as the master key does; empty: none.

    Keys, teams and models were made so on 1.82.0, 1.106.2 and 1.110.2; the word management_routes alone is not enough.
    What else changes them is let through by the route as well (RouteChecks of 1.82.0 and 1.110.2).
    """
    return next((r for r in routes if _ANY.match(r) or any(_takes_in(r, path) for path in MANAGEMENT)), "")


def _takes_in(route: str, path: str) -> bool:
    """By its text, as a folder that a path is in, or by what is before a star, wherever that stands."""
    return path == route or path.startswith(f"{route}/") or (route.endswith("*") and path.startswith(route[:-1]))


def spare(limits: Mapping[str, Any]) -> bool:
    """Whether a key with these limits has a request to spare."""
    every: list[Any] = []
    for name in _LIMITS:
        value = limits.get(name)
        every += value.values() if isinstance(value, Mapping) else [value]
    return all(value is None or value == 0 or value >= SPARE for value in every)
