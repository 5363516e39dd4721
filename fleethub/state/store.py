"""The file store: ``fleet.lock`` beside the spec, replaced atomically, with 20 backups."""

from __future__ import annotations

import os
from pathlib import Path

from fleethub.model.observation import Lockfile
from fleethub.state.format import LockfileError, dump, load

BACKUPS = 20


class FileStore:
    """Reads and writes a fleet's lockfile; ``folder`` is the fleet's."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "fleet.lock"
        self.private = folder / ".fleethub"

    def read(self) -> Lockfile | None:
        """The lockfile, or None when there is none; raises LockfileError."""
        try:
            return load(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise LockfileError(f"fleet.lock cannot be read: {error}") from error

    def write(self, lockfile: Lockfile) -> None:
        """Replace the file in one rename, on disk before this returns; the old one becomes a backup."""
        text = dump(lockfile)
        backups = self.private / "backups"
        backups.mkdir(parents=True, exist_ok=True)
        if self.path.exists():
            old = load(self.path.read_text(encoding="utf-8"))
            if old.serial != lockfile.serial:
                replace(backups / f"{old.serial:08d}.lock", self.path.read_bytes(), 0o644)
                for stale in sorted(backups.glob("*.lock"))[:-BACKUPS]:
                    stale.unlink()
        replace(self.path, text.encode(), 0o644)


def replace(path: Path, data: bytes, mode: int) -> None:
    """Write a file so that it is there whole or not at all: temp, fsync, rename, fsync of the folder."""
    temp = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    descriptor = os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    try:
        os.fchmod(descriptor, mode)
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    temp.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
