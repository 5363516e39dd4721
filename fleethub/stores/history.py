"""A history: one JSON line for each thing that was done, with its time. The history of edits is one (one line per edit
that was written, and per one that its entry's owner stood against), that of applies another.

Names and digests only, never a field's value: no secret can get in.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fleethub.atomic import Lines


class History:
    """A history that is open for lines. Use as a context manager: what cannot be recorded is not begun."""

    def __init__(self, path: Path) -> None:
        """Raises OSError."""
        self._lines = Lines(path, 0o664)

    def __enter__(self) -> History:
        return self

    def __exit__(self, *args: object) -> None:
        self._lines.close()

    def append(self, line: Mapping[str, Any]) -> None:
        """Add a line with the time before it, on disk when this returns; raises OSError."""
        self._lines.add(json.dumps(timed(line)).encode())


def timed(line: Mapping[str, Any]) -> dict[str, Any]:
    """A line with the time before it."""
    return {"ts": datetime.now(UTC).isoformat(timespec="milliseconds"), **line}


def read(path: Path) -> list[dict[str, Any]]:
    """The lines, oldest first; what a crash cut off, or is damaged, is left out. Raises OSError, but not for an absent
    file.
    """
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return []
    found = []
    for line in lines:
        try:
            one = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(one, dict):
            found.append(one)
    return found
