"""The file store: ``fleet.lock`` beside the spec, replaced atomically; lock, journal, 20 backups in ``.fleethub``."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from fleethub.atomic import opened, replace
from fleethub.lockfile.errors import LockfileError
from fleethub.lockfile.text import dump, load
from fleethub.model.event import Event
from fleethub.model.observation import Lockfile
from fleethub.stores import journal
from fleethub.stores.interface import StaleLockfileError, Stored
from fleethub.stores.lock import local_lock, still_held

BACKUPS = 20


class FileStore:
    """Reads and writes a fleet's lockfile; ``folder`` is the fleet's. A version is the digest of the file's bytes."""

    def __init__(self, folder: Path) -> None:
        self._path, self._private = folder / "fleet.lock", folder / ".fleethub"
        self._serials: dict[str, int] = {}  # of the versions that this store read or wrote
        self._lock: int | None = None  # while it is held
        self._looked = ("", "")  # how the file looked to the last check, and the version that it was then

    def read(self) -> Stored:
        """See ``Store.read``; version "" means that there is none."""
        try:
            data = self._path.read_bytes()
            lockfile = _lockfile(data)
        except FileNotFoundError:
            return Stored(None, "")
        except UnicodeDecodeError as error:
            message = "fleet.lock is not UTF-8; take it from git again, or from .fleethub/backups"
            raise LockfileError(message) from error
        except OSError as error:
            raise LockfileError(f"fleet.lock cannot be read: {error.strerror} ({self._path})") from error
        version = _digest(data)
        self._serials[version] = lockfile.serial
        return Stored(lockfile, version)

    def write(self, lockfile: Lockfile, base: str) -> str:
        """See ``Store.write``. The old file becomes a backup; what is refused is kept in ``.fleethub/refused.lock``."""
        data = dump(lockfile).encode()
        self._private.mkdir(parents=True, exist_ok=True)
        with self._alone():
            try:
                old: bytes | None = self._path.read_bytes()
            except FileNotFoundError:
                old = None
            if ("" if old is None else _digest(old)) != base:
                replace(self._private / "refused.lock", data, 0o644)
                raise StaleLockfileError(
                    "fleet.lock was changed by somebody else since it was read, and was left as it is; what should "
                    "have been written is in .fleethub/refused.lock: compare the two (git diff --no-index fleet.lock "
                    ".fleethub/refused.lock), then plan again"
                )
            if old is not None:
                self._back_up(old, base, lockfile.serial)
            replace(self._path, data, 0o644)
        version = _digest(data)
        self._serials[version] = lockfile.serial
        return version

    def check(self, base: str) -> None:
        """See ``Store.check``. The file is read again only when it looks otherwise than to the check before."""
        again = "; nothing more was done, run fleethub plan"
        if self._lock is not None and not still_held(self._private / "lock", self._lock):
            raise StaleLockfileError(f"the fleet's lock (.fleethub/lock) was taken from this apply{again}")
        try:
            seen = self._path.stat()
            look = f"{seen.st_ino} {seen.st_mtime_ns} {seen.st_size}"
            if look != self._looked[0]:
                self._looked = (look, _digest(self._path.read_bytes()))
        except FileNotFoundError:
            self._looked = ("", "")
        if self._looked[1] != base:
            raise StaleLockfileError(f"fleet.lock was changed by somebody else during this apply{again}")

    def earlier(self) -> tuple[Lockfile, ...]:
        """See ``Store.earlier``."""
        return tuple(load(path.read_text(encoding="utf-8")) for path in reversed(self._backups()))

    @contextmanager
    def lock(self, operation: str) -> Iterator[None]:
        """See ``Store.lock``."""
        with local_lock(self._private / "lock", operation) as self._lock:
            try:
                yield
            finally:
                self._lock = None

    def journal(self) -> journal.Journal:
        """See ``Store.journal``."""
        return journal.Journal(self._private / "journal.ndjson")

    def events(self) -> list[Event]:
        """See ``Store.events``."""
        return journal.read(self._private / "journal.ndjson")

    def _back_up(self, old: bytes, version: str, serial: int) -> None:
        before = self._serials[version] if version in self._serials else load(old.decode()).serial
        if before == serial:
            return
        folder = self._private / "backups"
        folder.mkdir(parents=True, exist_ok=True)
        replace(folder / f"{before:08d}.lock", old, 0o644)
        for stale in self._backups()[:-BACKUPS]:
            stale.unlink()

    def _backups(self) -> list[Path]:
        return sorted((self._private / "backups").glob(f"{'[0-9]' * 8}.lock"))

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Between comparing and replacing nobody else's write comes; the fleet's lock is another, held much longer."""
        descriptor = opened(self._private / "write.lock", 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


@lru_cache(maxsize=1)
def _lockfile(data: bytes) -> Lockfile:
    """What the bytes say; a command reads the same ones several times. Raises LockfileError, UnicodeDecodeError."""
    return load(data.decode())


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
