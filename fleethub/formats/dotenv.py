"""Changes single variables of a ``.env`` with every other byte kept: comments, order, other variables, line ends."""

from __future__ import annotations

import re
from collections.abc import Iterable
from io import StringIO

from dotenv.parser import Binding, parse_stream

from fleethub.formats.edits import CUT, Edit

_LINE = re.compile(
    r"""(?P<head>\s*(?:export[^\S\r\n]+)?)(?P<name>[^=\#\s]+)(?P<equals>[^\S\r\n]*=[^\S\r\n]*)
        (?P<value>'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|(?:(?!(?<=\s)\#)\S+(?:[^\S\r\n]+(?!\#)\S+)*)?)(?P<tail>[^\S\r\n]*(?:(?<=\s)\#[^\r\n]*)?(?:\r\n|\n|\r)?)""",
    re.VERBOSE | re.DOTALL,
)
_BOM = "\ufeff"


def edit(text: str, edits: Iterable[Edit]) -> str:
    """The text with a variable set at each path, its name alone, to what is to stand behind ``=``; or without the lines
    that set it (``CUT``), where the empty lines before them stay. The last line that sets a variable is the one that
    counts, and the one that is changed; where none does, one more comes at the end.
    """
    bindings = _bindings(text)
    lines = [line for _, line in bindings]
    numbers: dict[str | None, list[int]] = {}
    for number, (name, _) in enumerate(bindings):
        numbers.setdefault(name, []).append(number)
    newline = "\r\n" if "\r\n" in text else "\n"
    for (name,), value in edits:
        if value is CUT:
            for number in numbers.pop(name, ()):
                match = re.match(r"(?:[^\S\r\n]*(?:\r\n|\n|\r))*", lines[number])
                lines[number] = match[0] if match else ""
            continue
        for number in reversed(numbers.get(name, ())):
            if match := _LINE.fullmatch(lines[number]):
                gap = " " if match["tail"].startswith("#") else ""  # of an empty value it stands before the value
                head = f"{match['head']}{match['name']}{match['equals'].rstrip()}"
                lines[number] = f"{head}{value}{gap}{match['tail']}"
                break
        else:
            numbers.setdefault(name, []).append(len(lines))
            lines.append(f"{name}={value}{newline}")
    old, new = "".join(lines[: len(bindings)]), "".join(lines[len(bindings) :])
    gap = newline if new and old and not old.endswith(("\n", "\r")) else ""
    return f"{_BOM if text.startswith(_BOM) else ''}{old}{gap}{new}"


def _bindings(text: str) -> list[tuple[str | None, str]]:
    """Name and text of each line, or lines, that belong together; together they are the whole."""
    return [(_name(one), one.original.string) for one in parse_stream(StringIO(text.removeprefix(_BOM), newline=""))]


def _name(binding: Binding) -> str | None:
    if not binding.error:
        return binding.key
    match = re.match(r"\s*(?:export\s+)?([^=#\s]+)\s*=", binding.original.string)
    return match[1] if match else None
