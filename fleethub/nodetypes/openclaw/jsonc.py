"""Reads what a node's ``openclaw.json`` may be: JSON, or JSON with comments and trailing commas.

The rest of JSON5 is not read: such a file is unknown, which is a value, not an error.
"""

from __future__ import annotations

import json
import re
from typing import Any

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|//[^\n]*|/\*.*?\*/|,(?=\s*[}\]])', re.DOTALL)


def read(data: bytes) -> dict[str, Any] | None:
    """The object in the file, or None when it cannot be read."""
    try:
        text = data.decode()
        return _object(text) or _object(_drop(_drop(text)))
    except (UnicodeDecodeError, RecursionError):
        return None


def _drop(text: str) -> str:
    """Without comments and, once these are gone, without trailing commas."""
    return _TOKEN.sub(lambda match: match[0] if match[0].startswith('"') else " ", text)


def _object(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except ValueError:
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
