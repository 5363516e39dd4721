"""Machines whose login scripts print, and answers as a script would have framed them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from fleethub.clients.shell import Output, Shell

#: What an account's start-up files write: before and after what was asked.
NOISE = [
    (b"Welcome to volta!\n", b""),
    (b"no newline", b""),
    (b"\xff\x00\x1b[2J\nabsent\nend\n", b""),
    (b"", b"Bye.\n"),
    (b"absent\nend\n", b"\nabsent\nend\n"),
    (b"fleethub 1\nabsent\nend\n", b"removed\ndelivered\nstamped\n"),
]


def framed(script: str, body: bytes, code: int = 0) -> bytes:
    """An answer as the script that was run would begin and end it."""
    found = re.search(r"fleethub [0-9a-f]{32}", script)
    assert found, "the script was not asked with answer.ask"
    frame = found[0].encode()
    return b"\n" + frame + b" begin\n" + body + b"\n" + frame + b" end %d\n" % code


@dataclass
class Printing:
    """A machine of an account whose login scripts print around what the machine itself answers."""

    machine: Shell
    before: bytes = b""
    after: bytes = b""

    def run(self, script: str, stdin: bytes = b"", timeout: float = 20.0) -> Output:
        done = self.machine.run(script, stdin, timeout)
        return Output(done.code, self.before + done.out + self.after, done.err)


@dataclass
class Instead:
    """A machine where the script does not run, or its answer is cut after some bytes."""

    machine: Shell
    says: bytes | None = None
    length: int = 0

    def run(self, script: str, stdin: bytes = b"", timeout: float = 20.0) -> Output:
        if self.says is not None:
            return Output(0, self.says, b"")
        done = self.machine.run(script, stdin, timeout)
        return Output(done.code, done.out[: self.length], done.err)
