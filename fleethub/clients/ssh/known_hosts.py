"""Known host keys, read line by line: what one line has never hides the others.

paramiko gives up a file at the first ``@cert-authority`` or ``@revoked`` line, and keeps one key a kind and name.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from fleethub.clients.ssh.destination import Destination
from fleethub.model.dataclass import dataclass


class HostKeyError(Exception):
    """The host does not show a key that is known for it; the message says what is known, and where."""


@dataclass(frozen=True, slots=True)
class KnownHostsLine:
    """A line: ``marker`` is empty, ``@cert-authority`` or ``@revoked``; ``key`` is in SSH's wire format."""

    file: str
    number: int
    marker: str
    hosts: str
    kind: str
    key: bytes

    @property
    def place(self) -> str:
        """``file:line``."""
        return f"{self.file}:{self.number}"

    def names(self, host: str) -> bool:
        """Whether the line's list of patterns is about this host; ``!pattern`` takes out."""
        found = False
        for pattern in self.hosts.lower().split(","):
            if _matches(host.lower(), pattern.removeprefix("!")):
                if pattern.startswith("!"):
                    return False
                found = True
        return found


def _matches(host: str, pattern: str) -> bool:
    """ssh's patterns have ``*`` and ``?``; brackets are part of a name with a port."""
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), host) is not None


@dataclass(frozen=True, slots=True)
class File:
    """A file as it was read once: its lines by the names that they write out, and what each host is held against.

    ``hashed``: salt, digest and line. ``unread``: places of what is no line.
    """

    plain: Mapping[str, tuple[KnownHostsLine, ...]]
    hashed: tuple[tuple[bytes, bytes, KnownHostsLine], ...]
    patterns: tuple[KnownHostsLine, ...]
    unread: tuple[str, ...]

    def of(self, host: str) -> list[KnownHostsLine]:
        """The lines about a host, in their order."""
        name = host.lower()
        found = {line.number: line for line in self.plain.get(name, ())}
        found |= {line.number: line for line in self.patterns if line.names(name)}
        told = host.encode("utf-8", "surrogateescape")
        found |= {line.number: line for salt, sum_, line in self.hashed if hmac.digest(salt, told, "sha1") == sum_}
        return [found[number] for number in sorted(found)]


@dataclass(frozen=True, slots=True)
class KnownHost:
    """What the files know of one host. ``unread``: lines that could not be read, as ``file:line``."""

    name: str
    keys: tuple[KnownHostsLine, ...]
    authorities: tuple[KnownHostsLine, ...]
    revoked: tuple[KnownHostsLine, ...]
    files: tuple[str, ...]
    unread: tuple[str, ...]

    def check(self, kind: str, key: bytes) -> None:
        """Accept a host's key, or raise HostKeyError."""
        shown = f"{_word(kind)} {fingerprint(key)}"
        for line in self.revoked:
            if line.key == key:
                raise HostKeyError(f"the host key of {self.name} is revoked at {line.place} ({shown})")
        if any(line.key == key for line in self.keys):
            return
        files = " or ".join(self.files) or "any file"
        if same := [line for line in self.keys if line.kind == kind]:
            raise HostKeyError(
                f"the host key of {self.name} is not the one in known_hosts ({same[0].place}; it shows {shown}), and "
                "somebody may be in between. If the machine was set up anew, remove the old key "
                f"(ssh-keygen -R '{self.name}' -f {same[0].file}) and"
            )
        more = ""
        if self.keys:
            more = f"; of another kind there is {_word(self.keys[0].kind)} at {self.keys[0].place}"
        elif self.unread:
            more = f"; {', '.join(self.unread[:3])} cannot be read"
        raise HostKeyError(f"the host key of {self.name} is not known ({shown}) in {files}{more}:")


def known(destination: Destination) -> KnownHost:
    """What the files of a host know of it."""
    files: dict[str, File] = {}
    for path in destination.known_hosts:
        with suppress(OSError):
            stat = path.stat()
            files[str(path)] = _read(str(path), stat.st_mtime_ns, stat.st_size)
    names = destination.known_as
    first = here = [line for file in files.values() for line in file.of(names[0])]
    for name in names[1:]:
        if any(not line.marker for line in here):
            break
        here = [line for file in files.values() for line in file.of(name)]
    marked = {marker: tuple(line for line in first if line.marker == marker) for marker in MARKERS}
    return KnownHost(
        names[0],
        tuple(line for line in here if not line.marker),
        marked["@cert-authority"],
        marked["@revoked"],
        tuple(files),
        tuple(place for file in files.values() for place in file.unread),
    )


MARKERS = ("@cert-authority", "@revoked")


@lru_cache(maxsize=32)
def _read(path: str, written: int, size: int) -> File:
    """A file as it was then: read once, not for each of a hundred hosts."""
    plain: dict[str, list[KnownHostsLine]] = {}
    hashed, patterns, bad = [], [], []
    text = Path(path).read_bytes().decode("utf-8", "surrogateescape")
    for number, line in enumerate(text.split("\n"), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        marker = words.pop(0) if words[0].startswith("@") else ""
        try:
            if (marker and marker not in MARKERS) or len(words) < 3:
                raise ValueError
            key = base64.b64decode(words[2], validate=True)
            if kind_of(key) != words[1]:
                raise ValueError
        except (ValueError, binascii.Error):
            bad.append(f"{path}:{number}")
            continue
        line_ = KnownHostsLine(path, number, marker, words[0], words[1], key)
        if words[0].startswith("|1|"):
            with suppress(ValueError):  # one that cannot be read is about nobody
                salt, digest = (base64.b64decode(part) for part in words[0][3:].split("|", 1))
                hashed.append((salt, digest, line_))
        elif any(sign in words[0] for sign in "*?!"):
            patterns.append(line_)
        else:
            for name in words[0].lower().split(","):
                plain.setdefault(name, []).append(line_)
    return File({name: tuple(lines) for name, lines in plain.items()}, tuple(hashed), tuple(patterns), tuple(bad))


def kind_of(key: bytes) -> str:
    """The kind that a key in wire format begins with; empty for what is none."""
    size = int.from_bytes(key[:4], "big")
    return key[4 : 4 + size].decode("ascii", "replace") if 0 < size <= len(key) - 4 else ""


def fingerprint(key: bytes) -> str:
    """As ``ssh-keygen -l`` shows it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(key).digest()).decode().rstrip("=")


def kinds(lines: Iterable[KnownHostsLine]) -> tuple[str, ...]:
    """The host key algorithms that the known keys stand for, to be asked for first."""
    found: list[str] = []
    for line in lines:
        found += ["rsa-sha2-512", "rsa-sha2-256"] if line.kind == "ssh-rsa" else [line.kind]
    return tuple(dict.fromkeys(found))


def _word(kind: str) -> str:
    """``ED25519`` for ``ssh-ed25519``."""
    return kind.removeprefix("ssh-").removeprefix("ecdsa-sha2-").partition("@")[0].upper()
