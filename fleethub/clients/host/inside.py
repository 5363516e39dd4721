"""What leads out of a folder of the fleet: such a folder comes with a repository, in which anybody may have written.

FleetHub's own scripts finish a delivery that lies in ``.fleethub/``, and follow the links on a file's way. In a folder
that a stranger filled both would write wherever he likes.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

OWN = ".fleethub"
LISTS = ("next/order", "next/stale")  # of a committed delivery: paths, and sums of paths
SETS = ("next/files", "next/applied", "next/set", "applied", "previous")  # next/set: an older FleetHub's
#: What somebody put in the place of a file is kept there as it was, also a link.
KEPT = "overwritten"


def astray(folder: Path, paths: Iterable[str]) -> str:
    """The first of ``paths``, or of what a script would take up in ``.fleethub/``, that is not inside the folder.

    Empty where all of them are. ``folder`` is resolved. Raises OSError and RuntimeError, as ``Path.resolve`` does.
    """
    if not os.path.lexists(folder):  # nothing in it leads anywhere
        return next((path for path in paths if path.startswith("/") or ".." in path.split("/")), "")
    own = folder / OWN
    if own.is_symlink():
        return OWN
    for above, folders, files in os.walk(own):
        for name in (*folders, *files):
            if os.path.islink(link := f"{above}/{name}"):  # noqa: PTH114 - a quarter of reading a folder
                return str(Path(link).relative_to(folder))
        if above == str(own):
            folders[:] = [name for name in folders if name != KEPT]
    inside: dict[str, bool] = {}
    for path in (*paths, *_taken_up(own)):
        up = path.rpartition("/")[0]
        if ".." in path.split("/"):
            return path
        if up not in inside:
            inside[up] = (folder / up).resolve().is_relative_to(folder)
        if not inside[up]:
            return path
    return ""


def _taken_up(own: Path) -> Iterator[str]:
    """Paths of the sets and lists that lie there; what cannot be read is no script's either."""
    for name in LISTS:
        try:
            lines = (own / name).read_text(encoding="utf-8", errors="surrogateescape").split("\n")
        except OSError:
            continue
        yield from (line.partition("  ")[2] if name.endswith("stale") else line for line in lines if line)
    for name in SETS:
        for above, _, files in os.walk(own / name):
            below = os.path.relpath(above, own / name)
            yield from (file if below == "." else f"{below}/{file}" for file in files)
