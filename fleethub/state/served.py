"""``.fleethub/served.json``: at which URL a fleet is served on this machine, for as long as that process lives.

Standard library only, and little of it: it is read at every session's start.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from fleethub.folders import content

NAME = ".fleethub/served.json"
LARGEST = 1 << 16  # bytes


@contextmanager
def told(root: Path, url: str) -> Iterator[None]:
    """Say so while the block runs; a folder that cannot be written to is served all the same."""
    from fleethub.atomic import replace

    path = root / NAME
    own = json.dumps({"url": url, "pid": os.getpid(), "host": os.uname().nodename}).encode()
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        replace(path, own, 0o644)
    try:
        yield
    finally:
        with suppress(OSError):  # another process may serve it by now
            if path.read_bytes() == own:
                path.unlink()


def page(root: Path) -> str:
    """The URL; empty where the fleet is not served, as far as can be told. Never raises."""
    try:
        data = json.loads(content(root / NAME, LARGEST))
        url, pid = data["url"], data["pid"]
        if data["host"] != os.uname().nodename:  # a shared directory: what lives there cannot be told from here
            return ""
        os.kill(int(pid), 0)
    except PermissionError:  # somebody else's process lives
        return str(url)
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return ""
    return str(url)
