"""A script's answer between two lines that nobody else can write.

A login script of the account may print: a banner, ``Welcome``, something without a newline, something at the end. So
each run draws a nonce, which stands in the line before the answer and in the one after it; what is outside of them is
skipped. An answer without both lines is none: it says nothing of the machine, least of all that something is not there.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable

from fleethub.clients.scripts import load
from fleethub.clients.shell import Output, Shell, ShellError
from fleethub.model.text import heard

#: Goes before a script, with ``frame`` assigned: what stands in both lines.
_BEGIN = load("answer")
_KEPT = 4096  # bytes of what others write around a long answer
FOREIGN = "a login script of that account writes into it, or lets no command run"


class AnswerError(ShellError):
    """What came back is not the script's whole answer. The message is fit to be shown, and names no machine."""


class TornError(AnswerError):
    """The script began and did not end by itself. ``ended``: that, without what was said meanwhile."""

    def __init__(self, ended: str, said: str) -> None:
        super().__init__(f"{ended} ({said})" if said else ended)
        self.ended = ended


def ask(
    shell: Shell, script: str, stdin: bytes = b"", timeout: float = 20.0, feed: Iterable[bytes] | None = None
) -> Output:
    """Run a script; its own output and exit code, without what others wrote around it. Raises ShellError.

    ``feed`` and what ``timeout`` means with it: as in ``Shell.flow``.
    """
    nonce = secrets.token_hex(16)
    text = f"frame='fleethub {nonce}'\n{_BEGIN}{script}"
    return _unframed(nonce, shell.run(text, stdin, timeout) if feed is None else shell.flow(text, stdin, timeout, feed))


def listen(shell: Shell, script: str, stdin: bytes, timeout: float, sink: Callable[[bytes], None]) -> Output:
    """Run a script and hand its own output on as it comes, as in ``Shell.flow``. Raises ShellError."""
    nonce = secrets.token_hex(16)
    frame = _Frame(nonce, sink)
    done = shell.flow(f"frame='fleethub {nonce}'\n{_BEGIN}{script}", stdin, timeout, sink=frame.take)
    return _unframed(nonce, Output(done.code, frame.around(), done.err))


class _Frame:
    """What comes between the two lines is handed on; what is around them is kept, as far as it is looked at."""

    def __init__(self, nonce: str, sink: Callable[[bytes], None]) -> None:
        self._begin, self._end = f"\nfleethub {nonce} begin\n".encode(), f"\nfleethub {nonce} end ".encode()
        self._sink, self._head, self._rest, self._tail = sink, b"", b"", b""

    def take(self, data: bytes) -> None:
        """The next bytes; what the second line may begin with is held back."""
        if self._tail:
            self._tail = (self._tail + data)[:_KEPT]
            return
        self._rest += data
        if not self._head:
            before, begun, rest = self._rest.partition(self._begin)
            if not begun:
                self._rest = self._rest[:_KEPT] + self._rest[_KEPT:][-len(self._begin) :]
                return
            self._head, self._rest = before[:_KEPT] + begun, rest
        body, ended, tail = self._rest.partition(self._end)
        if ended:
            self._rest, self._tail = b"", ended + tail[:_KEPT]
        else:
            body, self._rest = self._rest[: -len(self._end)], self._rest[-len(self._end) :]
        if body:
            self._sink(body)

    def around(self) -> bytes:
        """All but what was handed on."""
        return self._head + self._rest + self._tail


def _unframed(nonce: str, done: Output) -> Output:
    head, begun, rest = done.out.partition(f"\nfleethub {nonce} begin\n".encode())
    if not begun:
        said = _short(head) or _short(done.err)
        how = f"it begins with {said!r}" if said else "it is empty"
        how += f", exit code {done.code}" if done.code else ""
        raise AnswerError(f"its answer is not that of FleetHub's script ({how}): {FOREIGN}")
    body, ended, tail = rest.rpartition(f"\nfleethub {nonce} end ".encode())
    code, newline, _ = tail.partition(b"\n")
    if not ended or not newline or not code.isdigit():
        raise TornError(f"a script ended with {done.code} before its answer was whole", _short(done.err))
    return Output(int(code), body, done.err)


def _short(data: bytes) -> str:
    """The first line that says something, printable and short."""
    lines = (line.strip() for line in data[:4096].decode("utf-8", "replace").splitlines())
    return heard(next(filter(None, lines), ""), 80)
