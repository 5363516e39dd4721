"""Changes single variables of a ``.env`` with every other byte kept: comments, order, other variables, line ends."""

from __future__ import annotations

import re
from io import StringIO

from dotenv.parser import Binding, parse_stream

_LINE = re.compile(
    r"""(?P<head>\s*(?:export[^\S\r\n]+)?)(?P<name>[^=\#\s]+)(?P<equals>[^\S\r\n]*=[^\S\r\n]*)
        (?P<value>'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|(?:(?!(?<=\s)\#)\S+(?:[^\S\r\n]+(?!\#)\S+)*)?)(?P<tail>[^\S\r\n]*(?:(?<=\s)\#[^\r\n]*)?(?:\r\n|\n|\r)?)""",
    re.VERBOSE | re.DOTALL,
)
_BOM = "\ufeff"


def put(text: str, name: str, value: str) -> str:
    """The text with a variable set; ``value`` as it is to stand behind ``=``. The last line that sets it is the one
    that counts, and the one that is changed; where none does, one more comes at the end.
    """
    bindings = _bindings(text)
    for number in reversed(range(len(bindings))):
        if bindings[number][0] == name and (match := _LINE.fullmatch(bindings[number][1])):
            gap = " " if match["tail"].startswith("#") else ""  # of an empty value it stands before the value
            line = f"{match['head']}{match['name']}{match['equals'].rstrip()}{value}{gap}{match['tail']}"
            lines = [one for _, one in bindings]
            return _joined(text, [*lines[:number], line, *lines[number + 1 :]])
    newline = "\r\n" if "\r\n" in text else "\n"
    gap = "" if not text.removeprefix(_BOM) or text.endswith(("\n", "\r")) else newline
    return f"{text}{gap}{name}={value}{newline}"


def cut(text: str, name: str) -> str:
    """The text without the lines that set a variable; the empty lines before them stay."""
    kept = []
    for key, line in _bindings(text):
        match = re.match(r"(?:[^\S\r\n]*(?:\r\n|\n|\r))*", line) if key == name else None
        kept.append(line if match is None else match[0])
    return _joined(text, kept)


def _bindings(text: str) -> list[tuple[str | None, str]]:
    """Name and text of each line, or lines, that belong together; together they are the whole."""
    return [(_name(one), one.original.string) for one in parse_stream(StringIO(text.removeprefix(_BOM), newline=""))]


def _name(binding: Binding) -> str | None:
    if not binding.error:
        return binding.key
    match = re.match(r"\s*(?:export\s+)?([^=#\s]+)\s*=", binding.original.string)
    return match[1] if match else None


def _joined(text: str, lines: list[str]) -> str:
    return (_BOM if text.startswith(_BOM) else "") + "".join(lines)
