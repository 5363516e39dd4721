"""Which scheduler a server has, told from what it says of its version."""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache


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


#: Whose source the rules are from; the newest that was read.
RULES = {
    SchedulerVersion.CURRENT: "0.30 to 0.33",
    SchedulerVersion.ENGINE: "0.13 to 0.24",
    SchedulerVersion.OLD: "up to 0.12",
}
READ, NEWEST = (0, 33), "0.33.0-rc2"
_VERSION = re.compile(r"v?([0-9]{1,4})\.([0-9]{1,4})(?:\.([0-9]{1,6}))?(?:[-+.].*)?")


def scheduler_of(version: str | None) -> SchedulerVersion:
    """The scheduler of ``/api/version``'s answer; ``0.0.0`` (a build without a version) and odd text are unknown."""
    number = number_of(version)
    if number is None:
        return SchedulerVersion.UNKNOWN
    major, minor, _ = number
    if (major, minor) >= (0, 30):
        return SchedulerVersion.CURRENT
    if (major, minor) >= (0, 25):
        return SchedulerVersion.UNKNOWN
    return SchedulerVersion.ENGINE if minor >= 13 else SchedulerVersion.OLD


@lru_cache(maxsize=256)
def number_of(version: str | None) -> tuple[int, int, int] | None:
    """The three numbers of a version; None for ``0.0.0`` and for what is none."""
    match = _VERSION.fullmatch(version.strip()) if version else None
    if match is None:
        return None
    major, minor, patch = (int(part or 0) for part in match.groups())
    return (major, minor, patch) if (major, minor, patch) != (0, 0, 0) else None


def scheduler_note(scheduler: SchedulerVersion, version: str | None) -> str:
    """Which version's rules are taken; those of versions after the newest that was read are taken to be its."""
    if scheduler is not SchedulerVersion.UNKNOWN:
        number = number_of(version) or (0, 0, 0)
        newer = f", the newest that was read ({NEWEST})" if number[:2] > READ else ""
        return f"by the rules of Ollama {RULES[scheduler]}{newer}: it says {version}"
    said = f"says version {version!r}" if version else "did not tell its version"
    return f"the server {said}, so the strictest of the rules since 0.13 is taken"
