"""What the script ``read.sh`` answered of a target, as a value: its lines, then a tar of files."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fleethub.clients.answer import FOREIGN
from fleethub.clients.host.bundle import HostError
from fleethub.model.readings.host import Container, FileReading, HostReading
from fleethub.model.secret import Blob

MARK = ".fleethub/mark.json"
APPLIED = ".fleethub/applied/"
LISTENER = f"{APPLIED}.fleethub/listener"
#: What Docker Compose takes by itself.
COMPOSE = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")


class Once:
    """The same bytes are held once: a plan of many nodes holds all of their files, which are much alike."""

    def __init__(self) -> None:
        self._blobs: dict[bytes, Blob] = {}

    def blob(self, data: bytes) -> Blob:
        """The one with this content."""
        return self._blobs.setdefault(data, Blob(data))


def reading(lines: Sequence[str], data: bytes, asked: Sequence[str], once: Once | None = None) -> HostReading:
    """Return what the answer says of the paths that were asked for; raises HostError where it does not tell of each."""
    found = [line.partition(" ") for line in lines]
    exists = "present" in lines
    if exists == ("absent" in lines):
        raise HostError(f"its answer does not say whether the folder is there: {FOREIGN}")
    kinds = [rest.partition(" ") for word, _, rest in found if word == "kind"]
    files = {path: FileReading(None, 0, kind) for kind, _, path in kinds if path in asked}
    loose = _unpack(data, once or Once())
    sent = [rest.removeprefix("./") for word, _, rest in found if word in ("file", "more")]
    files |= {path: loose[path] for path in asked if path in sent and path in loose}
    # a file that the answer does not tell of was not looked for: it is not absent
    told = {*files, *(rest for word, _, rest in found if word == "none")}
    if lost := sorted({path for path in sent if path not in loose} | {p for p in asked if exists and p not in told}):
        raise HostError(f"{lost[0]} is not in what it sent: its files changed meanwhile, or {FOREIGN}; try again")
    mark = loose.get(MARK)
    old = {p: f.content for p in asked if (f := loose.get(APPLIED + p)) is not None and f.content is not None}
    listener = loose.get(LISTENER)
    listens: dict[int, str] = {}
    for word, _, rest in found:
        if word == "listens" and (row := re.fullmatch(r"(\d{1,5}) ((\d+( \d+)*)?) ?", rest)):
            listens[int(row[1])] = row[2]
    return HostReading(
        exists=exists,
        files=files,
        mark=marked(mark),
        applied=old,
        tools=dict(rest.partition(" ")[::2] for word, _, rest in found if word == "tool"),
        compose=tuple(rest for word, _, rest in found if word == "compose"),
        listens=listens,
        containers=tuple(_containers(lines)),
        uid=int(next((rest for word, _, rest in found if word == "uid" and rest.isdecimal()), "0")),
        listener=listening(listener.content if listener else None),
    )


def _containers(lines: Sequence[str]) -> Iterable[Container]:
    for line in lines:
        parts = line.split("\t")
        if parts[0] == "container" and len(parts) == 5:
            ports = frozenset(int(p) for p in re.findall(r":(\d{1,5})->", parts[4]))
            yield Container(parts[1], parts[2], parts[3] == "running", ports)


def _unpack(data: bytes, once: Once) -> dict[str, FileReading]:
    if not data:
        return {}
    import tarfile  # a folder of this machine sends nothing

    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as tar:
            return {
                entry.name.removeprefix("./"): FileReading(
                    once.blob(content.read()), entry.mode & 0o7777, owner=entry.uid
                )
                for entry in tar
                if (entry.isreg() or entry.islnk()) and (content := tar.extractfile(entry)) is not None
            }
    except (tarfile.TarError, OSError, EOFError):
        raise HostError("what it sent cannot be read: its files changed meanwhile; try again") from None


def marked(file: FileReading | None) -> Mapping[str, Any] | None:
    """A mark; one that is damaged is there, and says nothing."""
    if file is None or file.content is None:
        return None
    try:
        value = json.loads(file.content.reveal())
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def listening(blob: Blob | None) -> str:
    """The sockets that the last set's program had."""
    return blob.reveal().decode(errors="replace").strip() if blob is not None else ""
