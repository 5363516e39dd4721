"""What this clone registered with a TangleClaw: ``.fleethub/tangleclaw.json``, which stays on this machine."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from fleethub.atomic import replace
from fleethub.model.secret import SecretRef

NAME = "tangleclaw.json"


class RegistrationError(Exception):
    """The file is there and cannot be understood; the message is fit to be shown."""


@dataclass(frozen=True, slots=True)
class Registration:
    """``group`` and ``document`` are TangleClaw's ids, ``path`` the file's as registered; a token by reference only."""

    base: str
    group: str
    document: str
    path: str
    token: SecretRef | None = None


def read(private: Path) -> Registration | None:
    """The registration kept in a fleet's ``.fleethub``; None without one. Raises RegistrationError."""
    file = private / NAME
    try:
        raw = json.loads(file.read_text(encoding="utf-8"))
        base, group, document, path = texts = [raw[name] for name in ("base", "group", "document", "path")]
        token = raw.get("token")
        names = token["alternatives"] if token is not None else []
        if not all(isinstance(text, str) for text in (*texts, *names)):
            raise TypeError
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise RegistrationError(f"{file} cannot be read; remove it and register again") from None
    return Registration(base, group, document, path, SecretRef(tuple(names)) if names else None)


def write(private: Path, registration: Registration) -> None:
    """Keep it."""
    private.mkdir(parents=True, exist_ok=True)
    replace(private / NAME, json.dumps(asdict(registration), indent=1).encode() + b"\n", 0o600)


def remove(private: Path) -> None:
    """Forget it."""
    (private / NAME).unlink(missing_ok=True)
