"""Reads JSON5, and changes single values of it with every other byte kept: comments, order, quotes, commas.

A value's path is the keys that lead to it; in a list of tables the name of one (``named.py``). The library
that reads (pyjson5) keeps no places, and json-five, which does, takes a thousand times as long (0.1 s for 6 KB): the
places are found by ``json5_places``, and who changes a file lets the library judge what came out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from pyjson5 import Json5Exception, decode

from fleethub.formats.edits import Edit, NotEditable, Path, Splice, edited, named_entry
from fleethub.formats.json5_places import Entry, Place, places
from fleethub.formats.named import name_of

STEP = "  "
_LONG = re.compile(rb"0[xX][0-9a-fA-F]{1000}")


def read(data: bytes) -> dict[str, Any] | None:
    """The table in the file; None when it cannot be read."""
    try:
        value = decode(data.decode())  # pyjson5 takes what is no UTF-8 for code points that there are not
        if _LONG.search(data):
            json.dumps(value)  # Python makes a number of any length of it, and cannot write one
    except (Json5Exception, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def obstacle(data: bytes, paths: Iterable[Path]) -> str:
    """Why values of the file cannot be told or changed; empty: they can."""
    return "it cannot be read as JSON5" if read(data) is None else ""


def edit(text: str, edits: Iterable[Edit]) -> str:
    """The text with a value at each path, or without what is there (``CUT``); tables, and the entry of a list, are made
    where there are none. Raises NotEditable where something else than a table or list is on the way.
    """
    return edited(text, edits, _Tree)


class _Tree:
    """Where the values stand, of a text that can be read."""

    def __init__(self, text: str) -> None:
        self.text, self._root = text, places(text)
        self._names: dict[int, list[str | None]] = {}

    def listed(self, place: Place) -> bool:
        """By its bracket."""
        return place.kind == "["

    def way(self, path: Path) -> list[Place]:
        """Of a key that stands twice the last counts, of an entry of a list the first."""
        way = [self._root]
        for key in path:
            found = self._named(way[-1], key)
            if not found:
                break
            way.append((way[-1].entries or [])[found[0 if way[-1].kind == "[" else -1]].value)
        return way

    def replaced(self, way: list[Place], path: Path, value: Any) -> list[Splice]:
        """Indented as the line is in which it stands, in the quotes that it had."""
        place = way[-1]
        said = _written(value, _indent(self.text, place.start), self.text)
        if isinstance(value, str) and self.text[place.start] == "'":
            said = "'{}'".format(said[1:-1].replace('\\"', '"').replace("'", "\\'"))
        return [Splice(place.start, place.end, said, len(path))]

    def added(self, way: list[Place], path: Path, entries: list[tuple[str, Any]]) -> list[Splice]:
        """In the style of those that are there."""
        place = way[-1]
        if place.entries is None:
            raise NotEditable(f"{'.'.join(path) or 'the whole'} is neither a table nor a list")
        if place.kind == "[":
            said = [("", named_entry(path, name, made)) for name, made in entries]
        else:
            said = [(json.dumps(name, ensure_ascii=False) + ": ", made) for name, made in entries]
        return _appended(self.text, place, said, len(path))

    def taken(self, way: list[Place], path: Path, names: list[str]) -> list[Splice]:
        """With its line where it is alone in it; what is strict JSON stays so."""
        place, gone = way[-1], set[int]()
        for name in names:
            found = self._named(place, name)
            gone.update(found if place.kind == "{" else found[-1:])
        entries, text = place.entries or [], self.text
        made: list[Splice] = []
        for start, end, last in _runs(text, entries, sorted(gone)):
            line = text.rfind("\n", 0, start) + 1
            after = end + len(text[end:]) - len(text[end:].lstrip(" \t"))
            if not text[line:start].strip() and text[after : after + 2].startswith(("\n", "\r\n")):
                start, end = line, text.index("\n", after) + 1
            elif entries[last].comma < 0:
                start -= len(text[:start]) - len(text[:start].rstrip(" \t"))
            else:
                end = after
            made.append(Splice(start, end, "", len(path)))
        stays = max(set(range(len(entries))) - gone, default=None)
        if gone and entries[-1].comma < 0 and stays is not None and (comma := entries[stays].comma) >= 0:
            made.append(Splice(comma, comma + 1, "", len(path)))
        return made

    def _named(self, place: Place, name: str) -> list[int]:
        """The numbers of the entries that are called so: by a key, or of a table in a list by its name."""
        if id(place) not in self._names:
            self._names[id(place)] = [_name(self.text, place, entry) for entry in place.entries or ()]
        return [number for number, one in enumerate(self._names[id(place)]) if one == name]


def _runs(text: str, entries: list[Entry], numbers: list[int]) -> Iterator[tuple[int, int, int]]:
    """From where to where entries stand that have nothing but spaces between them, and the number of the last."""
    start = end = last = -1
    for number in numbers:
        entry = entries[number]
        if last != number - 1 or last < 0 or text[end : entry.start].strip(" \t"):
            if last >= 0:
                yield start, end, last
            start = entry.start
        end, last = entry.comma + 1 if entry.comma >= 0 else entry.value.end, number
    if last >= 0:
        yield start, end, last


def _name(text: str, place: Place, entry: Entry) -> str | None:
    """The key of an entry, or the name of a table in a list."""
    if place.kind == "{":
        return str(decode(entry.key if entry.key[:1] in "'\"" else f'"{entry.key}"'))
    return name_of(decode(text[entry.value.start : entry.value.end])) if entry.value.kind == "{" else None


def _appended(text: str, place: Place, said: list[tuple[str, Any]], depth: int) -> list[Splice]:
    """More entries, keys and values, at the end of a table or list, in the style of those that are there."""
    entries = place.entries or []
    inner = text[place.start + 1 : place.end - 1]
    at = place.start + 1 + len(inner.rstrip())
    if entries:
        first = entries[0].start
        lines = "\n" in text[place.start : first] or place.line_comment
        indent = _indent(text, first)
    else:
        lines = "\n" in text
        indent = _indent(text, place.start) + STEP
    newline = "\r\n" if "\r\n" in text else "\n"
    trailing = "," if entries and entries[-1].comma >= 0 else ""
    lead = f"{newline}{indent}" if lines else " "
    made = ",".join(f"{lead}{key}{_written(value, indent, text)}" for key, value in said)
    close = f"{newline}{_indent(text, place.start)}" if lines and "\n" not in text[at : place.end] else ""
    splices = [Splice(at, at, f"{made if entries else made.removeprefix(' ')}{trailing}{close}", depth)]
    if entries and not trailing:
        end = entries[-1].value.end
        splices.append(Splice(end, end, ",", depth + 1))  # before what is added
    return splices


def _indent(text: str, at: int) -> str:
    """The white space that the line of a place begins with."""
    line = text[text.rfind("\n", 0, at) + 1 : at]
    return line[: len(line) - len(line.lstrip(" \t"))]


def _written(value: Any, indent: str, text: str) -> str:
    said = json.dumps(value, indent=len(STEP), ensure_ascii=False, allow_nan=False)
    if "\n" not in text:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    return said.replace("\n", ("\r\n" if "\r\n" in text else "\n") + indent)
