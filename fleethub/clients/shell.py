"""Scripts on a machine: this one, or another over SSH. The seam between FleetHub and a host's command line.

A script is a constant of ours: what varies goes in as standard input, so nothing has to be quoted. Time and
output are bounded, and a machine that hangs ends in an error.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING, Protocol

from fleethub.clients import process
from fleethub.clients.process import LARGEST_ERROR, Output, ShellError
from fleethub.clients.requests_log import noted
from fleethub.model.dataclass import dataclass
from fleethub.model.trust import Guard

if TYPE_CHECKING:
    from fleethub.clients.ssh import Remote, SshConfig
    from fleethub.clients.ssh.kept import Kept

__all__ = ["LARGEST_ERROR", "Local", "Output", "Shell", "ShellError", "Shells"]

#: The whole environment that a local script gets: what else is in ours may be a secret.
PASSED = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "TMPDIR", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS")


class Shell(Protocol):
    """A machine that runs scripts."""

    def run(self, script: str, stdin: bytes = b"", timeout: float = 20.0) -> Output:
        """Run a POSIX shell script, at most ``timeout`` seconds; raises ShellError."""
        return self.flow(script, stdin, timeout)

    def flow(
        self,
        script: str,
        stdin: bytes,
        timeout: float,
        feed: Iterable[bytes] | None = None,
        sink: Callable[[bytes], None] | None = None,
    ) -> Output:
        """The same of what is too much to be kept: ``feed`` goes on behind ``stdin``, ``sink`` gets what it prints, and
        may end it by an OSError; ``timeout`` is how long nothing may move.
        """


class Shells:
    """The machines of one command by address, one connection to each. Close it at the end.

    ``ssh_program``: log in through the ``ssh`` program everywhere, not only where it is needed. ``withheld``: the
    environment variables that hold the fleet's secrets; no program that ssh starts gets them. ``guard``: which machines
    are logged in to; None: all. ``kept``: where connections come from, and go at the end in place of being closed.
    """

    def __init__(
        self,
        ssh_program: bool = False,
        withheld: Collection[str] = (),
        guard: Guard | None = None,
        kept: Kept | None = None,
    ) -> None:
        self._guard, self._kept = guard, kept
        self._ssh_program, self._withheld = ssh_program, frozenset(withheld)
        self._open: dict[str, Local | Remote] = {}
        self._config: SshConfig | None = None
        self._lock = threading.Lock()

    def at(self, address: str) -> Shell:
        """The machine at ``"local"``, ``"user@host"`` or ``"user@host:port"``; it connects when it is used."""
        if address != "local" and self._guard is not None and not self._guard.allows(f"ssh://{address}"):
            return Stranger(address)
        with self._lock:
            if address not in self._open:
                self._open[address] = Local() if address == "local" else self._remote(address)
            return self._open[address]

    def _remote(self, address: str) -> Remote:
        from fleethub.clients.ssh import Remote, SshConfig

        if self._config is None:
            self._config = SshConfig(
                {
                    name: text
                    for name, text in os.environ.items()
                    if name not in self._withheld and not name.startswith("FLEETHUB_")
                }
            )
        known = self._kept.take(self._key(address)) if self._kept is not None else None
        if known is not None:
            known.renew(self._config)
        return known or Remote(address, self._config, self._ssh_program)

    def _key(self, address: str) -> tuple[str, bool, frozenset[str]]:
        return address, self._ssh_program, self._withheld

    def close(self) -> None:
        """Close every connection, or give them to where they are kept."""
        with self._lock:
            remotes = {address: shell for address, shell in self._open.items() if not isinstance(shell, Local)}
            self._open.clear()
        if self._kept is not None:
            self._kept.give((self._key(address), remote) for address, remote in remotes.items())
            return
        for remote in remotes.values():
            remote.close()


@dataclass(frozen=True, slots=True)
class Stranger(Shell):
    """A machine that is not known here: nobody logs in."""

    address: str

    def flow(
        self,
        script: str,
        stdin: bytes,
        timeout: float,
        feed: Iterable[bytes] | None = None,
        sink: Callable[[bytes], None] | None = None,
    ) -> Output:
        """Raise ShellError."""
        raise ShellError(f"ssh://{self.address} is not known on this machine, so nobody logged in there")


class Local(Shell):
    """This machine."""

    def flow(
        self,
        script: str,
        stdin: bytes,
        timeout: float,
        feed: Iterable[bytes] | None = None,
        sink: Callable[[bytes], None] | None = None,
    ) -> Output:
        """Run a script here, as ``Shell`` says. What it started and left behind in its session is ended with it."""
        env = {name: os.environ[name] for name in PASSED if name in os.environ}
        try:
            with noted(f"a script of {len(script)} bytes", "on this machine") as note:
                done = process.run(
                    ["/bin/sh", "-c", script], stdin, timeout, env, "a script on this machine", feed, sink
                )
                note.ended = f"exit {done.code}"
            return done
        except OSError as error:
            raise ShellError(f"this machine's sh cannot be started: {error.strerror or error}") from None
