"""An answer over HTTP: status and JSON, read within its bounds; or why there is none, as one type of error.

An error's text never holds a header, a body that was sent, or more than a little of the answer.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import field
from json import loads
from typing import Any

import httpx

from fleethub.clients.deadline import passed
from fleethub.model.dataclass import dataclass
from fleethub.model.text import heard

LARGEST = 64 << 20  # bytes of an answer
PIECE = 1 << 20  # bytes that are decompressed at a time


class HttpError(Exception):
    """No usable answer: refused, timed out, or not HTTP. The message is fit to be shown.

    ``why`` is resolve, connect, silent (no connection in time), hangs (connected, no answer in time), certificate (its
    own is not trusted, or the file that says which are cannot be used), untrusted (not asked) or other.
    """

    def __init__(self, message: str, why: str = "other") -> None:
        self.why = why
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """Status and JSON body; ``body`` is None when it is not JSON, and ``text`` is what was said in its place.

    ``headers`` by lower-case name.
    """

    status: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)
    text: str = field(default="", repr=False)

    def kind(self) -> str:
        """LiteLLM's ``error.type``; empty without one."""
        error = self.body.get("error") if isinstance(self.body, dict) else None
        return str(error.get("type") or "") if isinstance(error, dict) else ""

    def reason(self) -> str:
        """``HTTP 403: "what the server said"``: its words are quoted, for they are not FleetHub's."""
        said = self.said()
        return f"HTTP {self.status}" + (f': "{said}"' if said else "")

    def said(self) -> str:
        """What the server said was wrong, from either of LiteLLM's two error shapes, fit to be passed on."""
        text = ""
        if isinstance(self.body, dict):
            error = self.body.get("error")
            detail = self.body.get("detail")
            if isinstance(error, dict):
                text = str(error.get("message") or error.get("type") or "")
            elif isinstance(error, str):
                text = error
            elif isinstance(detail, list) and detail and isinstance(detail[0], dict):
                text = str(detail[0].get("msg", ""))
            elif isinstance(detail, str):  # a key that may not use a route is told so
                text = detail
        # LiteLLM echoes hashes of what it was sent: the first clause says enough
        return heard(text.partition("Received API Key")[0].strip().split("\n")[0])


def read_body(answer: httpx.Response) -> bytearray:
    """All of it, within the deadline and LARGEST; raises HttpError."""
    data = bytearray()
    for piece in _plain(answer):
        data += piece
        if len(data) > LARGEST:
            raise HttpError(f"the answer is larger than {LARGEST >> 20} MiB")
        if passed():  # a server that never pauses is never waited for
            raise HttpError("the answer is too slow", "hangs")
    return data


def _plain(answer: httpx.Response) -> Iterator[bytes]:
    """What was sent, decompressed in pieces: httpx's own decoders make gigabytes of a few kilobytes in one step."""
    encoding = answer.headers.get("Content-Encoding", "").strip().lower()
    if encoding in ("", "identity"):
        yield from answer.iter_raw()
        return
    if encoding not in ("gzip", "x-gzip"):
        raise HttpError("the answer is in a Content-Encoding that was not asked for")
    machine = zlib.decompressobj(zlib.MAX_WBITS | 16)
    whole = True  # of nothing at all, as with 204, there is nothing to decompress
    for sent in answer.iter_raw():
        rest = sent
        while rest and not machine.eof:
            yield machine.decompress(rest, PIECE)
            rest = machine.unconsumed_tail
        whole = machine.eof or (whole and not sent)
    if not whole:
        raise HttpError("the answer ends too early")


def read_json(data: bytes | bytearray) -> Any:
    """What it says; None where that is no JSON."""
    try:
        return loads(data)
    except (ValueError, RecursionError):
        return None
