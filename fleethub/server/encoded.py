"""A body as it goes out: its bytes, its validator and its gzip are made once for all who ask."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
from collections.abc import Mapping
from functools import lru_cache

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import Response

Raw = list[tuple[bytes, bytes]]
SMALL = 1 << 10  # bytes that are not worth a gzip
LEVEL = 4  # twice as quick as 6, for a twentieth more bytes


class Encoded:
    """One body of one media type. ``tag`` is its strong validator, which another encoding has not, unless it is not to
    ``validate``; ``headers`` are those of every answer with it.
    """

    def __init__(self, data: bytes, kind: str, headers: Mapping[str, str], validate: bool = True) -> None:
        self.data = data
        self.tag = f'"{hashlib.sha256(data).hexdigest()[:32]}"' if validate else ""
        self._always = _raw({**headers, "Vary": "Accept-Encoding"})
        self._kind = kind.encode("latin-1")
        self._zipped: bytes | None = None
        self._lock = asyncio.Lock()

    async def response(self, asked: Headers, age: int | None = None) -> Response:
        """The body in an encoding that was asked for; 304 for who has it. ``age``: seconds since the observation."""
        zips = len(self.data) >= SMALL and takes_gzip(asked.get("accept-encoding", ""))
        headers = [*self._always]
        if age is not None:
            headers.append((b"age", str(age).encode()))
        if self.tag:
            headers.append((b"etag", (f'{self.tag[:-1]}-gzip"' if zips else self.tag).encode()))
            if self._has(asked.get("if-none-match", "")):
                return Ready(304, b"", headers)
        if zips:
            headers.append((b"content-encoding", b"gzip"))
        body = await self._gzip() if zips else self.data
        headers += ((b"content-type", self._kind), (b"content-length", str(len(body)).encode()))
        return Ready(200, body, headers)

    def _has(self, matches: str) -> bool:
        """Whether who asks has it in whatever encoding: what is in it is the same."""
        known = (
            {part.strip().removeprefix("W/").replace('-gzip"', '"') for part in matches.split(",")} if matches else ()
        )
        return self.tag in known or matches.strip() == "*"

    async def _gzip(self) -> bytes:
        if self._zipped is None:
            async with self._lock:  # who comes meanwhile waits for it, and takes no thread
                if self._zipped is None:
                    self._zipped = await run_in_threadpool(gzip.compress, self.data, LEVEL, mtime=0)
        return self._zipped


class Ready(Response):
    """An answer whose bytes and headers are as they go out."""

    def __init__(self, status: int, body: bytes, headers: Raw) -> None:
        self.status_code, self.body, self.background = status, body, None
        self.raw_headers = headers


def _raw(headers: Mapping[str, str]) -> Raw:
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]


@lru_cache(maxsize=64)
def takes_gzip(accepted: str) -> bool:
    """Whether an Accept-Encoding takes it: what it says of gzip counts, else of all; ``q=0`` refuses."""
    told = {name.strip(): weight for name, _, weight in (one.partition(";") for one in accepted.lower().split(","))}
    weight = told.get("gzip", told.get("*"))
    return weight is not None and weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
