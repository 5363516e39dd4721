"""What is sent, for who asks with -v: method, place, answer, time. No header, body, parameter's value or key."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from fleethub.model.text import without_keys

LOG = logging.getLogger("fleethub.requests")


class Noted:
    """How a request ended: set while it runs."""

    ended = "no answer"


@contextmanager
def noted(what: str, where: str, params: Mapping[str, object] | None = None) -> Iterator[Noted]:
    """Log one request when it is over; costs nothing where nobody listens."""
    note = Noted()
    if not LOG.isEnabledFor(logging.INFO):
        yield note
        return
    began = time.monotonic()
    try:
        yield note
    except BaseException as error:
        note.ended = type(error).__name__
        raise
    finally:
        names = f"?{'&'.join(f'{name}=…' for name in params)}" if params else ""
        took = (time.monotonic() - began) * 1000
        LOG.info("%s", without_keys(f"{what} {where.partition('?')[0]}{names} -> {note.ended} in {took:.0f} ms"))
