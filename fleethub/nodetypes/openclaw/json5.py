"""Tables of a node's ``openclaw.json``. What cannot be read is unknown: a value, not an error."""

from __future__ import annotations

from typing import Any

from fleethub.formats.json5 import read

__all__ = ["at", "read", "table"]


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
