"""Where each key and value of a TOML text stands: tomllib does not say.

``scan`` trusts that tomllib accepted the text, so it only has to find things, not to judge them.
Lines and columns count from 1, columns in characters.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right
from typing import NamedTuple

from fleethub.model.written import KeyPath

Spot = tuple[int, int]

#: Deeper than any spec: a bound on memory and recursion for texts that were made to hurt.
MAX_DEPTH = 64

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_BLANK = re.compile(r"[ \t]*")
_TRIVIA = re.compile(r"(?:[ \t\n]|#[^\n]*)*")
_SCALAR = re.compile(r"[^,\]}#\n]*")
STRINGS = {
    '"""': re.compile(r'"""(?:\\.|[^\\])*?"""(?:"{0,2})', re.DOTALL),
    "'''": re.compile(r"'''.*?'''(?:'{0,2})", re.DOTALL),
    '"': re.compile(r'"(?:\\.|[^"\\\n])*"'),
    "'": re.compile(r"'[^'\n]*'"),
}


class TooDeep(ValueError):
    """A key path longer than MAX_DEPTH; ``spot`` says where it goes too far."""

    def __init__(self, spot: Spot) -> None:
        super().__init__(f"nested deeper than {MAX_DEPTH} levels")
        self.spot = spot


class Position(NamedTuple):
    """Where a path's key stands and where its value does; of a ``[table]`` the value is its bracket."""

    key: Spot
    value: Spot


class Statement(NamedTuple):
    """A ``[header]`` or a ``key = value``: what it defines, its first line and the line of its end, from 1."""

    path: KeyPath
    first: int
    last: int
    header: bool


def scan(text: str) -> dict[KeyPath, Position]:
    """Map every key path of the text (with ``\\n`` line ends) to its position; raises TooDeep."""
    return _Scanner(text).document()


def statements(text: str) -> list[Statement]:
    """The statements of the text (with ``\\n`` line ends) in their order; raises TooDeep."""
    scanner = _Scanner(text)
    scanner.document()
    return scanner.statements


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.lines = [0, *(m.end() for m in re.finditer("\n", text))]
        self.found: dict[KeyPath, Position] = {(): Position((1, 1), (1, 1))}
        self.arrays: dict[KeyPath, int] = {}  # arrays of tables, and how many elements were seen
        self.statements: list[Statement] = []

    def document(self) -> dict[KeyPath, Position]:
        base: KeyPath = ()
        while self.skip(_TRIVIA) < len(self.text):
            first, header = self.spot(self.at)[0], self.text[self.at] == "["
            path = self.header() if header else self.pair(base)
            base = path if header else base
            self.statements.append(Statement(path, first, self.spot(self.at)[0], header))
        return self.found

    def header(self) -> KeyPath:
        start = self.at
        double = self.text.startswith("[[", start)
        self.at += 2 if double else 1
        path: KeyPath = ()
        *outer, last = self.key()
        for name, at in outer:
            path = self.note((*path, name), at, at)
            if path in self.arrays:
                path = (*path, self.arrays[path] - 1)
        path = (*path, last[0])
        if double:
            self.note(path, last[1], start)
            self.arrays[path] = self.arrays.get(path, 0) + 1
            path = (*path, self.arrays[path] - 1)
        self.note(path, last[1], start, explicit=True)
        self.skip(_BLANK)
        self.at += 2 if double else 1
        return path

    def pair(self, path: KeyPath) -> KeyPath:
        *outer, last = self.key()
        for name, at in outer:
            path = self.note((*path, name), at, at)
        self.skip(_BLANK)
        self.at += 1  # the equals sign
        self.skip(_BLANK)
        path = self.note((*path, last[0]), last[1], self.at, explicit=True)
        self.value(path)
        return path

    def value(self, path: KeyPath) -> None:
        char = self.text[self.at]
        if char == "[":
            self.at += 1
            number = 0
            while self.text[self.skip(_TRIVIA)] != "]":
                self.value(self.note((*path, number), self.at, self.at))
                number += 1
                self.comma()
            self.at += 1
        elif char == "{":
            self.at += 1
            while self.text[self.skip(_TRIVIA)] != "}":
                self.pair(path)
                self.comma()
            self.at += 1
        elif char in "\"'":
            self.string()
        else:
            self.skip(_SCALAR)

    def key(self) -> list[tuple[str, int]]:
        """The parts of a dotted key, unquoted, each with its offset."""
        parts = []
        while True:
            start = self.skip(_BLANK)
            if self.text[start] in "\"'":
                self.string()
                name = tomllib.loads("k=" + self.text[start : self.at])["k"]
            else:
                self.skip(_BARE)
                name = self.text[start : self.at]
            parts.append((name, start))
            if self.text[self.skip(_BLANK)] != ".":
                return parts
            self.at += 1

    def string(self) -> None:
        triple = self.text[self.at : self.at + 3]
        self.skip(STRINGS[triple if triple in STRINGS else triple[0]])

    def comma(self) -> None:
        if self.text[self.skip(_TRIVIA)] == ",":
            self.at += 1

    def skip(self, pattern: re.Pattern[str]) -> int:
        if match := pattern.match(self.text, self.at):
            self.at = match.end()
        return self.at

    def note(self, path: KeyPath, key: int, value: int, explicit: bool = False) -> KeyPath:
        """Record a path: where it is defined itself wins over where another's path first names it."""
        if len(path) > MAX_DEPTH:
            raise TooDeep(self.spot(key))
        if explicit or path not in self.found:
            self.found[path] = Position(self.spot(key), self.spot(value))
        return path

    def spot(self, offset: int) -> Spot:
        line = bisect_right(self.lines, offset)
        return line, offset - self.lines[line - 1] + 1
