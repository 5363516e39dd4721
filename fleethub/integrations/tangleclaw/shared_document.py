"""What this clone registered with a TangleClaw: ``.fleethub/tangleclaw.json``, which stays on this machine.

Its digest is kept in the user's configuration: a file that came with the repository could send a token elsewhere.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, field
from pathlib import Path

from fleethub.atomic import replace
from fleethub.folders import content
from fleethub.model.dataclass import dataclass
from fleethub.model.errors import FleetHubError
from fleethub.model.secret import SecretRef
from fleethub.state.fleets import config_home

NAME = "tangleclaw.json"
LARGEST = 16 << 20  # bytes


class SharedDocumentError(FleetHubError):
    """The file is there and cannot be understood; the message is fit to be shown."""


@dataclass(frozen=True, slots=True)
class SharedDocument:
    """``group`` and ``document`` are TangleClaw's ids, ``path`` the file's as registered; a token by reference only.

    An empty ``document``: it was taken back, and where it was is remembered. ``ca``: a PEM file of certificates.
    ``projects``: names of the group's members by their ids.
    """

    base: str
    group: str
    document: str
    path: str
    token: SecretRef | None = None
    ca: str | None = None
    projects: Mapping[str, str] = field(default_factory=dict)


def names(private: Path) -> dict[str, str]:
    """The group's projects by TangleClaw's id, as they were when it was last asked; empty where that is not known.

    Never raises: newer panes say which project they are by its id alone, and a session starts without this too.
    """
    try:
        told = json.loads(content(private / NAME, LARGEST)).get("projects", {})
        return {str(number): str(name) for number, name in told.items()}
    except (OSError, ValueError, AttributeError, RecursionError):
        return {}


def read(private: Path) -> SharedDocument | None:
    """The registration kept in a fleet's ``.fleethub``; None without one. Raises SharedDocumentError."""
    file = private / NAME
    try:
        data = file.read_bytes()
        raw = json.loads(data)
        base, group, document, path = texts = [raw[name] for name in ("base", "group", "document", "path")]
        token = raw.get("token")
        refs = token["alternatives"] if token is not None else []
        ca = raw.get("ca")
        if not all(isinstance(text, str) for text in (*texts, *refs)) or not isinstance(ca, str | None):
            raise TypeError
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise SharedDocumentError(f"{file} cannot be read; remove it and register again") from None
    try:
        same = _digest_file(private).read_text(encoding="ascii").strip() == hashlib.sha256(data).hexdigest()
    except (OSError, RuntimeError, UnicodeError):
        same = False
    if not same:
        raise SharedDocumentError(f"{file} was not written on this machine; remove it and register again")
    return SharedDocument(base, group, document, path, SecretRef(tuple(refs)) if refs else None, ca, names(private))


def write(private: Path, registration: SharedDocument) -> None:
    """Keep it."""
    private.mkdir(parents=True, exist_ok=True)
    data = json.dumps(asdict(registration), indent=1).encode() + b"\n"
    digest = _digest_file(private)
    digest.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    replace(digest, hashlib.sha256(data).hexdigest().encode() + b"\n", 0o600)
    replace(private / NAME, data, 0o600)


def _digest_file(private: Path) -> Path:
    """Where the digest of this clone's registration is; raises RuntimeError where there is no home."""
    clone = hashlib.sha256(str(private.resolve()).encode("utf-8", "surrogateescape")).hexdigest()[:24]
    return config_home() / "trust" / f"tangleclaw-{clone}.sha256"
