"""A ``fleet.lock`` in which git left a merge conflict: which side to take, and how."""

from __future__ import annotations

import re

_SERIAL = re.compile(r"^serial = (\d{1,18})$", re.MULTILINE)


def merge_conflict(text: str) -> str:
    """What to do about git's conflict markers in the text; empty where there are none.

    A lockfile is what one apply wrote, so that sides are taken whole, and the one that more applies led to is later.
    """
    sides: tuple[list[str], ...] = ([], [], [])
    side: int | None = None
    first = 0
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("<<<<<<< "):
            side, first = 0, first or number
        elif line.startswith("||||||| ") and side == 0:
            side = 1  # what both came from, where git is told to show that
        elif line == "=======" and side is not None:
            side = 2
        elif line.startswith(">>>>>>> "):
            side = None
        else:
            for one in range(3) if side is None else (side,):
                sides[one].append(line)
    if not first:
        return ""
    ours, theirs = (_serial(sides[one]) for one in (0, 2))
    ways = f"git checkout --ours fleet.lock (serial {ours}) or git checkout --theirs fleet.lock (serial {theirs})"
    which = "the side with the higher serial" if ours != theirs else "either side"
    return f"fleet.lock has a merge conflict in line {first}: take {which} whole, {ways}, then run fleethub plan"


def _serial(lines: list[str]) -> str:
    found = _SERIAL.search("\n".join(lines))
    return found[1] if found else "unknown"
