"""A program on this machine, within bounds: its time, its output, and whatever it started are ended with it."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import IO

from fleethub.model.dataclass import dataclass

LARGEST = 4 << 20  # bytes of standard output
LARGEST_ERROR = 64 << 10  # bytes of standard error that are kept


class ShellError(Exception):
    """The machine cannot be reached, or the script did not end in time. The message is fit to be shown."""


@dataclass(frozen=True, slots=True)
class Output:
    """What a script left: exit code (negative: a signal), standard output, the beginning of standard error."""

    code: int
    out: bytes
    err: bytes


def run(argv: Sequence[str], stdin: bytes, timeout: float, env: Mapping[str, str], who: str) -> Output:
    """Run a program at most ``timeout`` seconds; raises OSError when it cannot be started, ShellError else.

    ``who`` begins the error's message.
    """
    process = start(argv, env)
    end = time.monotonic() + timeout
    out, err, full = bytearray(), bytearray(), threading.Event()

    def listen(pipe: IO[bytes], into: bytearray, limit: int, cut: bool) -> None:
        with suppress(OSError, ValueError):
            while data := os.read(pipe.fileno(), 65536):
                into += data[: max(limit - len(into), 0)]
                if not cut and len(into) >= limit:
                    full.set()
                    kill(process)

    def speak(pipe: IO[bytes]) -> None:
        with suppress(OSError, ValueError):
            pipe.write(stdin)
            pipe.close()

    pipes = (process.stdin, process.stdout, process.stderr)
    threads = [
        threading.Thread(target=listen, args=(process.stdout, out, LARGEST, False), daemon=True),
        threading.Thread(target=listen, args=(process.stderr, err, LARGEST_ERROR, True), daemon=True),
        threading.Thread(target=speak, args=(process.stdin,), daemon=True),
    ]
    for thread in threads:
        thread.start()
    try:
        code = process.wait(max(end - time.monotonic(), 0))
        for thread in threads[:2]:  # a child in the background may hold the pipes
            thread.join(max(end - time.monotonic(), 0))
        late = any(thread.is_alive() for thread in threads[:2])
    except subprocess.TimeoutExpired:
        late = True
    finally:
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
    if late:
        raise ShellError(f"{who} did not end within {timeout:g} s")
    return Output(code, bytes(out), bytes(err))


def start(
    argv: Sequence[str], env: Mapping[str, str], stderr: IO[bytes] | int = subprocess.PIPE
) -> subprocess.Popen[bytes]:
    """A program in a session of its own: no terminal to ask on, and ``kill`` reaches its children."""
    return subprocess.Popen(  # noqa: S603 - the programs are ours, values come as arguments or on standard input
        argv,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
        start_new_session=True,
        env=env,
    )


def kill(process: subprocess.Popen[bytes]) -> None:
    """End a program of ``start`` and what it started."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
