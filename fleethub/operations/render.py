"""Render: the nodes' files into a folder, as they would be delivered, with secrets as ``(sensitive)``. Offline.

Of a file that is somebody else's only FleetHub's part.
"""

from __future__ import annotations

from pathlib import Path

from fleethub import folders
from fleethub.kinds.node.merging import sample
from fleethub.model.address import caller_name
from fleethub.model.dataclass import dataclass
from fleethub.model.errors import InputError
from fleethub.operations.outcome import Outcome
from fleethub.operations.spec import open_fleet


@dataclass(frozen=True, slots=True)
class RenderInput:
    """``folder`` to write to; ``node`` None: every node."""

    folder: Path
    node: str | None = None


def run(path: Path, asked: RenderInput) -> Outcome[tuple[Path, ...]]:
    """Write them, a folder for each node; returns what was written. Raises SpecError, InputError and OSError."""
    rendered = open_fleet(path).rendered
    node = caller_name(asked.node) if asked.node is not None else None
    if node is not None and node not in rendered:
        known = ", ".join(sorted(rendered)) or "none"
        raise InputError(f"no node is called {node!r}; there are: {known}")
    written = []
    for name in [node] if node is not None else sorted(rendered):
        folder = asked.folder / name
        if folders.exists(folder / ".fleethub"):
            raise InputError(f"{folder} is a living node's folder; render to another one")
        for file in (one for one in rendered[name].files if one.projection is None or one.projection):
            target = folder / file.path
            target.parent.mkdir(parents=True, exist_ok=True)
            part = file.projection
            text = file.text.display() if part is None else sample(file.of.format, part)
            target.write_text(text, encoding="utf-8")
            target.chmod(file.mode)
            written.append(target)
    return Outcome(tuple(written))
