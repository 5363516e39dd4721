"""Reads a node's ``openclaw.json``, which is JSON5. What cannot be read is unknown: a value, not an error."""

from __future__ import annotations

from typing import Any

from pyjson5 import Json5Exception, decode


def read(data: bytes) -> dict[str, Any] | None:
    """Return the object in the file, or None when it cannot be read."""
    try:
        value = decode(data.decode())  # pyjson5 takes what is no UTF-8 for code points that there are not
    except (Json5Exception, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def at(value: Any, *path: str) -> Any:
    """The value at a path of tables, or None."""
    for key in path:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def table(value: Any, *path: str) -> dict[str, Any]:
    """The table at a path; empty when there is none."""
    found = at(value, *path)
    return found if isinstance(found, dict) else {}
