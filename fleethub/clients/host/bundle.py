"""What is delivered to a target, and how it travels: one tar archive, each file with its mode and its digest."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any

from fleethub.model.actions import SetCheck
from fleethub.model.dataclass import dataclass
from fleethub.model.secret import Blob

__all__ = ["Bundle", "HostError", "SetCheck"]


class HostError(Exception):
    """The target cannot be read or written; the message is fit to be shown."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """What is delivered: (path, content, mode) in the order of renaming, folders that must exist, the mark's JSON.

    ``expects`` maps paths to what must be there (None: no file), and ``stale`` maps paths of the last set that are
    no longer part of it to what was there. ``keep``: paths that lie there as wanted and are not renamed again.
    ``private``: paths that belong to ``uid``, where the login can give them away.
    ``owners``: paths of somebody else's files, which stay that user's where the login can give them away; what comes
    back, when a node does not come up, is what he had.
    ``restart``: the process must be a new one before it uses the set. ``port``: where it listens.
    """

    files: Sequence[tuple[str, bytes, int]]
    mark: Mapping[str, Any]
    folders: Sequence[str] = ()
    uid: int = 1000
    expects: Mapping[str, Blob | None] = field(default_factory=dict)
    stale: Mapping[str, Blob] = field(default_factory=dict)
    keep: frozenset[str] = frozenset()
    checks: Sequence[SetCheck] = ()
    restart: bool = True
    port: int = 0
    owners: frozenset[str] = frozenset()
    private: frozenset[str] = frozenset()

    def pack(self) -> bytes:
        """The archive: lists for the script, then ``contents`` with their sums."""
        whole = self.contents()
        lists = {
            **self.committed(),
            "folders": _lines(self.folders),
            "expects": _sums({p: b for p, b in self.expects.items() if b is not None}),
            "absent": _lines(p for p, b in self.expects.items() if b is None),
            "private": _lines(path for path, _, _ in self.files if path in self.private),
            "owners": _lines(path for path, _, _ in self.files if path in self.owners),
            "checks": "".join(_check(c) for c in self.checks).encode(),
            "sums": b"".join(_sum(hashlib.sha256(content).hexdigest(), name) for name, content, _ in whole),
        }
        entries = [*((name, data, 0o600) for name, data in lists.items()), *whole]
        return archive([(f"incoming/{name}", data, mode) for name, data, mode in entries])

    def committed(self) -> dict[str, bytes]:
        """The lists that a delivery is finished by, once it is committed."""
        return {"order": _lines(path for path, _, _ in self.renamed()), "stale": _sums(self.stale)}

    def contents(self) -> Sequence[tuple[str, bytes, int]]:
        """``applied/`` the whole set with its mark, ``files/`` and the mark again, to be renamed."""
        mark = mark_bytes(self.mark)
        whole = [(f"applied/{path}", content, mode) for path, content, mode in self.files]
        new = [(f"files/{path}", content, mode) for path, content, mode in self.renamed()]
        return [*whole, ("applied/.fleethub/mark.json", mark, 0o644), *new, ("mark.json", mark, 0o644)]

    def renamed(self) -> Sequence[tuple[str, bytes, int]]:
        """The files that take the place of what lies there."""
        return [file for file in self.files if file[0] not in self.keep]


def _check(check: SetCheck) -> str:
    """Lines: a name, ``json``, ``lenient`` or ``plain``, words of the condition and of the command, each closed."""
    kind = ("lenient" if check.lenient else "json") if check.json else "plain"
    return "\n".join((check.name, kind, *check.when, "", *check.argv, "")) + "\n"


def _lines(paths: Any) -> bytes:
    return "".join(f"{path}\n" for path in paths).encode()


def _sums(blobs: Mapping[str, Blob]) -> bytes:
    return b"".join(_sum(blob.sha256().hex(), path) for path, blob in blobs.items())


def _sum(digest: str, path: str) -> bytes:
    """A line as ``sha256sum -c`` reads it."""
    return f"{digest}  {path}\n".encode()


def mark_bytes(mark: Mapping[str, Any]) -> bytes:
    """The mark as the node keeps it."""
    return json.dumps(mark, indent=1, sort_keys=True).encode() + b"\n"


def archive(entries: Sequence[tuple[str, bytes, int]]) -> bytes:
    """A tar of files in their order, their folders 0700."""
    import tarfile  # a folder of this machine gets none

    def entry(name: str, mode: int, kind: bytes, size: int) -> tarfile.TarInfo:
        made = tarfile.TarInfo(name)
        made.mode, made.type, made.size = mode, kind, size
        return made

    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        made: set[str] = set()
        for name, data, mode in entries:
            parts = name.split("/")[:-1]
            for depth in range(1, len(parts) + 1):
                folder = "/".join(parts[:depth])
                if folder not in made:
                    made.add(folder)
                    tar.addfile(entry(folder, 0o700, tarfile.DIRTYPE, 0))
            tar.addfile(entry(name, mode, tarfile.REGTYPE, len(data)), io.BytesIO(data))
    return out.getvalue()
