"""The user's list of fleets: plain text, one absolute folder a line. Standard library only: it is read at every start.

A list that cannot be read, or a home that cannot be told, is an empty list; a folder that went away stays listed
until it is forgotten, for a shared directory may be mounted later.
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
        lines = (config_home() / "fleets").read_text(encoding="utf-8").split("\n")
    except (OSError, RuntimeError, ValueError):
        return ()
    return tuple(Path(line) for line in dict.fromkeys(lines) if line.startswith("/") and "\0" not in line)


def remember(folder: Path) -> bool:
    """Add a fleet's folder; True when it is new. Raises OSError, or RuntimeError where there is no home."""
    place = folder.resolve()
    if "\n" in str(place) or not _is_text(place):
        raise OSError("its path is no line of text in UTF-8, so it cannot be listed")
    listed = known()
    if place in listed:
        return False
    _write((*listed, place))
    return True


def forget(folder: Path) -> bool:
    """Take a folder out; True when it was listed. Raises as ``remember`` does."""
    places = {folder.absolute(), folder.resolve()}
    listed = known()
    kept = tuple(f for f in listed if f not in places)
    if kept == listed:
        return False
    _write(kept)
    return True


def _is_text(path: Path) -> bool:
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True


def _write(folders: tuple[Path, ...]) -> None:
    from fleethub.atomic import replace

    path = config_home() / "fleets"
    path.parent.mkdir(parents=True, exist_ok=True)
    replace(path, "".join(f"{folder}\n" for folder in folders).encode(), 0o644)
