"""TangleClaw's one shape of errors, and what its handlers ask of a body."""

from __future__ import annotations

from typing import Any

from fleethub.testing.server import Answer, Refused


def refuse(status: int, code: str, text: str, **extra: Any) -> Refused:
    """``{error, code}``; what is extra cannot override the two."""
    return Refused(Answer({**extra, "error": text, "code": code}, status))


def required(body: dict[str, Any], *names: str) -> list[str]:
    """The texts of a body that must be there."""
    missing = [name for name in names if not isinstance(body.get(name), str) or not body[name]]
    if missing:
        raise refuse(400, "BAD_REQUEST", f"{', '.join(missing)} required")
    return [body[name] for name in names]


def optional(body: dict[str, Any], name: str, kind: type, old: Any = None) -> Any:
    """A field of a body that may be left out (then ``old``) or null."""
    value = body.get(name, old)
    if value is not None and not isinstance(value, kind):
        raise refuse(400, "BAD_REQUEST", f"{name} must be a {kind.__name__}")
    return value
