"""``.fleethub/context.json``: the summary of the last observation, with the stamps of the files that it was made from.

Standard library only, and little of it: it is read at every session's start.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeGuard

from fleethub.folders import content

FORMAT = 1
LOCKFILE = "fleet.lock"
LARGEST = 16 << 20  # bytes
_TEXTS = ("fleet", "at", "applied_at", "applied_by", "pending")
_LINES = ("backends", "models", "proxies", "refused")
#: name -> [mtime in ns, size in bytes]; of a folder (its name ends with a slash) how many files are in it. None: not
#: there.
Stamps = Mapping[str, list[int] | None]


def stamps(folder: Path, names: Iterable[str]) -> Stamps:
    """How files are now, by their names below a folder. To be taken before they are used: what is made of them later
    is not of what they have become meanwhile.
    """
    return {name: _stamp(folder, name) for name in names}


def save(folder: Path, summary: Mapping[str, Any], files: Stamps) -> None:
    """Replace it in one rename; ``files``: what it was made from, as it was then. Raises OSError."""
    _write(folder, {"format": FORMAT, **summary, "files": files})


def refuse(folder: Path, why: Iterable[str]) -> None:
    """Say in what was kept why the fleet cannot be looked at now; without that, nothing. Raises OSError."""
    summary, _ = read(folder)
    if summary is not None:
        _write(folder, {**summary, "refused": list(why)})


def _write(folder: Path, summary: Mapping[str, Any]) -> None:
    from fleethub.atomic import replace

    private = folder / ".fleethub"
    private.mkdir(parents=True, exist_ok=True)
    data = json.dumps(summary, ensure_ascii=False, separators=(",", ":"))
    replace(private / "context.json", data.encode(), 0o644)


def read(folder: Path) -> tuple[dict[str, Any] | None, str]:
    """The summary, and what of its files changed since, in words; None, and why there is none that can be used."""
    path = folder / ".fleethub" / "context.json"
    try:
        summary = json.loads(content(path, LARGEST))
        if not _whole(summary):
            return None, "what was observed was not kept in a form that can be read"
        changed = sorted(name for name, stamp in summary["files"].items() if _stamp(folder, name) != stamp)
    except (FileNotFoundError, NotADirectoryError):
        return None, "never observed"
    except OSError as error:
        return None, f"what was observed cannot be read: {error.strerror}"
    except (ValueError, RecursionError):
        return None, "what was observed was not kept in a form that can be read"
    spec = [name for name in changed if name != LOCKFILE]
    said = ["the spec was edited" + (f" ({', '.join(spec)})" if len(spec) < 4 else "")] if spec else []
    said += ["an apply or a git pull changed fleet.lock"] if LOCKFILE in changed else []
    return summary, " and ".join(said)


def _whole(summary: Any) -> TypeGuard[dict[str, Any]]:
    """Whether it is of this format, down to the values that are shown: one damaged cache must not hide other fleets."""
    return (
        isinstance(summary, dict)
        and summary.get("format") == FORMAT
        and isinstance(summary.get("files"), dict)
        and isinstance(summary.get("serial"), int)
        and all(isinstance(summary.get(name), str) for name in _TEXTS)
        and all(_texts(summary.get(name)) for name in _LINES)
        and _listed(summary.get("trouble"), ("kind", "about", "line"), ())
        and _listed(summary.get("consumers"), ("about", "who", "says"), ("names", "more"))
    )


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _listed(value: Any, texts: tuple[str, ...], lists: tuple[str, ...]) -> bool:
    return isinstance(value, list) and all(
        isinstance(one, dict)
        and all(isinstance(one.get(name), str) for name in texts)
        and all(_texts(one.get(name)) for name in lists)
        for one in value
    )


def _stamp(folder: Path, name: str) -> list[int] | None:
    path = folder / name
    try:
        if name.endswith("/"):  # its own time would tell of editors' swap files as well
            return [sum(file.is_file() and not file.name.startswith(".") for file in path.iterdir())]
        found = path.stat()
    except OSError:
        return None
    return [found.st_mtime_ns, found.st_size]
