"""The file store: ``fleet.lock`` beside the spec, replaced atomically; all else in ``.fleethub`` beside it."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fleethub import folders
from fleethub.atomic import create, opened, replace
from fleethub.lockfile.errors import LockfileError
from fleethub.lockfile.text import dump, load
from fleethub.stores import kept
from fleethub.stores.interface import SERIALS, LockedError, StaleLockfileError, Stored
from fleethub.stores.lock import holding, local_lock, myself, rob, said, still_held

if TYPE_CHECKING:
    from fleethub.model.event import Event
    from fleethub.model.observation import Lockfile
    from fleethub.stores import journal
    from fleethub.stores.interface import Holder


BACKUPS = SERIALS
_LATEST: dict[str, Lockfile] = {}  # the one that was read last, by its version


class FileStore(kept.Documents):
    """Reads and writes a fleet's lockfile; ``folder`` is the fleet's. A version is the digest of the file's bytes."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / ".fleethub")
        self._path, self._private = folder / "fleet.lock", folder / ".fleethub"
        self._serials: dict[str, int] = {}  # of the versions that this store read or wrote
        self._lock: int | None = None  # while it is held
        self._looked = ("", "")  # how the file looked to the last check, and the version that it was then

    @property
    def place(self) -> str:
        """See ``Store.place``."""
        return "fleet.lock"

    def prepare(self) -> tuple[str, ...]:
        """See ``Store.prepare``."""
        return ()

    def close(self) -> None:
        """See ``Store.close``."""

    def read(self) -> Stored:
        """See ``Store.read``; version "" means that there is none."""
        try:
            data = self._path.read_bytes()
            version = _digest(data)
            lockfile = _lockfile(data, version)
        except FileNotFoundError:
            return Stored(None, "")
        except UnicodeDecodeError as error:
            message = "fleet.lock is not UTF-8; take it from git again, or from .fleethub/backups"
            raise LockfileError(message) from error
        except OSError as error:
            raise LockfileError(f"fleet.lock cannot be read: {error.strerror} ({self._path})") from error
        self._serials[version] = lockfile.serial
        return Stored(lockfile, version)

    def version(self) -> str:
        """See ``Store.version``."""
        try:
            return _digest(self._path.read_bytes())
        except FileNotFoundError:
            return ""

    def write(self, lockfile: Lockfile, base: str) -> str:
        """See ``Store.write``. The old file becomes a backup; what is refused is kept in ``.fleethub/refused.lock``."""
        data = dump(lockfile).encode()
        self._private.mkdir(parents=True, exist_ok=True)
        with self._alone():
            try:
                old: bytes | None = self._path.read_bytes()
            except FileNotFoundError:
                old = None
            before = None if old is None else self._serial(old)
            if why := self._refusal(old, base, before, lockfile.serial):
                replace(self._private / "refused.lock", data, 0o644)
                raise StaleLockfileError(
                    f"{why}, and fleet.lock was left as it is; what should have been written is in "
                    ".fleethub/refused.lock: compare the two (git diff --no-index fleet.lock .fleethub/refused.lock), "
                    "then plan again"
                )
            if old is not None and before != lockfile.serial:
                self._back_up(old, before)
            replace(self._path, data, 0o644)
        version = _digest(data)
        self._serials[version] = lockfile.serial
        return version

    def _refusal(self, old: bytes | None, base: str, before: int | None, serial: int) -> str:
        """Why a lockfile is not written over what is there; empty where it is."""
        if self._robbed():
            return "the fleet's lock (.fleethub/lock) was taken from this apply"
        if ("" if old is None else _digest(old)) != base:
            return "fleet.lock was changed by somebody else since it was read"
        if before is not None and serial < before:
            return f"fleet.lock has serial {before}, which serial {serial} would turn back"
        return ""

    def check(self, base: str) -> None:
        """See ``Store.check``. The file is read again only when it looks otherwise than to the check before."""
        again = "; nothing more was done, run fleethub plan"
        if self._robbed():
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

    def serials(self) -> tuple[int, ...]:
        """See ``Store.serials``."""
        return tuple(int(path.stem) for path in reversed(self._backups()))

    def at(self, serial: int) -> Lockfile | None:
        """See ``Store.at``."""
        now = self.read().lockfile
        if now is not None and now.serial == serial:
            return now
        try:
            return load((self._private / "backups" / f"{serial:08d}.lock").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except UnicodeDecodeError as error:
            raise LockfileError(f"the backup of serial {serial} in .fleethub/backups is not UTF-8") from error

    def every(self, serial: int) -> tuple[Lockfile, ...]:
        """See ``Store.every``."""
        found: dict[str, Lockfile] = {}
        for path in self._of(serial):
            if (whole := _whole(path)) is not None:
                found.setdefault(whole.apply, whole)
        return tuple(found.values())

    def archive(self, lockfile: Lockfile) -> None:
        """See ``Store.archive``."""
        self._private.mkdir(parents=True, exist_ok=True)
        with self._alone():
            self._back_up(dump(lockfile).encode(), lockfile.serial)

    @contextmanager
    def lock(self, operation: str, wait: float = 0) -> Iterator[None]:
        """See ``Store.lock``."""
        with local_lock(self._private / "lock", operation, wait) as held:
            if (hold := self._held()) is not None:
                raise LockedError(hold)
            self._lock = held
            try:
                yield
            finally:
                self._lock = None

    def holder(self) -> Holder | None:
        """See ``Store.holder``."""
        return self._held() or holding(self._private / "lock")

    def hold(self, message: str) -> Holder:
        """See ``Store.hold``."""
        with self.lock("lock"):
            held = myself("lock", message)
            create(self._private / "hold.json", json.dumps(held.as_dict()).encode(), 0o644)
        return held

    def release(self) -> Holder | None:
        """See ``Store.release``."""
        hold = self._held()
        if hold is None:
            return rob(self._private / "lock")
        (self._private / "hold.json").unlink(missing_ok=True)
        return hold

    def record(self, line: Mapping[str, Any]) -> None:
        """See ``Store.record``."""
        self._private.mkdir(parents=True, exist_ok=True)
        with self._alone():
            kept.record(self._private / "applies.ndjson", line)

    def history(self) -> list[dict[str, Any]]:
        """See ``Store.history``."""
        from fleethub.stores import history

        return history.read(self._private / "applies.ndjson")

    def journal(self) -> journal.Journal:
        """See ``Store.journal``."""
        from fleethub.stores import journal

        return journal.Journal(self._private / "journal.ndjson")

    def events(self) -> list[Event]:
        """See ``Store.events``."""
        from fleethub.stores import journal

        return journal.read(self._private / "journal.ndjson")

    def _held(self) -> Holder | None:
        """Who locked the fleet until it is released."""
        path = self._private / "hold.json"
        return said(path) if folders.exists(path) else None

    def _robbed(self) -> bool:
        return self._lock is not None and not still_held(self._private / "lock", self._lock)

    def _serial(self, data: bytes) -> int | None:
        """The serial of a file's bytes; None where they are damaged."""
        version = _digest(data)
        if version not in self._serials:
            try:
                self._serials[version] = load(data.decode()).serial
            except (LockfileError, UnicodeDecodeError):
                return None
        return self._serials[version]

    def _back_up(self, old: bytes, serial: int | None) -> None:
        folder = self._private / "backups"
        folder.mkdir(parents=True, exist_ok=True)
        if serial is None:
            return replace(folder / f"damaged-{_digest(old)[:8]}.lock", old, 0o644)
        path = folder / f"{serial:08d}.lock"
        self._put_aside(path, old)
        replace(path, old, 0o644)
        for stale in self._backups()[:-BACKUPS]:
            for twin in reversed(self._of(int(stale.stem))):
                twin.unlink()
        return None

    def _put_aside(self, path: Path, new: bytes) -> None:
        """Keep what another apply left under the same serial, by its digest: a twin came here, with git."""
        try:
            there = path.read_bytes()
        except FileNotFoundError:
            return
        twins = [found.apply if (found := _whole(data)) is not None else "" for data in (there, new)]
        if there != new and (twins[0] != twins[1] or not twins[0]):
            replace(path.with_name(f"{path.stem}-{_digest(there)[:8]}.lock"), there, 0o644)

    def _backups(self) -> list[Path]:
        return sorted((self._private / "backups").glob(f"{'[0-9]' * 8}.lock"))

    def _of(self, serial: int) -> list[Path]:
        """The backups of a serial, the last one first."""
        name = f"{serial:08d}"
        twins = sorted((self._private / "backups").glob(f"{name}-{'[0-9a-f]' * 8}.lock"))
        return [path for path in (self._private / "backups" / f"{name}.lock", *twins) if folders.exists(path)]

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Between comparing and replacing nobody else's write comes; the fleet's lock is another, held much longer."""
        descriptor = opened(self._private / "write.lock", 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _lockfile(data: bytes, version: str) -> Lockfile:
    """What the bytes of a version say; a command reads the same ones several times, and only their digest is kept.

    Raises LockfileError, UnicodeDecodeError.
    """
    found = _LATEST.get(version)
    if found is None:
        found = load(data.decode())
        _LATEST.clear()
        _LATEST[version] = found
    return found


def _whole(kept: bytes | Path) -> Lockfile | None:
    """What a backup says; None where it is damaged."""
    try:
        return load((kept if isinstance(kept, bytes) else kept.read_bytes()).decode())
    except (LockfileError, UnicodeDecodeError, OSError):
        return None


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
