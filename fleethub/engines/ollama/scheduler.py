"""Which scheduler a server has, told from what it says of its version."""

from __future__ import annotations

import re
from enum import StrEnum


class SchedulerVersion(StrEnum):
    """The rules that a server loads by.

    ``current`` (0.30 and later): llama-server underneath, the 80 % rule. ``engine`` (0.13 to 0.24): its own
    engine's measured allocations. ``old`` (0.12 and before): the same by estimates. ``unknown``: nothing was
    read, or what lies between them; the worst of the rules since 0.13 is taken.
    """

    CURRENT = "current"
    ENGINE = "engine"
    OLD = "old"
    UNKNOWN = "unknown"


_VERSION = re.compile(r"v?([0-9]{1,4})\.([0-9]{1,4})(?:\.([0-9]{1,6}))?(?:[-+.].*)?")


def scheduler_of(version: str | None) -> SchedulerVersion:
    """The scheduler of ``/api/version``'s answer; ``0.0.0`` (a build without a version) and odd text are unknown."""
    match = _VERSION.fullmatch(version.strip()) if version else None
    if match is None:
        return SchedulerVersion.UNKNOWN
    major, minor, patch = (int(part or 0) for part in match.groups())
    if (major, minor, patch) == (0, 0, 0):
        return SchedulerVersion.UNKNOWN
    if (major, minor) >= (0, 30):
        return SchedulerVersion.CURRENT
    if (major, minor) >= (0, 25):
        return SchedulerVersion.UNKNOWN
    return SchedulerVersion.ENGINE if minor >= 13 else SchedulerVersion.OLD


def scheduler_note(scheduler: SchedulerVersion, version: str | None) -> str:
    """What to say of an scheduler that is not known; empty for the others."""
    if scheduler is not SchedulerVersion.UNKNOWN:
        return ""
    said = f"says version {version!r}" if version else "did not tell its version"
    return f"the server {said}, so the strictest of the rules since 0.13 is taken"
