"""``.fleethub/cache/status.json``: the whole fleet as it was last seen, for who cannot look for himself.

A session often has no master key, and needs none to be told what an observation with it saw. Like all of the cache it
is not needed and holds no secret: what is missing, damaged or of another version is as if it were not there.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json

from fleethub.model.fleet_status import FleetStatus

NAME = ".fleethub/cache/status.json"
LARGEST = 32 << 20  # bytes


def save(status: FleetStatus) -> None:
    """Keep it in the fleet's own folder; one that cannot be written to is left alone."""
    from fleethub.atomic import replace

    path = Path(status.root) / NAME
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        replace(path, to_json(status), 0o644)  # as the adapter would, which takes long to make


def read(root: Path) -> FleetStatus | None:
    """What was kept of the fleet in this folder; None where that cannot be told."""
    path = root / NAME
    try:
        if path.stat().st_size > LARGEST:
            return None
        return _adapter().validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None


def _adapter() -> TypeAdapter[FleetStatus]:
    return TypeAdapter(FleetStatus)
