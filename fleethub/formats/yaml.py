"""Reads YAML, and changes single values of it with every other byte kept: comments, order, quotes, line ends.

A value's path is the keys that lead to it; in a list of tables the name of one. PyYAML's tree says where each value
begins and ends (ruamel.yaml's round trip writes the whole file anew, and with it the white space of others). Who
changes a file lets ``read`` judge what came out. Written is JSON's form of a scalar, which YAML 1.1 and 1.2 read alike.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from yaml import MappingNode, Node, SafeLoader, ScalarNode, SequenceNode, YAMLError, compose_all

from fleethub.formats.edits import Edit, NotEditable, Path, Splice, edited, named_entry
from fleethub.formats.yaml_tree import (
    chomping,
    end_of,
    end_of_empty,
    entries,
    hidden,
    is_block,
    last,
    nodes_to,
    root_of,
    value_of,
)

STEP = 2
_BREAK = re.compile(r"\r\n|\n|\r|\Z")
_UNSEEN = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_PLAIN = re.compile(r"(?!(?:y|n|yes|no|on|off|true|false|null)\Z)[A-Za-z_][A-Za-z0-9_-]*", re.IGNORECASE)
_QUOTED = re.compile(r"[ -&(-~]*")
_PLAIN_TEXT = re.compile(_PLAIN.pattern + r"(?:[./-][A-Za-z0-9_-]+|://[A-Za-z0-9_-]+|:[0-9]+)*", re.IGNORECASE)


def read(data: bytes) -> dict[str, Any] | None:
    """The table in the file, an empty one where nothing is in it; None when it cannot be read."""
    try:
        root = root_of(data.decode())
        value = {} if root is None else value_of(root)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def obstacle(data: bytes, paths: Iterable[Path]) -> str:
    """Why the values at these paths cannot be told or changed, without any value; empty: they can."""
    try:
        root = root_of(data.decode())
        if root is not None and not isinstance(value_of(root), dict):
            return "it is no table"
        return next((why for path in paths if root is not None and (why := hidden(root, path))), "")
    except NotEditable as error:
        return str(error)
    except UnicodeDecodeError:
        return "it is not UTF-8"


def check(text: str) -> None:
    """Whether it is YAML, of one document or several; raises ValueError, with a message for people, on all else."""
    try:
        for _ in compose_all(text, SafeLoader):
            pass
    except RecursionError:
        raise ValueError("not YAML: it is nested too deeply") from None
    except (YAMLError, ValueError, OverflowError) as error:
        line = getattr(getattr(error, "problem_mark", None), "line", None)
        said = getattr(error, "problem", None) or "it cannot be read"
        raise ValueError(f"not YAML: {said}{f' (line {line + 1})' if line is not None else ''}") from None


def edit(text: str, edits: Iterable[Edit]) -> str:
    """The text with a value at each path, or without what is there (``CUT``), and a comment in its own lines; tables,
    and the entry of a list, are made where there are none. Raises NotEditable where something else than a table or list
    is on the way.
    """
    return edited(text, edits, _Tree)


class _Tree:
    """Where the values stand."""

    def __init__(self, text: str) -> None:
        self.text, self._root = text, root_of(text)
        self._newline = "\r\n" if "\r\n" in text else "\n"

    def listed(self, place: Node) -> bool:
        """By its brackets or dashes."""
        return isinstance(place, SequenceNode)

    def way(self, path: Path) -> list[Node]:
        """Of entries of one name the first."""
        return nodes_to(self._root, self.text, path)

    def replaced(self, way: list[Node], path: Path, value: Any) -> list[Splice]:
        """In lines where it was in lines, in the quotes that it had; null is nothing behind the key of a line."""
        text, node = self.text, way[-1]
        start, end = int(node.start_mark.index), end_of(text, node)
        if value is None and path and isinstance(way[-2], MappingNode) and is_block(way[-2]):
            return [Splice(len(text[:start].rstrip(" ")), end, "", len(path))]
        said = _json(value)
        if isinstance(node, ScalarNode) and node.style == "'" and isinstance(value, str) and _QUOTED.fullmatch(value):
            said = f"'{value}'"
        bare = isinstance(node, ScalarNode) and node.style is None  # without quotes, and so it stays
        if bare and isinstance(value, str) and _PLAIN_TEXT.fullmatch(value):
            said = value
        if is_block(node) and _has_lines(value) and isinstance(value, dict) == isinstance(node, MappingNode):
            said = _lines(value, node.start_mark.column, self._newline)
        elif is_block(node) and path:  # a list may begin where its key does, and nothing else may
            said = " " * (way[-2].start_mark.column + STEP - node.start_mark.column) + said
        gap = " " if start == end and text[start - 1 : start] not in ("", " ", "\n") else ""
        return [Splice(start, end, gap + said, len(path))]

    def added(self, way: list[Node], path: Path, entries: list[tuple[str, Any]]) -> list[Splice]:
        """In the style of those that are there."""
        node = way[-1]
        if isinstance(node, SequenceNode):
            listed = [named_entry(path, name, made) for name, made in entries]
            return [_appended(self.text, way, listed, self._newline)]
        if not isinstance(node, MappingNode) and (path or node.value):
            raise NotEditable(f"{'.'.join(path) or 'the whole'} is neither a table nor a list")
        return [_appended(self.text, way, dict(entries), self._newline)]

    def taken(self, way: list[Node], path: Path, names: list[str]) -> list[Splice]:
        """Of entries of one name the last."""
        text, above, inner = self.text, way[-1], entries(way[-1])
        gone = {found[-1] for name in names if (found := [n for n, one in enumerate(inner) if one[0] == name])}
        spans = {n: (_start(text, above, inner[n][1], inner[n][2]), end_of(text, inner[n][2])) for n in gone}
        if not is_block(above):
            return [Splice(*span, "", len(path)) for span in self._between_brackets(above, gone)]
        made = []
        for number, (start, end) in sorted(spans.items()):
            line = _line(text, start)
            if text[line:start].strip(" "):
                raise NotEditable(f"{'.'.join((*path, inner[number][0] or ''))} does not begin its line")
            above_it = [one for n, (_, _, one) in enumerate(inner[:number]) if n not in gone]
            after = end_of_empty(text, _after(text, end), above_it[-1]) if above_it else _after(text, end)
            made.append(Splice(line, after, "", len(path)))
        if made and len(gone) == len(inner) and path:
            colon = _colon(text, way[-2], above)
            made.append(Splice(colon, colon, f" {'{}' if isinstance(above, MappingNode) else '[]'}", len(path)))
        return made

    def _between_brackets(self, above: Node, gone: set[int]) -> Iterator[tuple[int, int]]:
        """From where to where what goes stands, each with a comma."""
        inner = [((key or one).start_mark.index, end_of(self.text, one)) for _, key, one in entries(above)]
        stays = max(set(range(len(inner))) - gone, default=len(inner))
        for number in sorted(gone):
            if number > stays:
                yield inner[number - 1][1], inner[number][1]
            elif number + 1 < len(inner):
                yield inner[number][0], inner[number + 1][0]
            else:
                yield inner[number]


def _start(text: str, above: Node, key: Node | None, one: Node) -> int:
    """Where an entry begins: its key, or of a list in lines its dash, which stands where the list begins."""
    if key is not None or not is_block(above):
        return int((key or one).start_mark.index)
    at, column = int(one.start_mark.index), int(above.start_mark.column)
    while (line := _line(text, at)) and text[line + column : at][:1] != "-":
        at = line - 1
    return line + column


def _line(text: str, at: int) -> int:
    """Where the line of a place begins, behind a byte order mark."""
    line = max(text.rfind("\n", 0, at), text.rfind("\r", 0, at)) + 1
    return line + 1 if text[line : line + 1] == "\ufeff" and line < at else line


def _after(text: str, at: int) -> int:
    """Where the line behind that of a place begins."""
    match = _BREAK.search(text, at)
    return match.end() if match else len(text)


def _colon(text: str, above: Node, node: Node) -> int:
    """Behind the colon of the key of a value in lines."""
    key = next((key for _, key, one in entries(above) if one is node), None)
    if key is None or not is_block(above):
        raise NotEditable("an entry that is alone in a list of a list cannot be taken out")
    return text.index(":", key.end_mark.index) + 1


def _appended(text: str, way: list[Node], made: Any, newline: str) -> Splice:
    """More entries at the end of a table or list, in the style of those that are there."""
    node, above, depth = way[-1], way[-2] if len(way) > 1 else None, len(way) - 1
    start, end = int(node.start_mark.index), end_of(text, node)
    if is_block(node) or isinstance(node, ScalarNode):
        column = int(node.start_mark.column)
        at = _after(text, end) if is_block(node) else len(text)
        said = " " * column + _lines(made, column, newline)
        if _fresh_line(text, at):
            return Splice(at, at, f"{said}{newline}", depth)
        if chomping(text, way[0]) in ("clip", "+"):
            raise NotEditable("its last line is one of a text and has no line end, which belongs to the text: write it")
        return Splice(at, at, f"{newline}{said}", depth)
    if not text[start + 1 : end - 1].strip() and (above is None or is_block(above)):
        column = 0 if above is None else int(above.start_mark.column) + STEP
        stop = _after(text, end)
        stop -= len(text[end:stop]) - len(text[end:stop].rstrip("\r\n"))
        start -= len(text[:start]) - len(text[:start].rstrip(" "))
        gap = "" if end == stop and _fresh_line(text, start) else newline
        # a comment stays with the key
        return Splice(start, stop, text[end:stop] + gap + " " * column + _lines(made, column, newline), depth)
    said = _json(made)[1:-1]
    if not node.value:
        return Splice(start + 1, start + 1, said, depth)
    at = end_of(text, last(node))
    return Splice(at, at, f", {said}", depth)


def _fresh_line(text: str, at: int) -> bool:
    return not text[:at].strip("\ufeff") or text[at - 1] in "\r\n"


def _has_lines(value: Any) -> bool:
    """Whether it is written in lines: a table with something in it, and a list of such."""
    inner = value if isinstance(value, list) else []
    return bool(value) and (isinstance(value, dict) or any(isinstance(one, dict | list) for one in inner))


def _lines(value: Any, column: int, newline: str) -> str:
    """A table or list in lines that begin at a column, the first without its white space."""
    deeper = newline + " " * (column + STEP)

    def inner(one: Any) -> str:
        return deeper + _lines(one, column + STEP, newline) if _has_lines(one) else f" {_json(one)}"

    if isinstance(value, dict):
        said = [f"{key if _PLAIN.fullmatch(key) else _json(key)}:{inner(one)}" for key, one in value.items()]
    else:
        said = [f"- {_lines(one, column + STEP, newline) if _has_lines(one) else _json(one)}" for one in value]
    return (newline + " " * column).join(said)


def _json(value: Any) -> str:
    said = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", said)
