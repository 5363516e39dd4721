"""``.fleethub/context.json``: the brief of the last observation, with the stamps of the files that it was made from.

Standard library only, and little of it: it is read at every session's start.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

FORMAT = 1
LOCKFILE = "fleet.lock"
LARGEST = 16 << 20  # bytes


def save(folder: Path, brief: Mapping[str, Any], files: Iterable[str]) -> None:
    """Replace it in one rename; ``files`` are the spec's, relative to the folder. Raises OSError."""
    from fleethub.atomic import replace

    private = folder / ".fleethub"
    private.mkdir(parents=True, exist_ok=True)
    stamps = {name: _stamp(folder / name) for name in (*files, LOCKFILE)}
    data = json.dumps({"format": FORMAT, **brief, "files": stamps}, ensure_ascii=False, separators=(",", ":"))
    replace(private / "context.json", data.encode(), 0o644)


def read(folder: Path) -> tuple[dict[str, Any] | None, str]:
    """The brief, None when there is none of this format; and what of its files changed since, in words."""
    path = folder / ".fleethub" / "context.json"
    try:
        brief = json.loads(path.read_bytes()) if path.stat().st_size <= LARGEST else None
    except (OSError, ValueError, RecursionError):
        return None, ""
    if not isinstance(brief, dict) or brief.get("format") != FORMAT or not isinstance(brief.get("files"), dict):
        return None, ""
    changed = sorted(name for name, stamp in brief["files"].items() if _stamp(folder / name) != stamp)
    spec = [name for name in changed if name != LOCKFILE]
    said = ["the spec was edited" + (f" ({', '.join(spec)})" if len(spec) < 4 else "")] if spec else []
    said += ["an apply or a git pull changed fleet.lock"] if LOCKFILE in changed else []
    return brief, " and ".join(said)


def _stamp(path: Path) -> list[int] | None:
    """When it was last written (ns) and its size in bytes; None for a file that is not there."""
    try:
        found = path.stat()
    except OSError:
        return None
    return [found.st_mtime_ns, found.st_size]
