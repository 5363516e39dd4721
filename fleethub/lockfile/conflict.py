"""A ``fleet.lock`` with git's conflict markers: its two sides, and how the product writes such a file itself."""

from __future__ import annotations

from fleethub.model.dataclass import dataclass

OURS, BASE, MIDDLE, THEIRS = "<<<<<<< ", "||||||| ", "=======", ">>>>>>> "


@dataclass(frozen=True, slots=True)
class Conflict:
    """The texts of both sides, and of what they came from where git was told to show that (else empty).

    ``line``: where the first marker stands, from 1.
    """

    line: int
    ours: str
    theirs: str
    base: str = ""


def conflict_of(text: str) -> Conflict | None:
    """What git's markers in a text hold apart; None where there are none."""
    sides: tuple[list[str], ...] = ([], [], [])
    side: int | None = None
    first, shows_base = 0, False
    for number, line in enumerate(text.replace("\r\n", "\n").removesuffix("\n").split("\n"), 1):
        if line.startswith(OURS):
            side, first = 0, first or number
        elif line.startswith(BASE) and side == 0:
            side, shows_base = 1, True
        elif line == MIDDLE and side is not None:
            side = 2
        elif line.startswith(THEIRS):
            side = None
        else:
            for one in range(3) if side is None else (side,):
                sides[one].append(line)
    if not first:
        return None
    ours, base, theirs = ("\n".join(lines) + "\n" for lines in sides)
    return Conflict(first, ours, theirs, base if shows_base else "")


def marked(ours: str, theirs: str) -> str:
    """Two texts held apart by markers, as git writes them."""
    return f"{OURS}ours\n{_whole(ours)}{MIDDLE}\n{_whole(theirs)}{THEIRS}theirs\n"


def merge_conflict(text: str) -> str:
    """What to do about git's conflict markers in the text; empty where there are none."""
    found = conflict_of(text)
    if found is None:
        return ""
    return (
        f"fleet.lock has a merge conflict in line {found.line}: two clones applied. fleethub state reconcile looks at "
        "what is there, shows what each did, and writes one lockfile"
    )


def _whole(text: str) -> str:
    return text if not text or text.endswith("\n") else text + "\n"
