"""A fleet_status as plain JSON values: what ``status --json`` prints and ``GET /api/fleet`` answers."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fleethub.model.fleet_status import FleetStatus
from fleethub.views.data import finding_data


def status_data(fleet_status: FleetStatus) -> dict[str, Any]:
    """The whole fleet_status; sizes in bytes, times ISO 8601 in UTC. Things are lists, each with its name."""
    out = asdict(fleet_status)
    out["backends"] = [_backend(backend) for backend in out["backends"]]
    out["findings"] = [finding_data(f) for f in fleet_status.findings]
    return out


def _backend(backend: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in backend.items() if k != "engine"} | {"gpus": _bars(backend["gpus"])}


def _bars(gpus: tuple[dict[str, Any], ...]) -> list[dict[str, Any]]:
    parts = ("resident", "planned", "unplanned", "reserve")
    return [bar | {"headroom": bar["total"] - sum(bar[part] for part in parts)} for bar in gpus]
