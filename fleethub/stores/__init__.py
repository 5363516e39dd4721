"""Where a fleet's state is kept: the lockfile, its lock, the journal of each apply, the history of edits."""

from __future__ import annotations

from pathlib import Path

from fleethub.stores.interface import Store


def open_store(root: Path) -> Store:
    """The store of the fleet whose folder is ``root``."""
    from fleethub.stores.file import FileStore

    return FileStore(root)
