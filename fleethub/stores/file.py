"""The file store: ``fleet.lock`` beside the spec, replaced atomically, with 20 backups."""

from __future__ import annotations

from pathlib import Path

from fleethub import folders
from fleethub.atomic import replace
from fleethub.lockfile.errors import LockfileError
from fleethub.lockfile.text import dump, load
from fleethub.model.observation import Lockfile

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
        except UnicodeDecodeError as error:
            message = "fleet.lock is not UTF-8; take it from git again, or from .fleethub/backups"
            raise LockfileError(message) from error
        except OSError as error:
            raise LockfileError(f"fleet.lock cannot be read: {error.strerror} ({self.path})") from error

    def write(self, lockfile: Lockfile) -> None:
        """Replace the file in one rename, on disk before this returns; the old one becomes a backup."""
        text = dump(lockfile)
        backups = self.private / "backups"
        backups.mkdir(parents=True, exist_ok=True)
        if folders.exists(self.path):
            old = load(self.path.read_text(encoding="utf-8"))
            if old.serial != lockfile.serial:
                replace(backups / f"{old.serial:08d}.lock", self.path.read_bytes(), 0o644)
                for stale in sorted(backups.glob(f"{'[0-9]' * 8}.lock"))[:-BACKUPS]:
                    stale.unlink()
        replace(self.path, text.encode(), 0o644)
