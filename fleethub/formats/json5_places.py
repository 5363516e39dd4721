"""Where the values of a JSON5 text stand. For texts that a parser has taken: what is wrong is not looked for here."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fleethub.model.dataclass import dataclass

_TOKEN = re.compile(
    r"""(?P<space>[\s\ufeff]+|/\*.*?\*/)
      | (?P<comment>//[^\n\r\u2028\u2029]*)
      | (?P<text>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')
      | (?P<mark>[{}\[\]:,])
      | (?P<word>[^\s\ufeff{}\[\]:,"'/]+)""",
    re.VERBOSE | re.DOTALL,
)


@dataclass(slots=True)
class Place:
    """A value from ``start`` to before ``end``; ``kind`` is ``{``, ``[`` or empty, ``entries`` None for what has none.

    ``line_comment``: a comment to the end of a line stands somewhere in it, outside its entries.
    """

    start: int
    end: int = 0
    kind: str = ""
    entries: list[Entry] | None = None
    line_comment: bool = False


@dataclass(slots=True)
class Entry:
    """A key as it is written (empty in a list) with its value; ``comma``: where the one behind it stands, or -1."""

    key: str
    start: int
    value: Place
    comma: int = -1


def places(text: str) -> Place:
    """The place of the outermost value; raises ValueError for what has none."""
    root: Place | None = None
    open_: list[Place] = []
    key: tuple[str, int] | None = None
    for group, said, start in _tokens(text):
        above = open_[-1] if open_ else None
        if group == "comment":
            if above is not None:
                above.line_comment = True
        elif said in "}]" and group == "mark":
            if above is None:
                raise ValueError("a bracket closes that none opens")
            open_.pop().end = start + 1
        elif said == "," and group == "mark":
            if above is not None and above.entries:
                above.entries[-1].comma = start
        elif said == ":" and group == "mark":
            continue
        elif above is not None and above.kind == "{" and key is None:
            key = (said, start)
        else:
            value = Place(start, start + len(said))
            if group == "mark":
                value = Place(start, 0, said, [])
            if above is None:
                root = value
            elif above.entries is not None:
                name, at = key or ("", start)
                above.entries.append(Entry(name, at, value))
            key = None
            if value.kind:
                open_.append(value)
    if root is None or open_:
        raise ValueError("a bracket is open")
    return root


def _tokens(text: str) -> Iterator[tuple[str, str, int]]:
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise ValueError(f"not JSON5 at {at}")
        if match.lastgroup != "space":
            yield match.lastgroup or "", match[0], at
        at = match.end()
