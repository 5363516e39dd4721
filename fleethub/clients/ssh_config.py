"""``~/.ssh/config`` and known_hosts as ssh reads them. Paramiko knows no Include, so its parts come one by one.

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

SYSTEM = "/etc/ssh/ssh_config"
DEPTH = 16  # as ssh: files that include each other end here
_LINE = re.compile(r"\s*(\w+)(?:\s*=\s*|\s+)(.*?)\s*")


def settings() -> Any:
    """Fabric's settings with the user's and the system's ssh config in them; raises OSError and paramiko's errors.

    New ones each time: a Connection writes into its own, key files among it, while others would read them.
    """
    from fabric import Config

    path = Path("~/.ssh/config").expanduser()
    try:
        written = path.stat().st_mtime_ns
    except OSError:
        written = 0
    return Config(ssh_config=_rules(str(path), written))


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


def known_hosts(config: Any) -> list[Path]:
    """The files of known host keys for a host whose ssh config this is."""
    names = shlex.split(config.get("userknownhostsfile") or "~/.ssh/known_hosts ~/.ssh/known_hosts2")
    names += shlex.split(config.get("globalknownhostsfile") or "/etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2")
    return [Path(name).expanduser() for name in names]
