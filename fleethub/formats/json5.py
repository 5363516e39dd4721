"""Reads JSON5, and changes one value of it with every other byte kept: comments, order, quotes, commas.

A value's path is the keys that lead to it; in a list of tables the name of one (``named.py``). The library
that reads (pyjson5) keeps no places, and json-five, which does, takes a thousand times as long (0.1 s for 6 KB): the
places are found by ``json5_places``, and who changes a file lets the library judge what came out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from pyjson5 import Json5Exception, decode

from fleethub.formats.json5_places import Entry, Place, places
from fleethub.formats.named import entry_of, name_of

Path = tuple[str, ...]
STEP = "  "
_LONG = re.compile(rb"0[xX][0-9a-fA-F]{1000}")


class NotEditable(ValueError):
    """The text cannot be changed there; the message names the path, and no value."""


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


def put(text: str, path: Path, value: Any) -> str:
    """The text with ``value`` at a path; tables, and the entry of a list, are made where there are none.

    Raises NotEditable where something else than a table or list is on the way.
    """
    place, depth = _deepest(text, path)
    if depth == len(path):
        return text[: place.start] + _written(value, _indent(text, place.start), text) + text[place.end :]
    if place.entries is None:
        raise NotEditable(f"{'.'.join(path[:depth]) or 'the whole'} is neither a table nor a list")
    made = nested(path[depth + 1 :], value)
    if place.kind == "[":
        if not isinstance(made, dict):
            raise NotEditable(f"{'.'.join(path)} is an entry of a list, and would be no table")
        return _appended(text, place, "", entry_of(path[depth], made))
    return _appended(text, place, json.dumps(path[depth], ensure_ascii=False) + ": ", made)


def cut(text: str, path: Path) -> str:
    """The text without what is at a path, and as it is where nothing is there."""
    above, depth = _deepest(text, path[:-1])
    found = [n for n, entry in enumerate(above.entries or ()) if _named(text, above, entry) == path[-1]]
    if depth < len(path) - 1 or not found:
        return text
    entries = above.entries or []
    entry, before = entries[found[-1]], entries[found[-1] - 1] if found[-1] else None
    start, end = entry.start, entry.comma + 1 if entry.comma >= 0 else entry.value.end
    line = text.rfind("\n", 0, start) + 1
    after = end + len(text[end:]) - len(text[end:].lstrip(" \t"))
    if not text[line:start].strip() and text[after : after + 2].startswith(("\n", "\r\n")):
        start, end = line, text.index("\n", after) + 1
    elif not entry.comma >= 0:
        start -= len(text[:start]) - len(text[:start].rstrip(" \t"))
    else:
        end = after
    text = text[:start] + text[end:]
    if before is not None and entry.comma < 0 and before.comma >= 0:
        text = text[: before.comma] + text[before.comma + 1 :]  # what is strict JSON stays so
    return text if len(found) == 1 else cut(text, path)


def _deepest(text: str, path: Path) -> tuple[Place, int]:
    """The place that a path leads to, or the last one on its way, and how many keys of it lead there."""
    place = places(text)
    for depth, key in enumerate(path):
        found = [entry for entry in place.entries or () if _named(text, place, entry) == key]
        if not found:
            return place, depth
        # of a key that stands twice the last counts, of an entry of a list the first
        place = found[0 if place.kind == "[" else -1].value
    return place, len(path)


def _named(text: str, place: Place, entry: Entry) -> str | None:
    """The key of an entry, or the name of a table in a list."""
    if place.kind == "{":
        return str(decode(entry.key if entry.key[:1] in "'\"" else f'"{entry.key}"'))
    return name_of(decode(text[entry.value.start : entry.value.end])) if entry.value.kind == "{" else None


def nested(path: Path, value: Any) -> Any:
    """A value below the keys of a path."""
    for key in reversed(path):
        value = {key: value}
    return value


def _appended(text: str, place: Place, key: str, value: Any) -> str:
    """The text with one more entry at the end of a table or list, in the style of those that are there."""
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
    lead = f"{newline}{indent}" if lines else " " if entries else ""
    close = f"{newline}{_indent(text, place.start)}" if lines and "\n" not in text[at : place.end] else ""
    text = f"{text[:at]}{lead}{key}{_written(value, indent, text)}{trailing}{close}{text[at:]}"
    if entries and not trailing:
        end = entries[-1].value.end
        text = f"{text[:end]},{text[end:]}"
    return text


def _indent(text: str, at: int) -> str:
    """The white space that the line of a place begins with."""
    line = text[text.rfind("\n", 0, at) + 1 : at]
    return line[: len(line) - len(line.lstrip(" \t"))]


def _written(value: Any, indent: str, text: str) -> str:
    said = json.dumps(value, indent=len(STEP), ensure_ascii=False, allow_nan=False)
    if "\n" not in text:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    return said.replace("\n", ("\r\n" if "\r\n" in text else "\n") + indent)
