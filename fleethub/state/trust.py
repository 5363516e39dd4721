"""The trust records: one JSON file a fleet in the user's configuration, outside every repository, for its owner alone.

A fleet is told by its id; without one by its lineage, and before its first apply by its folder.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from fleethub.atomic import replace
from fleethub.model.errors import FleetHubError
from fleethub.model.secret import SecretRef
from fleethub.model.trust import Known, TrustRecord
from fleethub.state.fleets import config_home

FORMAT = 1


class TrustError(FleetHubError):
    """A record cannot be read or written; the message names the file and what to do."""

    code = "trust"


def places(folder: Path, fleet_id: str, lineage: str) -> tuple[Path, ...]:
    """Where a fleet's record may lie: the first is where it is written, the others where it was before.

    Raises TrustError where there is no home.
    """
    here = f"folder-{_hashed(str(folder.resolve()))}"
    without = [f"lineage-{_hashed(lineage)}", here] if lineage else [here]
    names = [f"id-{fleet_id}"] if fleet_id else without
    try:
        home = config_home() / "trust"
    except RuntimeError:
        raise TrustError("there is no home to keep what is trusted in; set XDG_CONFIG_HOME") from None
    return tuple(home / f"{name}.json" for name in names)


def read(paths: tuple[Path, ...]) -> TrustRecord | None:
    """The first record that is there; None without one. Raises TrustError: damage is not nothing known."""
    for path in paths:
        try:
            raw = json.loads(path.read_text(encoding="utf-8"))
            if type(raw["format"]) is int and raw["format"] > FORMAT:
                raise TrustError(f"{path} is of a later FleetHub; upgrade FleetHub")
            return _record(raw)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise TrustError(f"{path} cannot be read: {error.strerror}") from None
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise TrustError(f"{path} is damaged; remove it, then: fleethub trust add") from None
    return None


def write(paths: tuple[Path, ...], record: TrustRecord, fleet: str) -> Path:
    """Replace the record, 0600, in one rename; one from before the fleet had a lineage goes. Raises TrustError."""
    path = paths[0]
    body = {
        "format": FORMAT,
        "fleet": fleet,
        "origins": {
            origin: {"as": list(known.uses), "credentials": [list(c.alternatives) for c in known.credentials]}
            for origin, known in sorted(record.origins.items())
        },
        "commands": dict(sorted(record.commands.items())),
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        replace(path, json.dumps(body, indent=1, ensure_ascii=False).encode() + b"\n", 0o600)
        for old in paths[1:]:
            old.unlink(missing_ok=True)
    except OSError as error:
        raise TrustError(f"what is trusted cannot be kept: {error.strerror} ({path})") from None
    return path


def _record(raw: Any) -> TrustRecord:
    if raw["format"] != FORMAT:
        raise ValueError
    origins = {
        _text(origin): Known(
            tuple(_text(t) for t in known["as"]),
            tuple(SecretRef(tuple(_text(a) for a in alternatives)) for alternatives in known["credentials"]),
        )
        for origin, known in raw["origins"].items()
    }
    return TrustRecord(origins, {_text(d): _text(line) for d, line in raw["commands"].items()})


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _hashed(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:24]
