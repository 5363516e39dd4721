"""GET /user/daily/activity: what was called on each day, the latest first, and by whose key.

Compared with 1.82.0 and 1.110.2, which also tell it by model, provider and endpoint, and count tokens and times.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fleethub.testing.litellm import reading
from fleethub.testing.litellm.access import authenticate
from fleethub.testing.litellm.database import Call
from fleethub.testing.litellm.replica import Replica
from fleethub.testing.server import Answer, Refused, Request


def daily(replica: Replica, request: Request) -> Answer:
    """Days from ``start_date`` to ``end_date``, both of them counted; a day that has no call is left out."""
    reading.require_admin(replica, authenticate(replica, request))
    first, last = request.query.get("start_date"), request.query.get("end_date")
    if not first or not last:
        raise Refused(Answer({"detail": {"error": "Please provide start_date and end_date"}}, 400))
    page = reading.number(replica, request.query, "page", 1, None)
    size = reading.number(replica, request.query, "page_size", 50, 1000)
    with replica.database.lock:
        days = {day: list(calls) for day, calls in replica.database.days.items() if first <= day <= last}
        rows = [(day, token) for day in sorted(days, reverse=True) for token in sorted({c.token for c in days[day]})]
        aliases = {token: row["key_alias"] for token, row in replica.database.keys.items()}
    shown: dict[str, dict[str, Any]] = {}
    for day, token in rows[(page - 1) * size : page * size]:
        whose = {"key_alias": aliases.get(token), "team_id": None}
        one = {"metrics": _metrics(c for c in days[day] if c.token == token), "metadata": whose}
        shown.setdefault(day, {})[token] = one
    results = [
        {"date": day, "metrics": _metrics(days[day]), "breakdown": {"api_keys": keys}} for day, keys in shown.items()
    ]
    pages = -(-len(rows) // size)
    total = {f"total_{name}": value for name, value in _metrics(c for calls in days.values() for c in calls).items()}
    return Answer(
        {"results": results, "metadata": {**total, "page": page, "total_pages": pages, "has_more": page < pages}}
    )


def _metrics(calls: Iterable[Call]) -> dict[str, float]:
    found = list(calls)
    served = sum(call.served for call in found)
    return {
        "spend": sum(call.cost for call in found),
        "successful_requests": served,
        "failed_requests": len(found) - served,
        "api_requests": len(found),
    }
