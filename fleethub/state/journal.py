"""The journal: every event of an apply as one JSON line, on disk before the next thing happens.

``as_dict`` is also what ``--json`` prints: one form of events for files and machines.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fleethub.atomic import Lines
from fleethub.model.address import Address
from fleethub.model.capacity import PlannedModel
from fleethub.model.event import (
    ApplyFinished,
    ApplyStarted,
    Event,
    Recorded,
    StepDone,
    StepFailed,
    StepStarted,
    Waiting,
)
from fleethub.model.observation import Applied
from fleethub.state.format import decode, decode_planned, encode, encode_planned

TYPES = {
    ApplyStarted: "apply.started",
    StepStarted: "step.started",
    StepDone: "step.done",
    StepFailed: "step.failed",
    Recorded: "recorded",
    Waiting: "waiting",
    ApplyFinished: "apply.finished",
}


def as_dict(event: Event) -> dict[str, Any]:
    """An event as plain JSON values, ``type`` first."""
    out: dict[str, Any] = {"type": TYPES[type(event)]}
    match event:
        case ApplyStarted():
            out |= {
                "plan": event.plan,
                "fleet": event.fleet,
                "lineage": event.lineage,
                "serial": event.serial,
            }
            out |= {"seed": event.seed, "apply": event.apply, "steps": event.steps}
            out |= {"id": event.id, "by_name": event.by_name}
            out["applied"] = {k: getattr(event.applied, k) for k in ("at", "by", "spec", "commit", "version")}
            out["pending"] = {str(a): encode(record) for a, record in sorted(event.pending.items())}
        case StepStarted():
            out |= {
                "step": event.step,
                "address": str(event.address),
                "phase": event.phase,
                "says": event.says,
            }
        case StepDone():
            out |= {"step": event.step, "address": str(event.address), "phase": event.phase}
            out |= {"locked": encode(event.locked) if event.locked else None, "removed": event.removed}
            out["notes"] = list(event.notes)
        case StepFailed():
            out |= {"step": event.step, "address": str(event.address), "phase": event.phase}
            out |= {"reason": event.reason, "skipped": event.skipped}
        case Recorded():
            out |= {"address": str(event.address), "locked": encode(event.locked) if event.locked else None}
        case Waiting():
            out |= {"says": event.says, "seconds": event.seconds}
        case ApplyFinished():
            out |= {"serial": event.serial, "done": list(event.done), "failed": list(event.failed)}
            out |= {"skipped": list(event.skipped)}
            out["planned"] = {b: [encode_planned(e) for e in entries] for b, entries in sorted(event.planned.items())}
            out["fits"] = dict(sorted(event.fits.items()))
    return out


def from_dict(raw: Mapping[str, Any]) -> Event:
    """The inverse of ``as_dict`` for what the journal holds; raises KeyError or TypeError on anything else."""
    kind = raw["type"]
    if kind == "apply.started":
        return ApplyStarted(
            raw["plan"],
            raw["fleet"],
            raw["lineage"],
            raw["serial"],
            raw["seed"],
            raw["apply"],
            Applied(**raw["applied"]),
            {(address := Address.parse(a)): decode(r, address) for a, r in raw["pending"].items()},
            raw["steps"],
            raw.get("id", ""),
            raw.get("by_name", True),
        )
    address = Address.parse(raw["address"]) if "address" in raw else Address("fleet", "-")
    locked = decode(raw["locked"], address) if raw.get("locked") else None
    if kind == "step.started":
        return StepStarted(raw["step"], address, raw["phase"], raw["says"])
    if kind == "step.done":
        return StepDone(raw["step"], address, raw["phase"], locked, raw["removed"], tuple(raw["notes"]))
    if kind == "step.failed":
        return StepFailed(raw["step"], address, raw["phase"], raw["reason"], raw["skipped"])
    if kind == "recorded":
        return Recorded(address, locked)
    if kind == "apply.finished":
        planned = {b: tuple(_planned(e) for e in entries) for b, entries in raw["planned"].items()}
        done, failed, skipped = (tuple(raw[name]) for name in ("done", "failed", "skipped"))
        return ApplyFinished(raw["serial"], done, failed, skipped, planned, dict(raw.get("fits", {})))
    raise KeyError(f"no event is called {kind!r}")


def _planned(raw: Any) -> PlannedModel:
    """An entry of a planned set; an earlier FleetHub wrote ``[model, context]``."""
    return PlannedModel(raw[0], raw[1]) if isinstance(raw, list) else decode_planned(raw)


class Journal:
    """A sink that appends to ``journal.ndjson`` and fsyncs; waiting is not worth a line."""

    def __init__(self, path: Path) -> None:
        self._lines = Lines(path, 0o600)

    def __call__(self, event: Event) -> None:
        """Append one event."""
        if isinstance(event, Waiting):
            return
        line = {"ts": datetime.now(UTC).isoformat(timespec="milliseconds"), **as_dict(event)}
        self._lines.add(json.dumps(line, sort_keys=False).encode())

    def close(self) -> None:
        """Give the file back."""
        self._lines.close()


def read(path: Path) -> list[Event]:
    """The events of a journal; a line that a crash or a full disk cut off is left out: what it tells had no effect."""
    events = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            events.append(from_dict(json.loads(line)))
        except ValueError:
            continue
    return events
