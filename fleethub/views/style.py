"""Colour for terminals: markup by meaning, so that a view says what a word is and not how it looks."""

from __future__ import annotations

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


class Style:
    """Paints when ``colour`` is on, else returns text as it is."""

    def __init__(self, colour: bool = False) -> None:
        self.colour = colour

    def __call__(self, meaning: str, text: str) -> str:
        """``text`` painted as ``meaning``."""
        return f"\x1b[{CODES[meaning]}m{text}\x1b[0m" if self.colour else text
