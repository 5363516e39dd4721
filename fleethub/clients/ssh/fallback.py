"""``~/.ssh/config`` where no ``ssh`` is installed: paramiko's reader, which knows no Include, so parts come one by one.

Within ssh the first value that is found for a host counts, so the order of the parts is kept.
"""

from __future__ import annotations

import re
import shlex
import socket
from collections.abc import Iterator
from functools import lru_cache
from io import StringIO
from pathlib import Path
from typing import Any

from fleethub.clients.process import ShellError

SYSTEM = "/etc/ssh/ssh_config"
#: Options of which the rest of the line is the value, whatever stands in it.
WHOLE = ("proxycommand", "localcommand", "remotecommand", "knownhostscommand")
#: What a Match asks of which paramiko knows the answer; what it does not know it takes for true.
JUDGED = ("all", "canonical", "final", "host", "originalhost", "user", "localuser", "exec")
_ALONE = ("all", "canonical", "final")  # without a word after it
_TIME = re.compile(r"(?:\d+[smhdwSMHDW]?)+")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
DEPTH = 16  # as ssh: files that include each other end here
_LINE = re.compile(r"\s*(\w+)(\s*=\s*|\s+)(.*?)\s*")


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
    try:
        found |= {"port": _port(found["port"])} if "port" in found else {}
        found |= {"connecttimeout": _seconds(found["connecttimeout"])} if "connecttimeout" in found else {}
    except ValueError as error:
        raise ShellError(f"{host}: {path} cannot be read ({error})") from None
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
    for number, line in enumerate(file.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        word, _, value = match.groups() if (match := _LINE.fullmatch(line)) else ("", "", "")
        if word.lower() in ("host", "match"):
            if depth and block != "Host *":
                raise OSError(f"{file} has a {word} line and is included within {block!r}: include it at the top")
            lines.append(_line(file, number, line).strip())
        elif word.lower() == "include" and depth < DEPTH:
            yield "\n".join(lines)
            around = next(text for text in reversed(lines) if re.match(r"\s*(host|match)\b", text, re.IGNORECASE))
            for name in shlex.split(_uncommented(value)):
                pattern = Path(name).expanduser()
                found = pattern if pattern.is_absolute() else folder / pattern
                for included in sorted(Path("/").glob(str(found)[1:])):
                    if included.is_file():
                        yield from parts(included, folder, around, depth + 1)
            lines = [around]
        else:
            lines.append(_line(file, number, line))
    yield "\n".join(lines)


def _line(file: Path, number: int, line: str) -> str:
    """A line as paramiko has to be told it to read it as OpenSSH does: its reader takes a comment after a value for a
    part of it, single quotes for letters, and brackets in a pattern for a set of them.
    """
    word, gap, value = match.groups() if (match := _LINE.fullmatch(line)) else ("", "", "")
    if not word or word.lower() in WHOLE:
        return line
    value = _uncommented(value)
    if word.lower() == "match":
        value = _criteria(file, number, value)
    elif word.lower() == "host":
        value = value.replace("[", "[[]")
    elif len(value) > 1 and value[0] == value[-1] == "'" and "'" not in value[1:-1]:
        value = f'"{value[1:-1]}"'
    return f"{word}{gap}{value}"


def _uncommented(value: str) -> str:
    """Without what follows a # that begins a word and stands in no quotes."""
    quote = ""
    for at, sign in enumerate(value):
        if quote:
            quote = "" if sign == quote and value[at - 1] != "\\" else quote
        elif sign in "\"'":
            quote = sign
        elif sign == "#" and (at == 0 or value[at - 1].isspace()):
            return value[:at].rstrip()
    return value


def _criteria(file: Path, number: int, value: str) -> str:
    """The words of a Match, each followed by its own as paramiko wants it; raises OSError for one it cannot judge."""
    words, found = iter(shlex.split(value)), []
    for word in words:
        name, equals, given = word.partition("=")
        asked = name.removeprefix("!").lower()
        if asked not in JUDGED:
            says = f"Match {asked} cannot be judged without OpenSSH's ssh: install it, or take the line out"
            raise OSError(f"{file}:{number}: {says}")
        found.append(name)
        if asked not in _ALONE:
            found.append(shlex.quote(given if equals else next(words, "")))
    return " ".join(found)


def _port(text: str) -> str:
    """A number, or a service's; raises ValueError."""
    if text.isdecimal() and 0 < int(text) < 65536:
        return text
    try:
        return str(socket.getservbyname(text))
    except (OSError, ValueError):
        raise ValueError(f"Port {text[:40]} is no port") from None


def _seconds(text: str) -> str:
    """``1m30s`` in seconds; raises ValueError."""
    if text.lower() != "none" and not _TIME.fullmatch(text):
        raise ValueError(f"ConnectTimeout {text[:40]} is no time")
    parts = re.findall(r"(\d+)([a-zA-Z]?)", text)
    return str(sum(int(count) * _UNITS[unit.lower() or "s"] for count, unit in parts)) if parts else text
