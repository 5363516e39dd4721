"""Exit codes of every command, and which one wins."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """What a command's exit status means; scripts may rely on it."""

    FINE = 0
    ERROR = 1  # or everything blocked by unknowns
    CHANGES = 2  # plan --detailed-exitcode
    REFUSED = 3
    STALE = 4
    LOCKED = 5
    PARTIAL = 6
    BUG = 70
    INTERRUPTED = 130


PRECEDENCE = (
    Exit.INTERRUPTED,
    Exit.BUG,
    Exit.LOCKED,
    Exit.STALE,
    Exit.ERROR,
    Exit.REFUSED,
    Exit.PARTIAL,
    Exit.CHANGES,
    Exit.FINE,
)


def worst(*codes: Exit) -> Exit:
    """The code that wins when several apply."""
    return min(codes, key=PRECEDENCE.index, default=Exit.FINE)
