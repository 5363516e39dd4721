"""Which hosts OpenSSH's files treat alike, so that it is asked once for all of them and not once for each.

What an option means is OpenSSH's to say. Here it is only found out which lines are for a host (Host, Include), as text:
hosts of the same lines get the same answer but for their HostName. Files in which anything else decides (most Match,
tokens, canonical names) are not understood, and OpenSSH is asked for each host. So it is where it says, with ``-v``,
that it read other files, or applied other blocks.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from glob import glob
from pathlib import Path

from fleethub.model.dataclass import dataclass

DEPTH = 16  # files that include each other, as in ssh
PLAIN = re.compile(r"[a-z0-9][a-z0-9._-]*")
_LINE = re.compile(r"([A-Za-z][A-Za-z0-9]*)(?:[ \t\r]*=[ \t\r]*|[ \t\r]+)(.*)")
_PATTERN = re.compile(r"!?[A-Za-z0-9._:*?-]+")
_HOSTNAME = re.compile(r"(?:[a-z0-9._:-]|%[h%])+")
_INCLUDED = re.compile(r"(?:~/)?[^\s\"'\\#%${}~]+")
_READ = re.compile(r"debug1: Reading configuration data (.*)")
_APPLIED = re.compile(r"debug1: (.*) line (\d+): Applying options for ")


class NotUnderstood(Exception):
    """OpenSSH has to be asked."""


@dataclass(frozen=True, slots=True)
class Traced:
    """What ``ssh -v`` says of its reading: the files, and where the Host lines stand that were for the host."""

    files: tuple[str, ...]
    applied: tuple[tuple[str, int], ...]


def traced(said: str) -> Traced:
    """By what it wrote on standard error."""
    lines = [line.rstrip("\r") for line in said.splitlines()]
    return Traced(
        tuple(found[1] for line in lines if (found := _READ.fullmatch(line))),
        tuple((found[1], int(found[2])) for line in lines if (found := _APPLIED.match(line))),
    )


@dataclass(frozen=True, slots=True)
class HostBlock:
    """Lines that count together. ``hosts``: numbers of the Host lines that must all be for a host."""

    hosts: tuple[int, ...]
    lines: list[tuple[str, str, str]]  # its name in lower case, its value, the line (and when it counts)


@dataclass(frozen=True, slots=True)
class HostLine:
    """``around``: the Host lines that must be for a host too, as they stand around the Include of its file."""

    place: tuple[str, int]
    patterns: tuple[str, ...]
    around: tuple[int, ...]


class Rules:
    """The files that OpenSSH read, in its order, read once; raises NotUnderstood."""

    def __init__(self, files: Sequence[str]) -> None:
        self._files: list[str] = []
        self._blocks: list[HostBlock] = []
        self._hosts: list[HostLine] = []
        #: "Match final": ssh reads all a second time then, for the HostName that it found.
        self._twice = False
        try:
            while len(self._files) < len(files) and list(files) != self._files * 2:
                top = Path(files[len(self._files)])
                self._file(top, top.parent, (), False, 0)
        except (OSError, RuntimeError):
            raise NotUnderstood from None
        if not files or list(files) != self._files * (1 + self._twice):
            raise NotUnderstood
        self._by_name: dict[str, list[int]] = {}
        self._by_pattern: list[int] = []
        for number, line in enumerate(self._hosts):
            if any(sign in pattern for pattern in line.patterns for sign in "*?!"):
                self._by_pattern.append(number)
            for pattern in {pattern.lower() for pattern in line.patterns}:
                self._by_name.setdefault(pattern, []).append(number)
        self._after: dict[int | None, list[int]] = {}
        for number, block in enumerate(self._blocks):
            self._after.setdefault(block.hosts[-1] if block.hosts else None, []).append(number)

    def _file(self, path: Path, folder: Path, within: tuple[int, ...], last: bool, depth: int) -> None:
        """``folder``: what an Include is relative to; ``within``: the Host lines around the one that names the file;
        ``last``: whether that one is for the second reading alone.
        """
        if depth > DEPTH or not path.is_file():  # a pipe would be read by one of two
            raise NotUnderstood
        self._files.append(str(path))
        hosts, final = within, last
        for number, line in enumerate(path.read_bytes().decode("utf-8", "surrogateescape").split("\n"), 1):
            text = line.strip(" \t\r\f")
            if not text or text.startswith("#"):
                continue
            if (found := _LINE.fullmatch(text)) is None:
                raise NotUnderstood
            name, value = found[1].lower(), found[2]
            words = tuple(re.split("[ \t]+", value))
            if name == "host":
                if not all(map(_PATTERN.fullmatch, words)):
                    raise NotUnderstood
                self._hosts.append(HostLine((str(path), number), words, within))
                hosts, final = (*within, len(self._hosts) - 1), last
            elif name == "include":
                for word in words:
                    for included in _included(word, folder):
                        self._file(included, folder, hosts, final, depth + 1)
            else:
                if name == "match":
                    if {*words} not in ({"all"}, {"final"}, {"final", "all"}):
                        raise NotUnderstood
                    self._twice = self._twice or "final" in words
                    hosts, final = within, last or "final" in words
                self._blocks.append(HostBlock(hosts, []))
                if name != "match" or final:
                    self._blocks[-1].lines.append((name, value, f"final {text}" if final else text))

    def of(self, host: str, given: Traced | None = None) -> tuple[tuple[str, ...], str]:
        """What is alike, and the HostName; raises NotUnderstood.

        ``given``: what OpenSSH said of it, which must be what was understood.
        """
        mine = self._mine(host)
        lines, hostname = self._lines(mine, host)
        applied = self._applied(mine)
        if self._twice:
            mine = self._mine(hostname)
            lines += ["again", *self._lines(mine, host)[0]]
            applied += self._applied(mine)
        if given is not None and given.applied != tuple(applied):
            raise NotUnderstood
        jumps = [line for line in lines if "proxyjump" in line.lower()]
        if any(name in line for line in jumps for name in (host, hostname)):  # ssh goes through no host to itself
            raise NotUnderstood
        return tuple(lines), hostname

    def _lines(self, mine: set[int], host: str) -> tuple[list[str], str]:
        """The lines for a host but what says its HostName; and that, which is the first that is found."""
        found, hostname = list[str](), ""
        for number in sorted(number for last in (None, *mine) for number in self._after.get(last, ())):
            if not mine.issuperset(self._blocks[number].hosts):
                continue
            for name, value, text in self._blocks[number].lines:
                if name == "hostname":
                    if not _HOSTNAME.fullmatch(value) or any("final" in line.lower() for line in found):
                        raise NotUnderstood
                    hostname = hostname or re.sub("%(.)", lambda sign: host if sign[1] == "h" else "%", value)
                elif name != "controlpath":  # which is ours
                    if "%" in text or name.startswith("canonical"):
                        raise NotUnderstood
                    found.append(text)
        return found, hostname or host

    def _mine(self, host: str) -> set[int]:
        """The Host lines that are for a host."""
        if not PLAIN.fullmatch(host):
            raise NotUnderstood
        asked = {*self._by_name.get(host, ()), *self._by_pattern}
        return {number for number in asked if self._is_for(self._hosts[number].patterns, host)}

    def _applied(self, mine: set[int]) -> list[tuple[str, int]]:
        """Where those stand that count, in the order of the files."""
        return [self._hosts[number].place for number in sorted(mine) if mine.issuperset(self._hosts[number].around)]

    @staticmethod
    def _is_for(patterns: Sequence[str], host: str) -> bool:
        """Whether a Host line is for a host; raises NotUnderstood where that hangs on upper case."""
        found = False
        for pattern in patterns:
            plain = pattern.removeprefix("!")
            hit = fnmatchcase(host, plain)
            if hit != fnmatchcase(host, plain.lower()):
                raise NotUnderstood
            if hit and pattern.startswith("!"):
                return False
            found = found or hit
        return found


def _included(name: str, folder: Path) -> list[Path]:
    """The files that an Include's word names."""
    if not _INCLUDED.fullmatch(name):
        raise NotUnderstood
    pattern = Path(name).expanduser()
    found = glob(str(pattern if pattern.is_absolute() else folder / pattern))  # noqa: PTH207 - hidden files are left out
    return [Path(path) for path in sorted(found) if Path(path).is_file()]
