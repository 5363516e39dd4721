"""Texts of a node with braces in them, and where its files may go: on a host by SSH, or below the fleet."""

from __future__ import annotations

import os
import posixpath
import re
import stat
from collections.abc import Collection, Iterable
from pathlib import Path

from fleethub.fleetspec.values import CONTROL, HOST, USER

BRACE = re.compile(r"\{(host|name)\}")
WORD = re.compile(r"(?<!\{)\{([a-z_]+)\}(?!\})")
SSH = re.compile(rf"ssh://(?:({USER})@)?({HOST})(?::(\d{{1,5}}))?(/[A-Za-z0-9._@+=:,/-]*)")
ABSOLUTE = re.compile(r"(/[A-Za-z0-9._@+=:,][A-Za-z0-9._@+=:,-]*)+/?")
SSH_HELP = "write it like ssh://user@host/srv/openclaw/{name}; a path has letters, digits and . _ - @ + = : ,"
RESERVED = (".fleethub", "templates", ".git")


class Refused(ValueError):
    """What is wrong with a text, for whoever knows where it was written."""

    def __init__(self, message: str, hint: str = "", code: str = "spec.value") -> None:
        super().__init__(message)
        self.hint = hint
        self.code = code


def expand(text: str, host: str, name: str) -> str:
    """Fill in {host} and {name}; any other brace is refused."""
    if re.search(r"[{}]", BRACE.sub("", text)):
        raise Refused("has a brace that is neither {host} nor {name}", "allowed: {host}, {name}")
    return BRACE.sub(lambda m: host if m[1] == "host" else name, text)


def expand_words(words: Iterable[str], host: str, name: str, later: Collection[str] = ()) -> tuple[str, ...]:
    """Fill {host} and {name} into a command's words; what ``later`` names stays. Braces around anything but small
    letters are the command's own, as in a jq program or a Go template.
    """
    known = {"host": host, "name": name}

    def value(match: re.Match[str]) -> str:
        if match[1] not in known and match[1] not in later:
            allowed = ", ".join(f"{{{one}}}" for one in (*known, *later))
            raise Refused(f"has {match[0]}, which is no placeholder", f"allowed: {allowed}; else put a space into it")
        return known.get(match[1], match[0])

    return tuple(WORD.sub(value, word) for word in words)


def image_problem(text: str) -> str:
    """Why a text is no container image; empty when it is one."""
    fine = re.fullmatch(r"[a-z0-9][A-Za-z0-9._/:@-]{0,254}", text)
    return "" if fine else "must be a container image with its tag"


def relative_file(text: str) -> str:
    """A path below the target in its normal form."""
    if not re.fullmatch(r"[A-Za-z0-9._@+=,/-]{1,200}", text) or text.startswith(("/", "-")):
        raise Refused("must be a relative path", "allowed: letters, digits and . _ - @ + = , /")
    if ".." in text.split("/") or text.endswith("/"):
        raise Refused("must be a file below the target, without ..")
    path = posixpath.normpath(text)
    if path == "." or path.split("/")[0].casefold() == ".fleethub":
        raise Refused("is FleetHub's own place at the target", "choose another path")
    return path


def normal(text: str, root: Path, home: str = "") -> str:
    """A target in its normal form: an ssh:// URL, or a folder's path relative to the fleet's folder.

    ``home``: the one folder below the operator's home that is one, too; a program that has it may have been told to
    have another, which is written as its whole path.
    """
    if home and text.rstrip("/") == home:
        return home
    if home and ABSOLUTE.fullmatch(text) and ".." not in text.split("/"):
        return posixpath.normpath(text)
    if "://" in text or text.startswith("ssh:"):
        return _ssh(text)
    return _folder(text, root)


def _ssh(text: str) -> str:
    if re.match(r"ssh://[^/]*:[^/]*@", text):
        raise Refused(
            "has a password in it", "take it out: FleetHub logs in as ssh does, by key", "spec.literal-secret"
        )
    match = SSH.fullmatch(text)
    if not match:
        raise Refused("must be ssh://user@host/path or a folder of the fleet", SSH_HELP)
    user, host, port, path = match.groups()
    parts = path.split("/")
    if ".." in parts or any(part.startswith("-") for part in parts):
        raise Refused("has a path with .. or a part that starts with -", SSH_HELP)
    if posixpath.normpath(path).strip("/") == "" or (port and not 1 <= int(port) <= 65535):
        raise Refused("needs a folder of its own and, if any, a port from 1 to 65535", SSH_HELP)
    door = f":{int(port)}" if port and int(port) != 22 else ""
    return f"ssh://{user + '@' if user else ''}{host}{door}/{posixpath.normpath(path).strip('/')}"


def _folder(text: str, root: Path) -> str:
    outside = Refused(
        "is outside the fleet's folder",
        "write a path relative to the fleet's folder, or ssh://user@host/path",
        "target.outside",
    )
    if CONTROL.search(text) or "\\" in text or len(text) > 1024:
        raise Refused("is no usable path", "write a path with /, without control characters")
    if text.startswith("~") or ".." in text.split("/"):
        raise outside
    parts = _real(text, root)
    if parts is None:
        raise outside
    if not parts or set(parts) & set(RESERVED):
        raise Refused("must be a folder of the node's own", f"not the fleet's folder itself, nor {', '.join(RESERVED)}")
    if any(part.startswith("-") for part in parts):
        raise Refused("has a part that starts with -", "rename the folder")
    return "/".join(parts)


def _real(text: str, root: Path) -> tuple[str, ...] | None:
    """The parts of a folder's path below the root (which is resolved), links followed; None: it is not below it."""
    parts = tuple(part for part in text.split("/") if part not in ("", "."))
    if not text.startswith("/") and not _linked(root, parts):
        return parts
    try:
        path = (root / text).resolve()
    except (OSError, ValueError, RuntimeError):
        raise Refused("is no usable path") from None
    return path.relative_to(root).parts if path.is_relative_to(root) else None


def _linked(root: Path, parts: Iterable[str]) -> bool:
    """Whether a link, or what cannot be looked at, is on the way. Only what is below the root is looked at: a fleet has
    many targets.
    """
    there = str(root)
    try:
        for part in parts:
            there = f"{there}/{part}"
            if stat.S_ISLNK(os.lstat(there).st_mode):
                return True
    except FileNotFoundError:
        return False
    except (OSError, ValueError):
        return True
    return False


def host_of(text: str) -> str:
    """The host of an ssh:// URL; of a folder this machine."""
    match = SSH.fullmatch(text.replace("{name}", "x"))
    return match[2] if match else "localhost"


def place_of(target: str) -> str:
    """What two targets that are the same folder have in common: the host's case and the user do not count."""
    if match := SSH.fullmatch(target):
        _, host, port, path = match.groups()
        return f"ssh://{host.casefold()}{':' + port if port else ''}{path}"
    return target


def above(place: str) -> tuple[str, ...]:
    """The folders that a place (see ``place_of``) lies in, the outermost first."""
    parts = place.split("/")
    return tuple("/".join(parts[:depth]) for depth in range(1, len(parts)))
