"""Reads YAML, and changes one value of it with every other byte kept: comments, order, quotes, line ends.

A value's path is the keys that lead to it; in a list of tables the name of one. PyYAML's tree says where each value
begins and ends (ruamel.yaml's round trip writes the whole file anew, and with it the white space of others). Who
changes a file lets ``read`` judge what came out. Written is JSON's form of a scalar, which YAML 1.1 and 1.2 read alike.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from yaml import MappingNode, Node, ScalarNode, SequenceNode

from fleethub.formats.json5 import NotEditable, Path, nested
from fleethub.formats.named import entry_of
from fleethub.formats.yaml_tree import chomping, end_of, entries, hidden, is_block, nodes_to, root_of, value_of

STEP = 2
_BREAK = re.compile(r"\r\n|\n|\r|\Z")
_UNSEEN = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_PLAIN = re.compile(r"(?!(?:y|n|yes|no|on|off|true|false|null)\Z)[A-Za-z_][A-Za-z0-9_-]*", re.IGNORECASE)
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


def put(text: str, path: Path, value: Any) -> str:
    """The text with ``value`` at a path; tables, and the entry of a list, are made where there are none.

    Raises NotEditable where something else than a table or list is on the way.
    """
    way, newline = nodes_to(text, path), "\r\n" if "\r\n" in text else "\n"
    node, depth = way[-1], len(way) - 1
    if depth == len(path):
        start, end = node.start_mark.index, end_of(text, node)
        said = _json(value)
        bare = isinstance(node, ScalarNode) and node.style is None  # without quotes, and so it stays
        if bare and isinstance(value, str) and _PLAIN_TEXT.fullmatch(value):
            said = value
        if is_block(node) and _has_lines(value) and isinstance(value, dict) == isinstance(node, MappingNode):
            said = _lines(value, node.start_mark.column, newline)
        elif is_block(node) and depth:  # a list may begin where its key does, and nothing else may
            said = " " * (way[-2].start_mark.column + STEP - node.start_mark.column) + said
        gap = " " if start == end and text[start - 1 : start] not in ("", " ", "\n") else ""
        return text[:start] + gap + said + text[end:]
    made = nested(path[depth + 1 :], value)
    if isinstance(node, SequenceNode):
        if not isinstance(made, dict):
            raise NotEditable(f"{'.'.join(path)} is an entry of a list, and would be no table")
        return _appended(text, way, [entry_of(path[depth], made)], newline)
    if not isinstance(node, MappingNode) and (depth or node.value):
        raise NotEditable(f"{'.'.join(path[:depth]) or 'the whole'} is neither a table nor a list")
    return _appended(text, way, {path[depth]: made}, newline)


def cut(text: str, path: Path) -> str:
    """The text without what is at a path, with a comment in its own lines; as it is where nothing is there."""
    way = nodes_to(text, path[:-1])
    above = way[-1]
    found = [n for n, (name, _, _) in enumerate(entries(above)) if name == path[-1]]
    if len(way) < len(path) or not found:
        return text
    number, spans = found[-1], [(_start(text, above, key, one), end_of(text, one)) for _, key, one in entries(above)]
    start, end = spans[number]
    if not is_block(above):
        if number + 1 < len(spans):
            end = spans[number + 1][0]
        elif number:
            start = spans[number - 1][1]
        return text[:start] + text[end:]
    line, after = _line(text, start), _after(text, end)
    if text[line:start].strip(" "):
        raise NotEditable(f"{'.'.join(path)} does not begin its line")
    if len(spans) > 1 or len(way) == 1:
        return text[:line] + text[after:]
    colon = _colon(text, way[-2], above)
    return f"{text[:colon]} {'{}' if isinstance(above, MappingNode) else '[]'}{text[colon:line]}{text[after:]}"


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


def _appended(text: str, way: list[Node], entry: Any, newline: str) -> str:
    """The text with one more entry at the end of a table or list, in the style of those that are there."""
    node, above = way[-1], way[-2] if len(way) > 1 else None
    start, end = int(node.start_mark.index), end_of(text, node)
    if is_block(node) or isinstance(node, ScalarNode):
        column = int(node.start_mark.column)
        at = _after(text, end) if is_block(node) else len(text)
        said = " " * column + _lines(entry, column, newline)
        if _fresh_line(text, at):
            return f"{text[:at]}{said}{newline}{text[at:]}"
        if chomping(text, way[0]) in ("clip", "+"):
            raise NotEditable("its last line is one of a text and has no line end, which belongs to the text: write it")
        return f"{text}{newline}{said}"
    if not text[start + 1 : end - 1].strip() and (above is None or is_block(above)):
        column = 0 if above is None else int(above.start_mark.column) + STEP
        stop = _after(text, end)
        stop -= len(text[end:stop]) - len(text[end:stop].rstrip("\r\n"))
        head = text[:start].rstrip(" ") + text[end:stop]  # a comment stays with the key
        gap = "" if _fresh_line(head, len(head)) else newline
        return head + gap + " " * column + _lines(entry, column, newline) + text[stop:]
    said = _json(entry)[1:-1]
    if not node.value:
        return text[: start + 1] + said + text[start + 1 :]
    at = end_of(text, entries(node)[-1][2])
    return f"{text[:at]}, {said}{text[at:]}"


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
