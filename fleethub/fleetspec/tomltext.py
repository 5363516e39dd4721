"""A file of the spec as lines that know their blocks, for edits that leave every other line as it is."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from itertools import islice, takewhile
from typing import Any

import tomlkit

from fleethub.fleetspec.positions import Statement, statements
from fleethub.model.dataclass import dataclass
from fleethub.model.written import KeyPath


@dataclass(frozen=True, slots=True)
class Section:
    """A ``[table]`` and what stands in it: the index of its header's line, and of the line after its last key."""

    path: KeyPath
    first: int
    last: int


class TomlText:
    """One file. Its methods return a changed one; lines keep their ends, ``\\n`` or ``\\r\\n``, each as it was."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.lines = re.findall(r"[^\n]*\n|[^\n]+", text)
        self._dos = "\r\n" in text and not re.search(r"(?<!\r)\n", text)
        self._statements = statements(text.replace("\r\n", "\n"))

    @property
    def text(self) -> str:
        """The whole file."""
        return "".join(self.lines)

    @property
    def blank(self) -> bool:
        """Whether nothing is left in it, not even a comment."""
        return not self.text.strip()

    @property
    def empty(self) -> bool:
        """Whether it has no statement."""
        return not self._statements

    def sections(self, block: KeyPath) -> list[Section]:
        """The block's own section and those of its sub-tables, in their order."""
        found = []
        for number, header in enumerate(self._statements):
            if header.header and header.path[: len(block)] == block:
                inside = takewhile(lambda s: not s.header, self._statements[number + 1 :])
                end = max((s.last for s in inside), default=header.last)
                found.append(Section(header.path, header.first - 1, end))
        return found

    def section(self, path: KeyPath) -> Section | None:
        """The section with just this header."""
        return next((s for s in self.sections(path) if s.path == path), None)

    def otherwise(self, block: KeyPath) -> Statement | None:
        """A statement that says something of a block in another form than ``[block]``: dotted, or an inline table."""
        base: KeyPath = ()
        for one in self._statements:
            if one.header:
                base = one.path
            elif base[: len(block)] != block and (one.path[: len(block)] == block or one.path == block[:1]):
                return one
        return None

    def without(self, section: Section) -> TomlText:
        """The file without a section, the comment right above it, and a comment right below its last line."""
        lines, first, last = list(self.lines), section.first, section.last
        above = first
        while above and _comment(lines[above - 1]):
            above -= 1
        if above == 0 or not lines[above - 1].strip():
            first = above  # else the comment belongs as well to what stands before it
        after = next((s.first - 1 for s in self._statements if s.first > section.last), len(lines))
        below = next((n for n in range(last, after) if not lines[n].strip()), None)
        last = below if below is not None else last if after < len(lines) else after
        while last < len(lines) and not lines[last].strip() and (first == 0 or not lines[first - 1].strip()):
            last += 1
        while last == len(lines) and first and not lines[first - 1].strip():
            first -= 1
        del lines[first:last]
        return TomlText(self.name, "".join(lines))

    def changed(self, section: Section, change: Callable[[Any], None]) -> TomlText:
        """The file with one section changed: ``change`` gets its table from tomlkit."""
        return self._spliced(section.first, section.last, self._made(section, change))

    def changed_each(self, changes: Mapping[KeyPath, Callable[[Any], None]]) -> TomlText:
        """The file with many sections changed, by their headers; KeyError for one that has none."""
        headers = {s.path: number for number, s in enumerate(self._statements) if s.header}
        found = list[tuple[Section, Callable[[Any], None]]]()
        for path, change in changes.items():
            number = headers[path]
            inside = takewhile(lambda s: not s.header, islice(self._statements, number + 1, None))
            header = self._statements[number]
            end = max((s.last for s in inside), default=header.last)
            found.append((Section(path, header.first - 1, end), change))
        lines = list(self.lines)
        for section, change in sorted(found, key=lambda one: -one[0].first):
            text = self._made(section, change)
            lines[section.first : section.last] = [self._ended(text)]
        return TomlText(self.name, "".join(lines))

    def inserted(self, line: int, text: str) -> TomlText:
        """The file with a text before a line, or at its end after an empty line."""
        if line < len(self.lines) or not self.lines:
            return self._spliced(line, line, text)
        gap = "\n" if self.lines[-1].endswith("\n") else "\n\n"
        return self._spliced(line, line, gap + text)

    def _made(self, section: Section, change: Callable[[Any], None]) -> str:
        document: Any = tomlkit.parse("".join(self.lines[section.first : section.last]))
        table = document
        for part in section.path:
            table = table[part]
        change(table)
        made: str = document.as_string()
        return made

    def _spliced(self, first: int, last: int, text: str) -> TomlText:
        return TomlText(self.name, "".join((*self.lines[:first], self._ended(text), *self.lines[last:])))

    def _ended(self, text: str) -> str:
        return re.sub(r"(?<!\r)\n", "\r\n", text) if self._dos else text


def _comment(line: str) -> bool:
    """A remark; ``#:schema`` and the like are for tools, and the file's."""
    text = line.strip()
    return text.startswith("#") and not text.startswith("#:")


def toml_value(value: Any) -> Any:
    """A TOML value on one line: tables inline."""
    if isinstance(value, Mapping):
        pairs = (
            f"{tomlkit.key(str(key)).as_string()} = {toml_value(inner).as_string()}" for key, inner in value.items()
        )
        return tomlkit.value("{ " + ", ".join(pairs) + " }")
    if isinstance(value, list | tuple):
        array = tomlkit.array()
        array.extend(toml_value(inner) for inner in value)
        return array
    return tomlkit.item(value)
