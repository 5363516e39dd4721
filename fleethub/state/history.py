"""The history of edits: one JSON line per edit that was written, and per one that its entry's owner stood against.

Names and digests only, never a field's value: no secret can get in.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


class History:
    """A history that is open for lines. Use as a context manager: what cannot be recorded is not begun."""

    def __init__(self, path: Path) -> None:
        """Raises OSError."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o664)

    def __enter__(self) -> History:
        return self

    def __exit__(self, *args: object) -> None:
        os.close(self._file)

    def append(self, line: Mapping[str, Any]) -> None:
        """Add a line with the time before it, on disk when this returns; raises OSError."""
        data = json.dumps({"ts": datetime.now(UTC).isoformat(timespec="milliseconds"), **line}).encode() + b"\n"
        end = os.fstat(self._file).st_size
        torn = end and os.pread(self._file, 1, end - 1) != b"\n"  # a crash cut the last one off
        os.write(self._file, b"\n" + data if torn else data)
        os.fsync(self._file)


def read(path: Path) -> list[dict[str, Any]]:
    """The lines, oldest first; what a crash cut off is left out. Raises OSError, but not for an absent file."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    found = []
    for line in lines:
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found
