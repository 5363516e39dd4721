"""What the file store keeps in ``.fleethub`` beside the lockfile: documents, and the history of what was done."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fleethub import folders
from fleethub.atomic import replace
from fleethub.stores.interface import LINES, StoreError, fit_name

if TYPE_CHECKING:
    from fleethub.stores.interface import Shelf


ENDS = ".json.gz"


class Documents:
    """Documents by shelf and name, each a compressed file below ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._shelves = folder

    def put(self, shelf: Shelf, name: str, document: Mapping[str, Any]) -> None:
        """See ``Store.put``."""
        path = self._document(shelf, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        replace(path, packed(document), 0o644)

    def get(self, shelf: Shelf, name: str) -> dict[str, Any] | None:
        """See ``Store.get``."""
        path = self._document(shelf, name)
        try:
            return unpacked(path.read_bytes())
        except FileNotFoundError:
            return None
        except ValueError:
            raise StoreError(f"{path} is damaged: take it from a backup of this machine, or remove it") from None

    def names(self, shelf: Shelf) -> tuple[str, ...]:
        """See ``Store.names``."""
        folder = self._shelves / shelf
        if not folders.exists(folder):
            return ()
        return tuple(
            n.removesuffix(ENDS) for n in folders.listing(folder) if n.endswith(ENDS) and not n.startswith(".")
        )

    def delete(self, shelf: Shelf, name: str) -> bool:
        """See ``Store.delete``."""
        try:
            self._document(shelf, name).unlink()
        except FileNotFoundError:
            return False
        return True

    def _document(self, shelf: Shelf, name: str) -> Path:
        return self._shelves / shelf / (fit_name(name) + ENDS)


def packed(document: Mapping[str, Any]) -> bytes:
    """A document as compressed JSON: the same value gives the same bytes. Raises ValueError for what is no JSON."""
    import gzip  # most commands keep nothing

    return gzip.compress(text_of(document).encode(), mtime=0)


def text_of(document: Mapping[str, Any]) -> str:
    """A document as JSON; raises ValueError for what is none."""
    try:
        return json.dumps(document, sort_keys=True, ensure_ascii=False, allow_nan=False)
    except TypeError as error:
        raise ValueError(str(error)) from None


def unpacked(data: bytes) -> dict[str, Any]:
    """The inverse; raises ValueError for what is damaged."""
    import gzip

    try:
        found = json.loads(gzip.decompress(data))
    except (OSError, EOFError) as error:
        raise ValueError(str(error)) from None
    if not isinstance(found, dict):
        raise ValueError("it holds no document")
    return found


def record(path: Path, line: Mapping[str, Any]) -> None:
    """Add a line to a history, with the time; of one that grew to twice ``LINES`` the older half goes. Raises OSError.

    For one writer at a time.
    """
    from fleethub.stores.history import History, read

    with History(path) as lines:
        lines.append(line)
    if path.read_bytes().count(b"\n") >= 2 * LINES:
        replace(path, b"".join(json.dumps(one).encode() + b"\n" for one in read(path)[-LINES:]), 0o664)
