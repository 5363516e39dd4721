"""Standard streams that never raise: closed, full, or with a reader that has gone.

Python writes what it buffered once more when it ends, after every handler of ours: exit 120 and "Exception ignored".
And a command that is at work, an apply above all, must not stop half way because nobody can be told. So a write that
fails is remembered, the rest is dropped, and who ends the process judges it.
"""

from __future__ import annotations

import errno
import io
import os
import select
import sys
from contextlib import suppress
from typing import Any

from fleethub.model.exit import Exit, worst


class Outlet(io.FileIO):
    """A descriptor to write to. ``lost``: the first error of a write; from then on nothing is written."""

    lost: OSError | None = None

    def write(self, data: Any) -> int:
        """All of it as far as the caller can tell."""
        whole, rest = memoryview(data).nbytes, memoryview(data).cast("B")
        while self.lost is None and rest:
            try:
                done = super().write(rest)
                if done is None:  # somebody else made it non-blocking
                    select.select((), (self,), ())
                rest = rest[done or 0 :]
            except OSError as error:
                self.lost = error
        return whole


def fit() -> None:
    """Make the standard streams fit to write to.

    A closed one (``>&-``) is /dev/null, else the next file that is opened gets its number; what an encoding does not
    have is shown as ``?``. What a test or an embedding program has put in their place stays.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            os.dup2(os.open(os.devnull, os.O_RDWR), number)
            setattr(sys, name, open(number, "w" if number else "r", encoding="utf-8", closefd=False))  # noqa: SIM115
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if not isinstance(stream, io.TextIOWrapper):
            continue
        if _outlet(stream) is None and type(stream) is io.TextIOWrapper and _is_file(stream):
            stream = _through_outlet(stream)
            setattr(sys, name, stream)
        stream.reconfigure(errors="replace")


def _is_file(stream: io.TextIOWrapper) -> bool:
    return isinstance(getattr(stream.buffer, "raw", stream.buffer), io.FileIO)


def _through_outlet(stream: io.TextIOWrapper) -> io.TextIOWrapper:
    with suppress(OSError):
        stream.flush()
    outlet = Outlet(stream.fileno(), "w", closefd=False)
    return io.TextIOWrapper(
        outlet if stream.write_through else io.BufferedWriter(outlet),  # as Python does it
        encoding=stream.encoding,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


def _outlet(stream: Any) -> Outlet | None:
    buffer = getattr(stream, "buffer", None)
    raw = getattr(buffer, "raw", buffer)
    return raw if isinstance(raw, Outlet) else None


def lost() -> OSError | None:
    """Why not all of standard output went out so far; None when it did."""
    if sys.stdout is not None and not sys.stdout.closed:
        sys.stdout.flush()
    outlet = _outlet(sys.stdout)
    return outlet.lost if outlet is not None else None


def judged(code: int) -> int:
    """The exit code of a command that ended with ``code``: output that was lost is an error, and is said.

    A reader that had enough (``| head``) is none; nor is a message on standard error that nobody got: what it was
    about has its own code.
    """
    said = _said()
    with suppress(OSError, ValueError):
        sys.stderr.flush()
    return int(worst(Exit(code), Exit.ERROR)) if said else code


def forgive() -> None:
    """Say what was lost so far, and count it as no error: for a command that must not fail."""
    _said()
    outlet = _outlet(sys.stdout)
    if outlet is not None:
        outlet.lost = None


def _said() -> bool:
    error = lost()
    if error is None or error.errno == errno.EPIPE:
        return False
    print(f"error: the output is not complete: {error.strerror}", file=sys.stderr)
    return True
