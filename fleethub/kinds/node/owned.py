"""How FleetHub's part of a file that is somebody else's is shown: by path or variable, and nothing else of the file."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator
from typing import Any

from fleethub.kinds.node.projection import Owned, path_of
from fleethub.kinds.values import RenderedFile
from fleethub.model.plan import MISSING, FieldChange, FileDiff
from fleethub.model.secret import SENSITIVE


def field_changes(path: str, before: Owned, after: Owned) -> tuple[FieldChange, ...]:
    """What differs, by path or variable; a secret is masked."""
    return tuple(
        FieldChange((path, *path_of(name)), _value(before, name), _value(after, name))
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    )


def file_diff(node: str, file: RenderedFile, before: Owned, after: Owned) -> FileDiff:
    """The same as lines, for ``--full``."""
    sides = ([*_lines(before)], [*_lines(after)])
    names = (f"{node}/{file.path} (there)", f"{node}/{file.path} (wanted)")
    return FileDiff(file.path, tuple(difflib.unified_diff(*sides, *names, lineterm="", n=0)), file.consequence)


def _lines(owned: Owned) -> Iterator[str]:
    for name, text in sorted(owned.items()):
        yield f"{'.'.join(path_of(name))} = {text if is_plain(text) else SENSITIVE}"


def _value(owned: Owned, name: str) -> Any:
    if name not in owned:
        return MISSING
    return json.loads(owned[name]) if is_plain(owned[name]) else SENSITIVE


def is_plain(text: str) -> bool:
    """JSON begins otherwise than a fingerprint."""
    return bool(text) and not text.startswith("fp")
