"""Whom a text says to log in as, and where: ``user@host:port``, as OpenSSH reads it."""

from __future__ import annotations

import re

#: A user's name may have an @ itself, as bastions and directories want it: the last one counts.
_LOGIN = re.compile(r"(?:(.+)@)?(\[[^]@]+\]|[^:@]+)(?::(\d+))?")


def login(text: str) -> tuple[str | None, str, int | None] | None:
    """User, host (an IPv6 address without its brackets) and port; None where it says no host."""
    found = _LOGIN.fullmatch(text)
    return (found[1], found[2].strip("[]"), int(found[3]) if found[3] else None) if found else None


def machine(target: str) -> str:
    """The host of an ``ssh://`` target as it is written; empty for a folder."""
    if "://" not in target:
        return ""
    found = login(target.partition("://")[2].partition("/")[0])
    return found[1] if found else ""
