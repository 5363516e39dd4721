"""A node's target. Folders on this machine now; hosts over SSH come through the same four functions.

A delivery writes the whole new set beside the old one, checks it, and renames it into place in the order
that was given, the mark last: a reader sees each file old or new, never half.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from fleethub.atomic import create, replace
from fleethub.model.facts import FileReading, HostReading
from fleethub.model.secret import Blob, Seal

MARK = ".fleethub/mark.json"
LARGEST = 4 << 20  # bytes; a node's file is a few KiB


class HostError(Exception):
    """The target cannot be read or written; the message is fit to be shown."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """What is delivered: (path, content, mode) in the order of renaming, folders that must exist, the mark's JSON.

    ``expects`` maps paths to the fingerprint that must be there (None: no file of that content is known), and
    ``stale`` maps paths of the last set that are no longer part of it to the fingerprint they were applied with.
    """

    files: Sequence[tuple[str, bytes, int]]
    mark: Mapping[str, Any]
    folders: Sequence[str] = ()
    uid: int = 1000
    expects: Mapping[str, str | None] = field(default_factory=dict)
    stale: Mapping[str, str] = field(default_factory=dict)


class Host(Protocol):
    """What a target can do."""

    def read(self, paths: Sequence[str]) -> HostReading:
        """Files by path, the mark, the last applied set; raises HostError."""

    def deliver(self, parcel: Parcel, seal: Seal) -> None:
        """Put the files in place in their order, then the mark; raises HostError."""

    def remove(self, files: Mapping[str, str], seal: Seal) -> tuple[str, ...]:
        """Remove what has the fingerprint it is given with, then the mark; returns what stays. Raises HostError."""


def connect(at: str, root: Path) -> Host:
    """The host of a target: ``at`` as the spec writes it, ``root`` the fleet's folder. Raises HostError."""
    if "://" in at:
        raise HostError(f"{at}: delivery over SSH is not there yet; use a folder as the target")
    return Folder(root / at, root)


class Folder:
    """A target on this machine, inside the fleet's folder."""

    def __init__(self, path: Path, root: Path) -> None:
        self._path, self._root = path, root

    def read(self, paths: Sequence[str]) -> HostReading:
        """ENOENT is absence; any other error, or a file in the folder's place, is not."""
        try:
            if not stat.S_ISDIR(self._path.stat().st_mode):
                raise HostError(f"{self._path} is not a folder")
            self._stay_inside()
            files = {p: found for p in paths if (found := self._file(self._path / p)) is not None}
            applied = {
                p: found.content
                for p in paths
                if (found := self._file(self._path / ".fleethub/applied" / p)) is not None and found.content is not None
            }
            mark = self._file(self._path / MARK)
        except FileNotFoundError:
            return HostReading(exists=False)
        except OSError as error:
            raise HostError(f"{self._path}: {error.strerror or error}") from None
        return HostReading(True, files, _json(mark), applied)

    def deliver(self, parcel: Parcel, seal: Seal) -> None:
        """See ``Host``."""
        files, stale = parcel.files, parcel.stale
        try:
            self._path.mkdir(parents=True, exist_ok=True)
            self._stay_inside()
            self._unchanged(parcel.expects, seal)
            private = self._path / ".fleethub"
            private.mkdir(mode=0o755, exist_ok=True)
            incoming = private / "incoming"
            shutil.rmtree(incoming, ignore_errors=True)
            incoming.mkdir(mode=0o700)
            for path, content, mode in files:
                (incoming / path).parent.mkdir(parents=True, exist_ok=True)
                create(incoming / path, content, mode)
            for path, content, _ in files:
                if hashlib.sha256((incoming / path).read_bytes()).digest() != hashlib.sha256(content).digest():
                    raise HostError(f"{incoming / path} does not hold what was written")
            self._make(parcel.folders, parcel.uid)
            for path, _, _ in files:
                (self._path / path).parent.mkdir(parents=True, exist_ok=True)
                (incoming / path).rename(self._path / path)
            self._remove_ours(stale, seal)
            applied = private / "applied"
            applied.mkdir(mode=0o700, exist_ok=True)
            for path, content, mode in files:
                (applied / path).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                replace(applied / path, content, mode)
            for path in stale:
                (applied / path).unlink(missing_ok=True)
            shutil.rmtree(incoming, ignore_errors=True)
            replace(self._path / MARK, json.dumps(parcel.mark, indent=1, sort_keys=True).encode() + b"\n", 0o644)
        except OSError as error:
            raise HostError(f"{error.filename or self._path}: {error.strerror or error}") from None

    def remove(self, files: Mapping[str, str], seal: Seal) -> tuple[str, ...]:
        """See ``Host``."""
        try:
            if not stat.S_ISDIR(self._path.stat().st_mode):
                raise HostError(f"{self._path} is not a folder")
            self._stay_inside()
            self._remove_ours(files, seal)
            self._remove_private()
            for folder in sorted({(self._path / f).parent for f in files} | {self._path}, reverse=True):
                if folder.is_dir() and not any(folder.iterdir()):
                    folder.rmdir()
            return tuple(sorted(f.name for f in self._path.iterdir())) if self._path.is_dir() else ()
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise HostError(f"{error.filename or self._path}: {error.strerror or error}") from None

    def _stay_inside(self) -> None:
        if not self._path.resolve().is_relative_to(self._root.resolve()):
            raise HostError(f"{self._path} leads out of the fleet's folder through a link")

    def _unchanged(self, expects: Mapping[str, str | None], seal: Seal) -> None:
        """What was written since the plan was made is somebody's work: it is not overwritten."""
        for path, fingerprint in expects.items():
            found = self._file(self._path / path)
            now = seal.sha256(found.content.sha256()) if found and found.content is not None else None
            if now != fingerprint:
                raise HostError(f"{self._path / path} changed since the plan was made; plan again")

    def _remove_private(self) -> None:
        private = self._path / ".fleethub"
        for name in ("applied", "incoming"):
            if (private / name).exists():
                shutil.rmtree(private / name)
        (private / "mark.json").unlink(missing_ok=True)
        if private.is_dir() and not any(private.iterdir()):
            private.rmdir()

    def _make(self, folders: Sequence[str], uid: int) -> None:
        for name in folders:
            folder = self._path / name
            if not folder.is_dir():
                folder.mkdir(parents=True)
                if os.getuid() == 0:
                    os.chown(folder, uid, uid)

    def _remove_ours(self, files: Mapping[str, str], seal: Seal) -> None:
        """Remove the files that still are what was applied; what somebody changed stays."""
        for path, fingerprint in files.items():
            found = self._file(self._path / path)
            if found is None or found.content is None:
                continue
            now = seal.sha256(found.content.sha256())
            if now is None:
                raise HostError(f"without the seed it cannot be told whether {self._path / path} is FleetHub's")
            if now == fingerprint:
                (self._path / path).unlink()

    def _file(self, path: Path) -> FileReading | None:
        try:
            status = path.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        kind = "link" if stat.S_ISLNK(status.st_mode) else "folder" if stat.S_ISDIR(status.st_mode) else "other"
        if not stat.S_ISREG(status.st_mode):
            return FileReading(None, stat.S_IMODE(status.st_mode), kind)
        if status.st_size > LARGEST:
            raise HostError(f"{path} has {status.st_size} bytes, which no file of a node has")
        return FileReading(Blob(path.read_bytes()), stat.S_IMODE(status.st_mode))


def _json(file: FileReading | None) -> Mapping[str, Any] | None:
    if file is None or file.content is None:
        return None
    try:
        value = json.loads(file.content.reveal())
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
