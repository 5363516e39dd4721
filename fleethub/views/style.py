"""Colour for terminals: markup by meaning, so that a view says what a word is and not how it looks."""

from __future__ import annotations

import json
import re

from fleethub.model.text import bare

CODES = {
    "create": "32",
    "update": "33",
    "delete": "31",
    "record": "36",
    "blocked": "35",
    "error": "1;31",
    "warning": "33",
    "bold": "1",
    "dim": "2",
    "good": "32",
}


#: What paints, and nothing else that a terminal obeys.
PAINT = re.compile("(" + "|".join(re.escape(f"\x1b[{code}m") for code in dict.fromkeys(("0", *CODES.values()))) + ")")


def seen(text: str) -> str:
    """A text of several lines as a terminal may have it: what others wrote in it obeys nobody and hides nothing."""
    if text.isascii() and text.replace("\n", "").isprintable() and "@" not in text:
        return text
    return "\n".join("".join(_shown(part) for part in PAINT.split(line)) for line in text.split("\n"))


def escaped(text: str) -> str:
    """A line of JSON in which what a terminal obeys is written as JSON's escapes; the value is the same."""
    return text if text.isprintable() else "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)


def _shown(part: str) -> str:
    if PAINT.fullmatch(part):
        return part
    part = bare(part).expandtabs(4)
    return part if part.isprintable() else "".join(c if c.isprintable() else " " if c.isspace() else "�" for c in part)


class Style:
    """Paints when ``colour`` is on, else returns text as it is."""

    def __init__(self, colour: bool = False) -> None:
        self.colour = colour

    def __call__(self, meaning: str, text: str) -> str:
        """``text`` painted as ``meaning``."""
        return f"\x1b[{CODES[meaning]}m{text}\x1b[0m" if self.colour else text
