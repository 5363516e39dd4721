"""Where a fleet's state is kept: the lockfile, its lock, the history of applies, documents; the history of edits."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fleethub.model.extras import install
from fleethub.stores.interface import StoreError

if TYPE_CHECKING:
    from fleethub.model.observation import Lockfile
    from fleethub.stores.interface import Store


#: What the URL of a store may begin with.
SCHEMES = ("postgresql://", "postgres://", "s3://", "gs://", "az://")


def open_store(root: Path, url: str = "", fleet: str = "", endpoint: str = "") -> Store:
    """The store of the fleet whose folder is ``root``; ``url`` empty: the file store.

    ``fleet`` is its id, under which a database keeps it; ``endpoint``: of an object store that is not its cloud's own.
    Nothing is asked of it yet. Raises StoreError for a URL that is none of a store's; its text is never shown, for it
    may hold a password.
    """
    if not url:
        from fleethub.stores.file import FileStore

        return FileStore(root)
    scheme = next((scheme for scheme in SCHEMES if url.startswith(scheme)), "")
    if not scheme:
        raise StoreError(f"[state] store leads to no URL of a store; what there is: {', '.join(SCHEMES)}")
    extra = "postgres" if scheme.startswith("postgres") else "objectstore"
    try:
        if extra == "postgres":
            from fleethub.stores.postgres import PostgresStore

            return PostgresStore(root, url, fleet)
        from fleethub.stores.objects import ObjectStore

        return ObjectStore(root, url, endpoint)
    except ImportError as error:
        raise StoreError(
            f"the state is kept at {scheme}…, which needs {error.name or extra}: {install(extra)}"
        ) from None


def recalled(root: Path, remote: bool) -> Lockfile | None:
    """The lockfile as this machine last knew it, without asking anybody: for what must work without network.

    Of a fleet whose store is remote that is the copy that the last command left, or a ``fleet.lock`` that was pulled,
    whichever is later. None where there is none. Raises LockfileError.
    """
    from fleethub.stores.file import FileStore

    pulled = FileStore(root).read().lockfile
    if not remote:
        return pulled
    from fleethub.stores.copy import LocalCopy

    copy = LocalCopy(root).read()
    found = [one for one in (pulled, copy.lockfile if copy else None) if one is not None]
    return max(found, key=lambda lockfile: lockfile.serial, default=None)
