"""Machines over SSH, logged in as ``ssh`` would: by its own reading of its files, and through itself where needed."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from fleethub.clients.process import Output, ShellError
from fleethub.clients.requests_log import noted
from fleethub.clients.shell import Shell
from fleethub.clients.ssh.config import SshConfig
from fleethub.clients.ssh.destination import Destination
from fleethub.clients.ssh.known_hosts import KnownHost, known
from fleethub.clients.ssh.loader import loader
from fleethub.clients.ssh.needs import beyond
from fleethub.clients.ssh.program import Program
from fleethub.clients.ssh.text import Broken, NeedsProgram, Unopened

if TYPE_CHECKING:
    from fleethub.clients.ssh.library import Library

__all__ = ["Remote", "SshConfig"]

MISSING = "OpenSSH's ssh could, and is not installed here (Debian: apt-get install openssh-client)"
AT_ONCE = 6  # scripts on one connection: an sshd allows ten sessions
BELIEVED = 300.0  # seconds in which OpenSSH is not asked again where a kept connection would lead now
log = logging.getLogger(__name__)


class Remote(Shell):
    """A machine over SSH: one connection, ``AT_ONCE`` scripts on it.

    paramiko logs in, as it needs no process; OpenSSH's ``ssh`` does where only it can, which is seen in what the
    configuration says or, once, in how paramiko's login fails. ``ssh_program``: it does always.
    """

    def __init__(self, address: str, config: SshConfig, ssh_program: bool = False) -> None:
        self._address, self._config = address, config
        self._connection: Program | Library | None = None
        #: Why the ssh program is the way in; empty when paramiko is, None before the first login.
        self.why: str | None = "ssh_program = true" if ssh_program else None
        self._lock = threading.Lock()
        self._gate = threading.Semaphore(AT_ONCE)
        self._first = self.why
        self._chain: list[tuple[Destination, KnownHost]] = []
        self._files: tuple[object, ...] = ()
        self._asked = 0.0
        self._old: Program | Library | None = None  # was kept from an earlier look
        self._given = False  # and nobody used it since

    def flow(
        self,
        script: str,
        stdin: bytes,
        timeout: float,
        feed: Iterable[bytes] | None = None,
        sink: Callable[[bytes], None] | None = None,
    ) -> Output:
        """Run a script there, as ``Shell`` says."""
        with self._gate:
            connection = self._ready()
            try:
                return self._run(connection, script, stdin, timeout, feed, sink)
            except Unopened:
                if connection is not self._old:
                    raise
            # it died unseen since an earlier look, and nothing was run on it
            return self._run(self._ready(), script, stdin, timeout, feed, sink)

    def _run(
        self,
        connection: Program | Library,
        script: str,
        stdin: bytes,
        timeout: float,
        feed: Iterable[bytes] | None,
        sink: Callable[[bytes], None] | None,
    ) -> Output:
        command, head = loader(script, connection.longest)
        try:
            with noted(f"a script of {len(script)} bytes", f"on ssh://{self._address}") as note:
                done = connection.run(command, head + stdin, timeout, feed, sink)
                note.ended = f"exit {done.code}"
            return done
        except Broken:
            self._drop(connection)
            raise

    def _ready(self) -> Program | Library:
        """The connection, made where there is none, or where a kept one is not what a login would make now."""
        with self._lock:
            given, self._given = self._given, False
            if given and self._connection is not None and not self._holds(self._connection):
                self._connection.close()
                self._connection, self.why = None, self._first
            if self._connection is None:
                self._connection = self._connect()
            return self._connection

    def keep(self) -> bool:
        """Leave the connection open for a later look; whether there is one."""
        with self._lock:
            return self._connection is not None and self._connection.keep()

    def renew(self, config: SshConfig) -> None:
        """Go on after ``keep`` with what the files say now: where they say something else, it is connected anew."""
        with self._lock:
            self._config, self._old, self._given = config, self._connection, True

    def _holds(self, connection: Program | Library) -> bool:
        """Whether a kept connection is alive, and is what a login would make now."""
        if not connection.alive():
            return False
        if self._files == self._config.files(self._known_hosts()) and time.monotonic() - self._asked < BELIEVED:
            return True
        try:
            before = self._chain
            self._read()
        except ShellError:
            return False  # the login says why
        return self._chain == before

    def _read(self) -> Destination:
        """What the files say now; stamped before, so that what is written meanwhile is seen by the next look."""
        self._config.files(())
        host = self._config.of(self._address)
        asked = time.monotonic()
        files = self._config.files(path for hop in host.chain for path in hop.known_hosts)
        self._chain = [(hop, known(hop)) for hop in host.chain]
        self._asked, self._files = asked, files
        return host

    def _known_hosts(self) -> tuple[Path, ...]:
        return tuple(path for hop, _ in self._chain for path in hop.known_hosts)

    def close(self) -> None:
        """Close the connection, and those to its jump hosts."""
        self._drop(self._connection)

    def _drop(self, connection: Program | Library | None) -> None:
        with self._lock:
            if self._connection is connection:
                self._connection = None
        if connection is not None:
            connection.close()

    def _connect(self) -> Program | Library:
        host = self._read()
        chain = self._chain
        if self.why is None:
            self.why = next((why for hop, keys in chain if (why := beyond(hop, keys))), "")
        if self.why:
            return self._program(host, self.why)
        from fleethub.clients.ssh.library import Library

        try:
            return Library(self._address, chain)
        except NeedsProgram as need:
            if not host.by_openssh:
                raise ShellError(f"{need.says}. {MISSING}") from None
            self.why = need.why
        return self._program(host, self.why)

    def _program(self, host: Destination, why: str) -> Program:
        if self._config.program is None or not host.by_openssh:
            raise ShellError(f"{self._address}: {why}: paramiko cannot do that. {MISSING}")
        log.info("%s: by the ssh program, because of this: %s", self._address, why)
        return Program(self._address, host, self._config, self._config.program, why)
