"""One edit of a text by itself."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from fleethub.formats.edits import CUT


def put(format: ModuleType, text: str, path: tuple[str, ...], value: Any) -> str:
    """The text with a value at a path."""
    made: str = format.edit(text, [(path, value)])
    return made


def cut(format: ModuleType, text: str, path: tuple[str, ...]) -> str:
    """The text without what is at a path."""
    return put(format, text, path, CUT)
