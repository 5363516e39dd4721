"""A call to a proxy or a model server with a node's own key, and what came of it."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from fleethub.model.dataclass import dataclass


class Failure(StrEnum):
    """Why a call has no answer that means something. ``SKIPPED``: not made, and its reason is elsewhere."""

    RESOLVE = "its name is not known"
    CONNECT = "cannot connect"
    SILENT = "no connection in time"
    HANGS = "no answer in time"
    SHAPE = "not the answer of such a server"
    OTHER = "no usable answer"
    SKIPPED = "not asked"


#: Nobody was reached at all.
UNREACHED = frozenset({Failure.RESOLVE, Failure.CONNECT, Failure.SILENT})
Wants = Literal["models", "tags", "route", "chat", "generate"]


@dataclass(frozen=True, slots=True)
class Call:
    """One request. ``variable`` names its key in the node's ``.env`` (empty: none), ``limit`` its seconds in all.

    ``body`` is JSON on one line, empty for a GET. ``after`` is the index of a call that must have been answered.
    """

    wants: Wants
    url: str
    variable: str
    limit: float
    body: str = ""
    after: int | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of a call. ``status`` 0 without an answer; ``kind`` is LiteLLM's ``error.type``.

    ``names`` are of a list (None: there is none); ``says`` is fit to be shown, and holds no key. ``group`` is the model
    that answered as LiteLLM tells it, ``fallbacks`` how many it called in another's place.
    """

    status: int = 0
    failure: Failure | None = None
    kind: str = ""
    says: str = ""
    names: frozenset[str] | None = None
    group: str = ""
    fallbacks: int = 0

    @property
    def good(self) -> bool:
        """Answered as asked."""
        return self.failure is None and 200 <= self.status < 300
