"""``fleethub serve`` as a process of its own, on a port that the system gives."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.forked import fleethub

SECONDS = 300


def interpreter(*argv: str, **popen: Any) -> subprocess.Popen[str]:
    """``python -m fleethub``, as it is installed or found on ``PYTHONPATH``."""
    started: subprocess.Popen[str] = subprocess.Popen([sys.executable, "-m", "fleethub", *argv], **popen)
    return started


Start = Callable[..., subprocess.Popen[str]]


class Served:
    """A running server; ``url`` is what it says. ``start`` is called like ``Popen``, with its command line."""

    def __init__(
        self,
        folder: Path,
        *argv: str,
        cwd: Path | None = None,
        start: Start = interpreter,
        how: tuple[str, ...] = ("serve",),
        **environment: str,
    ) -> None:
        env = {**os.environ, **environment}
        command = ["-C", str(folder), "--json", *how, "--port", "0", *argv]
        self.process = start(*command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=cwd)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(f"it ended with {self.process.wait()}: {self.process.communicate()[1]}")
        self.said = json.loads(line)
        self.url: str = self.said.get("url", "")

    def get(self, path: str) -> Any:
        """The JSON of a path."""
        with urllib.request.urlopen(self.url.rstrip("/") + path, timeout=SECONDS) as answer:
            return json.load(answer)

    def observed(self) -> Any:
        """The fleet, once it was looked at."""
        return self.until(lambda: (found := self.get("/api/fleet"))["observation"]["at"] and found)

    def until(self, true: Any) -> Any:
        """Ask until something is so."""
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            if found := true():
                return found
            time.sleep(0.05)
        raise AssertionError("it did not become so")

    def stop(self, how: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        """End it with a signal; exit status and what it said on stderr."""
        self.process.send_signal(how)
        _, errors = self.process.communicate(timeout=SECONDS)
        return self.process.returncode, errors


@contextmanager
def serving(
    folder: Path, *argv: str, start: Start = fleethub, how: tuple[str, ...] = ("serve",), **environment: str
) -> Iterator[Served]:
    """A server for the time of a test."""
    found = Served(folder, *argv, start=start, how=how, **environment)
    try:
        yield found
    finally:
        if found.process.poll() is None:
            found.process.kill()
            found.process.communicate()
