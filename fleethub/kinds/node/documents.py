"""What reads a file that has tables in it, and changes it in single places, by its format."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from fleethub.formats import json5
from fleethub.formats.edits import Edit
from fleethub.nodetypes import Format
from fleethub.nodetypes.projection import Path


class Document(Protocol):
    """A module of ``formats``; ``json5`` says what each does."""

    def read(self, data: bytes) -> dict[str, Any] | None:
        """The table in a file; None when it cannot be read."""

    def obstacle(self, data: bytes, paths: Iterable[Path]) -> str:
        """Why the values at these paths cannot be told or changed; empty: they can."""

    def edit(self, text: str, edits: Iterable[Edit]) -> str:
        """The text with a value at each path, or without what is there (``CUT``); raises NotEditable."""


def document(format: Format) -> Document:
    """YAML's where a file is that, else JSON5's."""
    if format == "yaml":
        from fleethub.formats import yaml  # few fleets have such a file, and PyYAML takes its time to come

        return yaml
    return json5
