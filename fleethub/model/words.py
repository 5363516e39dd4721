"""Numbers for people."""

from __future__ import annotations

GIB = 1 << 30


def gib(size: float) -> str:
    """Bytes as ``21.3 GiB``: binary, one decimal."""
    return f"{size / GIB:.1f} GiB"


def plural(count: int, noun: str, several: str = "") -> str:
    """``1 key``, ``3 keys``; ``several`` where an s will not do."""
    return f"{count} {noun}" if count == 1 else f"{count} {several or noun + 's'}"
