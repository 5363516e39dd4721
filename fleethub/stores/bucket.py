"""Objects under one prefix of a bucket, with writes that hold only on the version that was read.

An ETag may be no more than the digest of what an object holds (S3's is): an object that comes to hold what it held
before has its old tag. So whatever is compared by its tag must never hold the same twice: ``fresh`` sees to it.
"""

from __future__ import annotations

import gzip
import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import obstore
from obstore import exceptions, store

from fleethub.model.dataclass import dataclass
from fleethub.stores.interface import StoreError

_Store: TypeAlias = store.S3Store | store.GCSStore | store.AzureStore
SECONDS = timedelta(seconds=10)
NONCE = "nonce"


class ConflictError(Exception):
    """The object is not the one that was read any more; or it is there, and was to be made."""


class UnchangedError(Exception):
    """The object still has the tag that it was known by."""


@dataclass(frozen=True, slots=True)
class Tag:
    """What a service calls one state of an object. ``version`` beside it: Google's generation."""

    e_tag: str
    version: str = ""

    def __str__(self) -> str:
        return f"{self.e_tag} {self.version}".strip()

    @staticmethod
    def of(text: str) -> Tag:
        """The inverse of ``str``."""
        return Tag(*text.split(" ", 1))


@dataclass(frozen=True, slots=True)
class Object:
    """What an object held, and its tag."""

    body: dict[str, Any]
    tag: Tag


class Bucket:
    """The objects of one URL; each is compressed JSON. ``place`` is for people."""

    def __init__(self, url: str, endpoint: str = "") -> None:
        """``endpoint``: of a service that is not the cloud's own. Credentials come from the environment, where each
        cloud's own tools look for them. Raises StoreError for what is missing there.
        """
        parts = urlsplit(url)
        self.place = url + (f" at {endpoint}" if endpoint else "")
        common: dict[str, Any] = {
            "prefix": parts.path.strip("/"),
            "retry_config": {"max_retries": 3, "retry_timeout": SECONDS},
            "client_options": {"timeout": SECONDS, "connect_timeout": SECONDS / 2},
        }
        if endpoint.startswith("http://"):
            common["client_options"]["allow_http"] = True
        with self._asking():
            if endpoint:
                common["config"] = {"base_url" if parts.scheme == "gs" else "endpoint": endpoint}
            kinds = {"s3": store.S3Store, "gs": store.GCSStore, "az": store.AzureStore}
            self._store: _Store = kinds[parts.scheme](parts.netloc, **common)

    def get(self, name: str, unless: str = "") -> Object | None:
        """An object; None where it is not there. Raises UnchangedError where it has the tag ``unless``; StoreError."""
        try:
            with self._asking():
                options: Any = {"if_none_match": Tag.of(unless).e_tag} if unless else {}
                found = obstore.get(self._store, name, options=options)
                meta, data = found.meta, bytes(found.bytes())
        except FileNotFoundError:
            return None
        except exceptions.NotModifiedError:
            raise UnchangedError(name) from None
        return Object(self._parsed(name, data), Tag(meta["e_tag"] or "", meta["version"] or ""))

    def tag(self, name: str) -> Tag | None:
        """Its tag alone; None where it is not there."""
        found = self._head(name)
        return Tag(found["e_tag"] or "", found["version"] or "") if found else None

    def changed(self, name: str) -> datetime | None:
        """When the service says that it was last written; None where it is not there."""
        found = self._head(name)
        return found["last_modified"] if found else None

    def put(self, name: str, body: Mapping[str, Any]) -> None:
        """Write an object, whatever is there."""
        with self._asking():
            obstore.put(self._store, name, _packed(body), use_multipart=False)

    def create(self, name: str, body: Mapping[str, Any]) -> Tag:
        """Write an object that is not there; raises ConflictError."""
        return self._put(name, body, "create")

    def replace(self, name: str, body: Mapping[str, Any], old: Tag) -> Tag:
        """Write an object over the one of a tag; raises ConflictError."""
        mode = {"e_tag": old.e_tag, **({"version": old.version} if old.version else {})}
        return self._put(name, body, mode)

    def names(self, folder: str) -> list[str]:
        """The names of all objects below a folder, without it, sorted."""
        with self._asking():
            listed = obstore.list(self._store, folder).collect()
        return sorted(str(one["path"]).rpartition("/")[2] for one in listed)

    def delete(self, name: str) -> None:
        """Remove an object that is there or not."""
        try:
            with self._asking():
                obstore.delete(self._store, name)
        except FileNotFoundError:
            return

    def _put(self, name: str, body: Mapping[str, Any], mode: Any) -> Tag:
        body = fresh(body)
        try:
            with self._asking():
                done = obstore.put(self._store, name, _packed(body), mode=mode, use_multipart=False)
        except (exceptions.AlreadyExistsError, exceptions.PreconditionError, FileNotFoundError) as error:
            if mode == "create" and isinstance(error, FileNotFoundError):
                raise StoreError(f"there is no such bucket or container as that of {self.place}") from None
            # a request that was sent again, because no answer came to it, meets its own first try
            there = self.get(name)
            if there is None or there.body.get(NONCE) != body[NONCE]:
                raise ConflictError(name) from None
            return there.tag
        return Tag(done["e_tag"] or "", done["version"] or "")

    def _head(self, name: str) -> Any:
        try:
            with self._asking():
                return obstore.head(self._store, name)
        except FileNotFoundError:
            return None

    def _parsed(self, name: str, data: bytes) -> dict[str, Any]:
        try:
            found = json.loads(gzip.decompress(data))
        except (OSError, EOFError, ValueError):
            found = None
        if not isinstance(found, dict):
            raise StoreError(f"{name} in {self.place} is damaged; an earlier version of it may be in the bucket")
        return found

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """What the service or the way to it says, as a StoreError; its text is not shown: it may hold a signed URL."""
        try:
            yield
        except (exceptions.AlreadyExistsError, exceptions.PreconditionError, exceptions.NotModifiedError):
            raise
        except exceptions.PermissionDeniedError:
            why = "the credentials do not let this machine do that"
        except exceptions.UnauthenticatedError:
            why = "the credentials are missing or wrong"
        except (exceptions.NotSupportedError, NotImplementedError):
            why = "it has no conditional writes"
        except exceptions.BaseError as error:
            text = str(error)
            missing = "credential" in text or "Account must be specified" in text
            silent = any(word in text for word in ("error sending request", "Connect", "timed out"))
            why = "it does not answer" if silent else "its answer is not understood"
            why = "the environment has no credentials for it" if missing else why
        else:
            return
        raise StoreError(f"{self.place} cannot be used: {why}") from None


def fresh(body: Mapping[str, Any]) -> dict[str, Any]:
    """A body that no object ever held."""
    return {**body, NONCE: secrets.token_hex(8)}


def _packed(body: Mapping[str, Any]) -> bytes:
    return gzip.compress(json.dumps(body, ensure_ascii=False).encode(), compresslevel=6, mtime=0)
