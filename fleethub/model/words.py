"""Numbers for people."""

from __future__ import annotations

GIB = 1 << 30


def gib(size: float) -> str:
    """Bytes as ``21.3 GiB``: binary, one decimal."""
    return f"{size / GIB:.1f} GiB"


def flat(text: str) -> str:
    """A text that others wrote as one line without control characters."""
    if text.isprintable():
        return text
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def plural(count: int, noun: str, several: str = "") -> str:
    """``1 key``, ``3 keys``; ``several`` where an s will not do."""
    return f"{count} {noun}" if count == 1 else f"{count} {several or noun + 's'}"
