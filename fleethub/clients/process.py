"""A program on this machine, within bounds: its time, its output, and whatever it started are ended with it."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from fleethub.model.dataclass import dataclass

LARGEST = 4 << 20  # bytes of standard output
HELD = 1.0  # seconds for what was written before a program ended, where others may hold its output on
LARGEST_ERROR = 64 << 10  # bytes of standard error that are kept


class ShellError(Exception):
    """The machine cannot be reached, or the script did not end in time. The message is fit to be shown."""


@dataclass(frozen=True, slots=True)
class Output:
    """What a script left: exit code (negative: a signal), standard output, the beginning of standard error."""

    code: int
    out: bytes
    err: bytes


def run(
    argv: Sequence[str],
    stdin: bytes,
    timeout: float,
    env: Mapping[str, str],
    who: str,
    feed: Iterable[bytes] | None = None,
    sink: Callable[[bytes], None] | None = None,
    cwd: Path | None = None,
    leave: bool = False,
) -> Output:
    """Run a program at most ``timeout`` seconds; raises OSError when it cannot be started, ShellError else.

    ``who`` begins the error's message. ``feed`` goes on behind ``stdin``, ``sink`` gets standard output as it comes,
    and ends the program by an OSError; with either, ``timeout`` is how long nothing may move. ``cwd``: the folder that
    it runs in; None: ours. ``leave``: what it started in the background goes on once it has ended by itself.
    """
    process = start(argv, env, cwd=cwd)
    moved = time.monotonic()
    out, err, full = bytearray(), bytearray(), threading.Event()

    def move() -> None:
        nonlocal moved
        if feed is not None or sink is not None:
            moved = time.monotonic()

    def left() -> float:
        return max(moved + timeout - time.monotonic(), 0)

    def listen(pipe: IO[bytes], into: bytearray, limit: int, cut: bool) -> None:
        with suppress(OSError, ValueError):
            while data := os.read(pipe.fileno(), 65536):
                move()
                if pipe is process.stdout and sink is not None:
                    try:
                        sink(data)
                    except OSError:
                        kill(process)
                    continue
                into += data[: max(limit - len(into), 0)]
                if not cut and len(into) >= limit:
                    full.set()
                    kill(process)

    def speak(pipe: IO[bytes]) -> None:
        with suppress(OSError, ValueError):
            pipe.write(stdin)
            for part in feed or ():
                pipe.write(part)
                move()
            pipe.close()

    pipes = (process.stdin, process.stdout, process.stderr)
    threads = [
        threading.Thread(target=listen, args=(process.stdout, out, LARGEST, False), daemon=True),
        threading.Thread(target=listen, args=(process.stderr, err, LARGEST_ERROR, True), daemon=True),
        threading.Thread(target=speak, args=(process.stdin,), daemon=True),
    ]
    for thread in threads:
        thread.start()
    ended = late = False
    try:
        while not _ended(process, left()):
            if not left():
                raise subprocess.TimeoutExpired(argv, timeout)
        ended = True
        for thread in threads[:2]:  # a child in the background may hold the pipes
            thread.join(HELD if leave else left())
            while thread.is_alive() and left() and not leave:
                thread.join(left())
        late = not leave and any(thread.is_alive() for thread in threads[:2])
    except subprocess.TimeoutExpired:
        late = True
    finally:
        if not (leave and ended):
            kill(process)
        process.wait()
        for thread in threads:
            thread.join(1)
        for pipe in pipes:
            with suppress(OSError):
                if pipe:
                    pipe.close()
    if full.is_set():
        raise ShellError(f"{who} wrote more than {LARGEST >> 20} MiB")
    if late and ended:
        raise ShellError(f"{who} ended, but what it started in the background held its output for {timeout:g} s")
    if late:
        raise ShellError(f"{who} did not {'go on' if feed or sink else 'end'} within {timeout:g} s")
    return Output(process.returncode, bytes(out), bytes(err))


def _ended(process: subprocess.Popen[bytes], seconds: float) -> bool:
    """Whether it ends within that time."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def start(
    argv: Sequence[str],
    env: Mapping[str, str],
    stderr: IO[bytes] | int = subprocess.PIPE,
    cwd: Path | None = None,
) -> subprocess.Popen[bytes]:
    """A program in a session of its own: no terminal to ask on, and ``kill`` reaches its children."""
    return subprocess.Popen(  # noqa: S603 - the programs are ours, values come as arguments or on standard input
        argv,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
        start_new_session=True,
        env=env,
        cwd=cwd,
    )


def kill(process: subprocess.Popen[bytes]) -> None:
    """End a program of ``start`` and what it started."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
