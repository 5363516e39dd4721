"""A script's answer between two lines that nobody else can write.

A login script of the account may print: a banner, ``Welcome``, something without a newline, something at the end. So
each run draws a nonce, which stands in the line before the answer and in the one after it; what is outside of them is
skipped. An answer without both lines is none: it says nothing of the machine, least of all that something is not there.
"""

from __future__ import annotations

import secrets

from fleethub.clients.scripts import load
from fleethub.clients.shell import Output, Shell, ShellError
from fleethub.model.text import heard

#: Goes before a script, with ``frame`` assigned: what stands in both lines.
_BEGIN = load("answer")
FOREIGN = "a login script of that account writes into it, or lets no command run"


class AnswerError(ShellError):
    """What came back is not the script's whole answer. The message is fit to be shown, and names no machine."""


def ask(shell: Shell, script: str, stdin: bytes = b"", timeout: float = 20.0) -> Output:
    """Run a script; its own output and exit code, without what others wrote around it. Raises ShellError."""
    nonce = secrets.token_hex(16)
    done = shell.run(f"frame='fleethub {nonce}'\n{_BEGIN}{script}", stdin, timeout)
    head, begun, rest = done.out.partition(f"\nfleethub {nonce} begin\n".encode())
    if not begun:
        said = _short(head) or _short(done.err)
        how = f"it begins with {said!r}" if said else "it is empty"
        how += f", exit code {done.code}" if done.code else ""
        raise AnswerError(f"its answer is not that of FleetHub's script ({how}): {FOREIGN}")
    body, ended, tail = rest.rpartition(f"\nfleethub {nonce} end ".encode())
    code, newline, _ = tail.partition(b"\n")
    if not ended or not newline or not code.isdigit():
        why = _short(done.err)
        raise AnswerError(f"a script ended with {done.code} before its answer was whole{f' ({why})' if why else ''}")
    return Output(int(code), body, done.err)


def _short(data: bytes) -> str:
    """The first line that says something, printable and short."""
    lines = (line.strip() for line in data[:4096].decode("utf-8", "replace").splitlines())
    return heard(next(filter(None, lines), ""), 80)
