"""The local copy of a remote store's lockfile: for what works without network, and for what is read again unchanged."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from fleethub.atomic import replace
from fleethub.lockfile.errors import LockfileError
from fleethub.lockfile.text import parsed
from fleethub.model.dataclass import dataclass
from fleethub.model.observation import Lockfile

#: Below a fleet's folder.
NAME = ".fleethub/cache/state.json"


@dataclass(frozen=True, slots=True)
class Copied:
    """A lockfile with its version in the store at ``place``, and when it was last known to be the newest (UTC).

    ``tag``: what an object store calls this version.
    """

    lockfile: Lockfile
    version: str
    place: str
    at: datetime
    tag: str = ""


class LocalCopy:
    """The copy in a fleet's folder. What is damaged is none; it is written anew with the next read of the store."""

    def __init__(self, root: Path) -> None:
        self._path = root / NAME
        self._seen = self._path.with_name("state.seen")  # its time is when the copy was last known to be the newest

    def read(self) -> Copied | None:
        """What is there; None where nothing usable is."""
        try:
            at = datetime.fromtimestamp(self._seen.stat().st_mtime, UTC)
            lockfile, version, place, tag = _parsed(self._path.read_bytes())
            return Copied(lockfile, version, place, at, tag)
        except (OSError, ValueError, KeyError, TypeError, LockfileError):
            return None

    def keep(self, document: dict[str, Any], version: str, place: str, tag: str = "") -> None:
        """Write it; a folder that cannot be written to is left alone."""
        with suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            body = {"place": place, "version": version, "tag": tag, "lockfile": document}
            replace(self._path, json.dumps(body, ensure_ascii=False).encode(), 0o600)
            self._seen.touch()

    def confirm(self) -> None:
        """It is still the newest."""
        with suppress(OSError):
            self._seen.touch()

    def drop(self) -> None:
        """There is none any more."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)


@lru_cache(maxsize=1)
def _parsed(data: bytes) -> tuple[Lockfile, str, str, str]:
    """A command reads the same copy several times."""
    raw = json.loads(data)
    lockfile = parsed(raw["lockfile"], "the copy of the lockfile")
    return lockfile, str(raw["version"]), str(raw["place"]), str(raw["tag"])
