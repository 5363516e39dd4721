"""One host as OpenSSH's own files describe it, and what an address says."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from fleethub.clients.process import ShellError
from fleethub.model.dataclass import dataclass
from fleethub.model.login import login

CONNECT = 5.0  # seconds for the TCP connection, and for each answer of the login, unless ConnectTimeout says so
LOGIN = 15.0  # seconds for a login as a whole, jump hosts included
NAMES = ("id_rsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk")


@dataclass(frozen=True, slots=True)
class Destination:
    """A host to log in to.

    ``name`` is what was asked for, ``host`` where it is. ``options`` by lower-case name as ``ssh -G`` prints them.
    ``via``: the jump host that leads to it. ``by_openssh``: read by OpenSSH itself, so its ``ssh`` can be used.
    """

    name: str
    host: str
    port: int
    user: str
    home: str
    options: Mapping[str, tuple[str, ...]]
    via: Destination | None = None
    by_openssh: bool = True

    def option(self, name: str, otherwise: str = "") -> str:
        """An option's value; ``otherwise`` when it is not set or ``none``."""
        value = self.options.get(name, ("",))[0]
        return otherwise if value.lower() in ("", "none") else value

    def names(self, option: str) -> tuple[str, ...]:
        """A list of algorithms."""
        return tuple(name for name in self.option(option).split(",") if name)

    @property
    def chain(self) -> tuple[Destination, ...]:
        """The host and its jump hosts, the nearest to it first."""
        return (self, *(self.via.chain if self.via else ()))

    @property
    def connect_timeout(self) -> float:
        """Seconds for the TCP connection."""
        return float(self.option("connecttimeout") or CONNECT)

    @property
    def known_as(self) -> tuple[str, ...]:
        """Its names in known_hosts, the first that is found counts: as OpenSSH, a port is looked up without too."""
        if alias := self.option("hostkeyalias"):
            return (alias,)
        host = self.host.lower()
        return (host,) if self.port == 22 else (f"[{host}]:{self.port}", host)

    @property
    def identity_files(self) -> tuple[Path, ...]:
        """Its keys' files, those that ssh takes by default when none is named."""
        named = self.options.get("identityfile") or tuple(f"~/.ssh/{name}" for name in NAMES)
        return tuple(dict.fromkeys(self.path(text) for text in named if text != "none"))

    @property
    def known_hosts(self) -> tuple[Path, ...]:
        """The files of known host keys, the user's first."""
        user = self.options.get("userknownhostsfile", ("~/.ssh/known_hosts ~/.ssh/known_hosts2",))
        system = self.options.get("globalknownhostsfile", ("/etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2",))
        return tuple(self.path(name) for text in (*user, *system) for name in _files(text) if name != "none")

    @property
    def agent(self) -> str:
        """The agent's socket; empty without one."""
        value = self.options.get("identityagent", ("SSH_AUTH_SOCK",))[0]
        if value == "none":
            return ""
        if value == "SSH_AUTH_SOCK" or value.startswith("$"):
            return os.environ.get(value.removeprefix("$").strip("{}"), "")
        return str(self.path(value))

    def path(self, text: str) -> Path:
        """A file's name with ``~``, ``${NAME}`` and the tokens of ssh_config(5) filled in; ``ssh -G`` leaves them."""
        return _path(self.home, self._filled(text) if "$" in text or "%" in text else text)

    def _filled(self, text: str) -> str:
        here = socket.gethostname()
        tokens = {"%": "%", "d": self.home, "h": self.host, "i": str(os.getuid()), "l": here, "L": here.split(".")[0],
                  "k": self.option("hostkeyalias", self.name), "n": self.name, "p": str(self.port), "r": self.user,
                  "u": Path(self.home).name, "C": Path(self.option("controlpath")).name,
                  "j": self.options.get("proxyjump", ("",))[0]}  # fmt: skip
        tokens["u"] = os.environ.get("USER") or tokens["u"]
        text = re.sub(r"\$\{(\w+)\}", lambda match: os.environ.get(match[1], ""), text)
        return re.sub("%(.)", lambda match: tokens.get(match[1], match[0]), text)


@lru_cache(maxsize=256)
def _path(home: str, text: str) -> Path:
    """The same few for each of a hundred hosts."""
    return Path(home + text[1:] if text == "~" or text.startswith("~/") else text).expanduser()


def _files(text: str) -> list[str]:
    """The names in a list of files: ``ssh -G`` takes their quotes off, so a blank may be a part of one."""
    words = text.split(" ")
    found = []
    while words:
        size = next((n for n in range(len(words), 1, -1) if Path(" ".join(words[:n])).is_file()), 1)
        found.append(" ".join(words[:size]))
        words = words[size:]
    return [name for name in found if name]


def parts(address: str) -> tuple[str | None, str, int | None]:
    """User, host and port of ``user@host:port``; raises ShellError."""
    found = login(address)
    if found is None or found[1].startswith("-") or (found[0] or "").startswith("-"):
        raise ShellError(f"{address}: is not user@host or user@host:port")
    return found


def command(address: str) -> str:
    """What to type to log in there by hand."""
    user, host, port = parts(address)
    return f"ssh {f'-p {port} ' if port else ''}{f'{user}@' if user else ''}{host}"
