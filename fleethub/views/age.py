"""How long ago something was, for people."""

from __future__ import annotations

from datetime import datetime

from fleethub.model.text import plural


def elapsed(since: str, now: str) -> str:
    """The time between two moments (ISO 8601) in its largest unit: ``3 days``; nothing where one is no moment."""
    try:
        seconds = int((datetime.fromisoformat(now) - datetime.fromisoformat(since)).total_seconds())
    except (ValueError, TypeError):
        return ""
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            return plural(seconds // size, unit)
    return "just now"
