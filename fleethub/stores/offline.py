"""A remote store as far as this machine knows it: for who goes on reading while it cannot be reached."""

from __future__ import annotations

from pathlib import Path

from fleethub.model.observation import Lockfile
from fleethub.stores import recalled
from fleethub.stores.file import FileStore
from fleethub.stores.interface import StaleLockfileError, Stored


class RecalledStore(FileStore):
    """Reads what the last command left here, and writes nothing."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._root = folder

    @property
    def place(self) -> str:
        """See ``Store.place``."""
        return "this machine's copy"

    def read(self) -> Stored:
        """See ``Store.read``."""
        return Stored(recalled(self._root, remote=True), "")

    def write(self, lockfile: Lockfile, base: str) -> str:
        """Refuse: it is a copy."""
        raise StaleLockfileError("the state store cannot be reached, and nothing is written into a copy of it")

    def check(self, base: str) -> None:
        """Refuse: it is a copy."""
        raise StaleLockfileError("the state store cannot be reached, and nothing is done by a copy of it")
