"""What may be read of a fleet as text: FLEETHUB.md, the spec's files, a node's files with secrets masked. Offline."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from fleethub import folders
from fleethub.fleetspec import load
from fleethub.fleetspec.report import redacted
from fleethub.kinds.node.merging import sample
from fleethub.model.address import caller_name
from fleethub.model.errors import InputError
from fleethub.operations.spec import open_fleet


def summary(path: Path) -> str:
    """FLEETHUB.md as the last apply left it; says so where there is none."""
    from fleethub.views.document import NAME

    root = path if folders.is_folder(path) else path.parent
    try:
        return (root / NAME).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "Nothing was applied yet, or its summary cannot be read.\n"


def spec_texts(path: Path) -> Mapping[str, str]:
    """The spec's files by name, each line without what looks like a secret."""
    return {
        name: "\n".join(map(redacted, data.decode(errors="replace").split("\n")))
        for name, data in load(path).texts.items()
    }


def node_texts(path: Path, name: str) -> Mapping[str, str]:
    """A node's files as they would be delivered, with ``(sensitive)`` for each secret; of one that is its operator's
    FleetHub's part. Raises InputError, SpecError.
    """
    rendered, name = open_fleet(path).rendered, caller_name(name)
    if name not in rendered:
        raise InputError(
            f"no node is called {name!r}; there are: {', '.join(sorted(rendered)) or 'none'}", code="absent"
        )
    files = (one for one in rendered[name].files if one.projection is None or one.projection)
    return {
        file.path: file.text.display() if file.projection is None else sample(file.of.format, file.projection)
        for file in files
    }
