"""The one layout of a spec's text: spacing, blank lines, comments in column. Order, words and comments stay.

    [table]            no indentation, one empty line before a table (not before one inside of it), none twice
    key = value        one space; [1, 2], { a = 1 }; a list over several lines has an entry a line, 4 deep
    key = 1  # says    comments two spaces off; those of lines in a row stand in one column

A text that would mean anything else afterwards is refused, never written.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator

from fleethub.fleetspec.positions import STRINGS
from fleethub.model.dataclass import dataclass

INDENT = "    "
_SPACE = re.compile(r"[ \t]*")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_COMMENT = re.compile(r"#[^\n]*")
_SCALAR = re.compile(r"[^,\]}#\n]*")


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of the result: ``text`` with its ``comment`` behind it, or a comment alone. Empty: an empty line."""

    text: str = ""
    comment: str = ""
    header: bool = False


def formatted(text: str) -> str:
    """The text in the one layout. Raises ValueError for what is no TOML, or would mean another thing afterwards."""
    dos = "\r\n" in text
    text = text.replace("\r\n", "\n")
    before = tomllib.loads(text)
    made = "".join(_printed(_spaced(list(_Printer(text).lines()))))
    try:
        same = repr(tomllib.loads(made)) == repr(before)
    except ValueError:  # Python reads a number of any length in base 16, and writes none of 4300 digits
        raise ValueError("it has a number that is too long") from None
    if not same:
        raise ValueError("its layout cannot be changed without its meaning")
    return made.replace("\n", "\r\n") if dos else made


def _spaced(lines: list[_Line]) -> list[_Line]:
    """One empty line before a table and the comment above it, never two, none at the ends."""
    found: list[_Line] = []
    for number, line in enumerate(lines):
        if not line.text and not line.comment:
            if found and found[-1] != _Line():
                found.append(line)
            continue
        if _begins_table(lines, number) and found and found[-1] != _Line() and not _remark(found[-1]):
            found.append(_Line())
        found.append(line)
    while found and found[-1] == _Line():
        found.pop()
    return found


def _begins_table(lines: list[_Line], number: int) -> bool:
    """Whether a line is a table's header, or the first of the comments right above one.

    A table inside of the one before it (``[nodes.a.env]`` after ``[nodes.a]``) may stand right below.
    """
    first = number
    while number < len(lines) and _remark(lines[number]):
        number += 1
    if number == len(lines) or not lines[number].header:
        return False
    before = next((line.text for line in reversed(lines[:first]) if line.header), "")
    return not lines[number].text.startswith(f"{before.removesuffix(']')}.") or not before


def _remark(line: _Line) -> bool:
    return not line.text and bool(line.comment)


def _printed(lines: list[_Line]) -> Iterator[str]:
    """With the comments of lines in a row in one column."""
    run: list[_Line] = []
    for line in lines:
        if line.text and line.comment and "\n" not in line.text:
            run.append(line)
            continue
        yield from _column(run)
        run = []
        yield f"{line.text}{'  ' if line.text and line.comment else ''}{line.comment}\n"
    yield from _column(run)


def _column(run: list[_Line]) -> Iterator[str]:
    wide = max((len(one.text) for one in run), default=0)
    yield from (f"{one.text:<{wide}}  {one.comment}\n" for one in run)


class _Printer:
    """Reads a text that tomllib takes, statement by statement."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    def lines(self) -> Iterator[_Line]:
        while self.at < len(self.text):
            self.take(_SPACE)
            char = self.text[self.at : self.at + 1]
            header = char == "["
            said = "" if char in ("", "\n", "#") else self.header() if header else self.pair("")
            self.take(_SPACE)
            comment = self.take(_COMMENT).rstrip()
            self.at += 1  # the end of the line
            yield _Line(said, comment, header)

    def header(self) -> str:
        marks = "[[" if self.text.startswith("[[", self.at) else "["
        self.at += len(marks)
        name = self.key()
        self.at += len(marks)
        return f"{marks}{name}{']' * len(marks)}"

    def pair(self, indent: str) -> str:
        name = self.key()
        self.at += 1  # the equals sign
        self.take(_SPACE)
        return f"{name} = {self.value(indent)}"

    def key(self) -> str:
        parts = []
        while True:
            self.take(_SPACE)
            parts.append(self.string() if self.text[self.at] in "\"'" else self.take(_BARE))
            self.take(_SPACE)
            if self.text[self.at] != ".":
                return ".".join(parts)
            self.at += 1

    def value(self, indent: str) -> str:
        char = self.text[self.at]
        if char in "\"'":
            return self.string()
        if char == "[":
            return self.array(indent)
        return self.table(indent) if char == "{" else self.take(_SCALAR).rstrip()

    def table(self, indent: str) -> str:
        pairs: list[str] = []
        self.at += 1
        while True:
            self.take(_SPACE)
            if self.text[self.at] in ",}":
                self.at += 1
                if self.text[self.at - 1] == "}":
                    return f"{{ {', '.join(pairs)} }}" if pairs else "{}"
            else:
                pairs.append(self.pair(indent))

    def array(self, indent: str) -> str:
        """On one line where it was on one; else an entry a line, with the comments that were there."""
        deeper = indent + INDENT
        entries: list[list[str]] = []  # an entry, and the comment behind it; a comment alone has no entry
        self.at += 1
        broken = fresh = False
        while True:
            self.take(_SPACE)
            char = self.text[self.at]
            if char == "\n":
                broken = fresh = True
                self.at += 1
            elif char == "#":
                comment = self.take(_COMMENT).rstrip()
                if fresh or not entries or entries[-1][1]:
                    entries.append(["", comment])
                else:
                    entries[-1][1] = comment
            elif char in ",]":
                self.at += 1
                if char == "]":
                    break
            else:
                entries.append([self.value(deeper), ""])
                fresh = False
        if not broken:
            return f"[{', '.join(entry for entry, _ in entries)}]"
        if not entries:
            return "[]"
        rows = (f"{f'{entry},' if entry else ''}{'  ' if entry and says else ''}{says}" for entry, says in entries)
        return "\n".join(("[", *(deeper + row for row in rows), f"{indent}]"))

    def string(self) -> str:
        triple = self.text[self.at : self.at + 3]
        return self.take(STRINGS[triple if triple in STRINGS else triple[0]])

    def take(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self.text, self.at)
        if match is None:
            return ""
        self.at = match.end()
        return match[0]
