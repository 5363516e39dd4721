"""A body as it goes out: its bytes, its validator and its gzip are made once for all who ask."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
from collections.abc import Mapping

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import Response

SMALL = 1 << 10  # bytes that are not worth a gzip
LEVEL = 4  # twice as quick as 6, for a twentieth more bytes


class Encoded:
    """One body. ``tag`` is its strong validator, which another encoding has not."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.tag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
        self._zipped: bytes | None = None
        self._lock = asyncio.Lock()

    async def response(self, asked: Headers, headers: Mapping[str, str], kind: str, validate: bool = True) -> Response:
        """The body in an encoding that was asked for; 304 for who has it, where ``validate``."""
        zips = len(self.data) >= SMALL and takes_gzip(asked.get("accept-encoding", ""))
        tag = f'{self.tag[:-1]}-gzip"' if zips else self.tag
        told = {**headers, "Vary": "Accept-Encoding", **({"ETag": tag} if validate else {})}
        if validate and self._has(asked.get("if-none-match", "")):
            return Response(status_code=304, headers=told)
        if zips:
            told["Content-Encoding"] = "gzip"
        return Response(await self._gzip() if zips else self.data, headers=told, media_type=kind)

    def _has(self, matches: str) -> bool:
        """Whether who asks has it in whatever encoding: what is in it is the same."""
        known = {part.strip().removeprefix("W/").replace('-gzip"', '"') for part in matches.split(",")}
        return self.tag in known or matches.strip() == "*"

    async def _gzip(self) -> bytes:
        async with self._lock:  # who comes meanwhile waits for it, and takes no thread
            if self._zipped is None:
                self._zipped = await run_in_threadpool(gzip.compress, self.data, LEVEL, mtime=0)
            return self._zipped


def takes_gzip(accepted: str) -> bool:
    """Whether an Accept-Encoding takes it: what it says of gzip counts, else of all; ``q=0`` refuses."""
    told = {name.strip(): weight for name, _, weight in (one.partition(";") for one in accepted.lower().split(","))}
    weight = told.get("gzip", told.get("*"))
    return weight is not None and weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
