"""The journal: every event of an apply as one JSON line; what a step did is on disk before the next thing happens."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from fleethub.atomic import Lines
from fleethub.lockfile.events import as_dict, from_dict
from fleethub.model.event import Event, Progress, Recorded, StepStarted, Waiting


class Journal:
    """A sink that appends to ``journal.ndjson`` and fsyncs; waiting, and how far something is, are not worth a line."""

    def __init__(self, path: Path) -> None:
        """Raises OSError."""
        self._lines = Lines(path, 0o600)

    def __call__(self, event: Event) -> None:
        """Append one event; raises OSError."""
        if isinstance(event, Waiting | Progress):
            return
        line = {"ts": datetime.now(UTC).isoformat(timespec="milliseconds"), **as_dict(event)}
        # What is only recorded has no step: it is on disk with the apply's end, before the lockfile is written. That a
        # step began changes nothing of what a replay says (its intent is on disk since the apply began).
        self._lines.add(json.dumps(line).encode(), settle=not isinstance(event, Recorded | StepStarted))

    def close(self) -> None:
        """Give the file back."""
        self._lines.close()


def read(path: Path) -> list[Event]:
    """The events of a journal; a line that a crash or a full disk cut off is left out: what it tells had no effect.

    Raises OSError, but not for an absent file.
    """
    events: list[Event] = []
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return events
    for line in lines:
        try:
            if isinstance(one := json.loads(line), dict):
                events.append(from_dict(one))
        except (ValueError, RecursionError):
            continue
    return events
