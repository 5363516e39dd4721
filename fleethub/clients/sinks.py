"""What a consumer's check tells of the key that is there, and what may be shown of a program that had a secret."""

from __future__ import annotations

import base64
import hashlib
import re
import shlex
from collections.abc import Iterable, Sequence

from fleethub.clients.host import HostError, Hosts
from fleethub.clients.process import Output
from fleethub.clients.resolver import SecretResolver
from fleethub.model.observation import Source
from fleethub.model.readings.host import SinkReading
from fleethub.model.text import heard

SECONDS = 30.0
LARGEST = 64 << 10  # bytes of a key
WINDOW = 8  # characters of a secret, by whatever name, that nobody may see
_GAPS = re.compile(r"[\s:,]+")  # between the digits of a dump, or letters one by one
_DIGEST = re.compile(rb"(?:sha256:)?([0-9a-f]{64})(?:\s.*)?", re.DOTALL)
#: What may be a secret though nobody here knows it.
_LONG = re.compile(r"[A-Za-z0-9_+=-]{20,}")


def read(hosts: Hosts, resolver: SecretResolver, source: Source) -> SinkReading:
    """Run a check; raises HostError where it cannot be run at all."""
    (line,) = source.ask
    return check(hosts, resolver, source.at, shlex.split(line), SECONDS)


def check(
    hosts: Hosts,
    resolver: SecretResolver,
    target: str,
    argv: Sequence[str],
    seconds: float,
    secrets: Iterable[str] = (),
) -> SinkReading:
    """Run a check: the key's digest, or why it does not tell. Raises HostError."""
    if not resolver.permits(shlex.join(argv)):
        raise HostError(f"its check {shlex.join(argv)!r} is not known on this machine, so it did not run")
    done = hosts.command(target, argv, b"", seconds, resolver.environment())
    if done.code != 0:
        return SinkReading(failed=f"its check {ended(argv, done, secrets, silent=True)}")
    out = done.out.strip()
    if len(out) > LARGEST or b"\n" in out:
        return SinkReading(failed="its check printed more than a key")
    if not out:
        return SinkReading()
    told = _DIGEST.fullmatch(out)
    return SinkReading(bytes.fromhex(told[1].decode()) if told else hashlib.sha256(out).digest())


def ended(argv: Sequence[str], done: Output, secrets: Iterable[str] = (), silent: bool = False) -> str:
    """How a program ended, in words: the last line of what it said, unless a secret, or a part of one, may be in it.

    ``silent``: what it printed is a secret by itself, and only its messages are looked at.
    """
    heads = f"({argv[0]}) ended with {done.code}" if silent else f"{argv[0]} ended with {done.code}"
    text = (done.err if silent else done.err or done.out).decode("utf-8", "replace")
    if tells((done.err + done.out).decode("utf-8", "replace"), secrets):
        return f"{heads}, and what it said holds the key: run it there by hand"
    lines = (heard(_LONG.sub("(sensitive)", line), 200) for line in reversed(text.splitlines()))
    said = next(filter(None, lines), "")
    return f"{heads} ({said})" if said else heads


def tells(text: str, secrets: Iterable[str]) -> bool:
    """Whether a text holds a part of a secret, plain, in base64 or in hexadecimal digits, in one piece or apart."""
    close = _GAPS.sub("", text)
    texts = (text, close, close.lower())  # hexadecimal digits may be capitals
    return any(
        form[at : at + WINDOW] in one
        for secret in secrets
        for form in _forms(secret)
        for at in range(max(len(form) - WINDOW + 1, 1))
        for one in texts
    )


def _forms(secret: str) -> Iterable[str]:
    data = secret.removeprefix("sk-").encode()  # which is in every key
    yield data.decode()
    yield data.hex()
    for before in range(3):  # wherever in a longer text it begins; the digits that it shares with others left out
        coded = base64.b64encode(b"\0" * before + data).decode()
        yield coded[4 if before else 0 : len(coded) - 4]
