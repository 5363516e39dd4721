"""The user's list of fleets: plain text, one absolute folder a line. Standard library only: it is read at every start.

A list that cannot be read, or a home that cannot be told, is an empty list to a reader. A folder that went away stays
listed, for a shared directory may be mounted later: its line is the user's to take out, and other lines are, too.
"""

from __future__ import annotations

import os
from pathlib import Path


def config_home() -> Path:
    """``$XDG_CONFIG_HOME/fleethub``, else ``~/.config/fleethub``; raises RuntimeError where there is no home."""
    base = os.environ.get("XDG_CONFIG_HOME", "")
    # the XDG specification: a relative path is to be ignored
    root = Path(base) if base.startswith("/") else Path.home() / ".config"
    return root / "fleethub"


def known() -> tuple[Path, ...]:
    """The folders that were remembered, each once, in their order; never raises."""
    try:
        lines = os.fsdecode((config_home() / "fleets").read_bytes()).split("\n")
    except (OSError, RuntimeError):
        return ()
    return tuple(Path(line) for line in dict.fromkeys(lines) if line.startswith("/") and "\0" not in line)


def remember(folder: Path) -> bool:
    """Add a fleet's folder; True when it is new. Raises OSError, or RuntimeError where there is no home.

    The line is appended, so that nothing else in the list is lost: not what could not be read, nor what another
    process adds at the same time.
    """
    place = folder.resolve()
    if "\n" in str(place) or not _is_text(place):
        raise OSError("its path is no line of text in UTF-8, so it cannot be listed")
    if place in known():
        return False
    path = config_home() / "fleets"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab+") as file:
        end = file.seek(0, os.SEEK_END)
        file.seek(max(end - 1, 0))
        joint = b"\n" if end and file.read() != b"\n" else b""
        file.write(joint + os.fsencode(place) + b"\n")
    return True


def _is_text(path: Path) -> bool:
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True
