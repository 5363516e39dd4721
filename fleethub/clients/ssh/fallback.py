"""``~/.ssh/config`` where no ``ssh`` is installed: paramiko's reader, which knows no Include, so parts come one by one.

Within ssh the first value that is found for a host counts, so the order of the parts is kept.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from functools import lru_cache
from io import StringIO
from pathlib import Path
from typing import Any

from fleethub.clients.process import ShellError

SYSTEM = "/etc/ssh/ssh_config"
DEPTH = 16  # as ssh: files that include each other end here
_LINE = re.compile(r"\s*(\w+)(?:\s*=\s*|\s+)(.*?)\s*")


def lookup(host: str, user: str | None, port: int | None) -> dict[str, tuple[str, ...]]:
    """A host's options as ``ssh -G`` would name them; raises ShellError."""
    path = Path("~/.ssh/config").expanduser()
    try:
        written = path.stat().st_mtime_ns
    except OSError:
        written = 0
    try:
        found = _rules(str(path), written).lookup(host)
    except Exception as error:  # the file, a line of it, a Match exec: each has its own type
        raise ShellError(f"{host}: {path} cannot be read ({str(error)[:160]})") from None
    given = {"user": user, "port": str(port) if port else None}
    found.update({name: value for name, value in given.items() if value})
    return {name: tuple(value) if isinstance(value, list) else (str(value),) for name, value in found.items()}


@lru_cache(maxsize=1)
def _rules(path: str, written: int) -> Any:
    """Read once, not for each of a hundred hosts."""
    from paramiko import SSHConfig

    found = SSHConfig()
    for file in (Path(path), Path(SYSTEM)):
        if file.is_file():
            for part in parts(file, file.parent):
                found.parse(StringIO(part))
    return found


def parts(file: Path, folder: Path, block: str = "Host *", depth: int = 0) -> Iterator[str]:
    """A config cut at its Includes, what they name in their place; each part says to whom it applies.

    ``folder``: what relative names are relative to. ``block``: the Host or Match line around the file.
    """
    lines = [block]
    for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
        word, value = match.groups() if (match := _LINE.fullmatch(line)) else ("", "")
        if word.lower() in ("host", "match"):
            if depth and block != "Host *":
                raise OSError(f"{file} has a {word} line and is included within {block!r}: include it at the top")
            lines.append(line.strip())
        elif word.lower() == "include" and depth < DEPTH:
            yield "\n".join(lines)
            around = next(text for text in reversed(lines) if re.match(r"\s*(host|match)\b", text, re.IGNORECASE))
            for name in shlex.split(value):
                pattern = Path(name).expanduser()
                found = pattern if pattern.is_absolute() else folder / pattern
                for included in sorted(Path("/").glob(str(found)[1:])):
                    if included.is_file():
                        yield from parts(included, folder, around, depth + 1)
            lines = [around]
        else:
            lines.append(line)
    yield "\n".join(lines)
