"""A login by OpenSSH's own ``ssh``: one connection that it shares, and one process for each script on it."""

from __future__ import annotations

import os
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from fleethub.clients import process
from fleethub.clients.process import LARGEST_ERROR, Output, ShellError
from fleethub.clients.ssh import destination as limits
from fleethub.clients.ssh.config import SshConfig, where
from fleethub.clients.ssh.destination import Destination, parts
from fleethub.clients.ssh.identities import troubles
from fleethub.clients.ssh.loader import LONGEST as LONGEST_SCRIPT
from fleethub.clients.ssh.text import Broken, Unopened, program_says

#: Nothing is asked, nothing forwarded, nothing shared with anybody's own connections, no terminal.
OPTIONS = {
    "BatchMode": "yes",
    "ClearAllForwardings": "yes",
    "ControlPersist": "no",
    "EscapeChar": "none",
    "ForkAfterAuthentication": "no",
    "ForwardAgent": "no",
    "ForwardX11": "no",
    "PermitLocalCommand": "no",
    "RemoteCommand": "none",
    "RequestTTY": "no",
    "SessionType": "default",
    "StdinNull": "no",
    "Tunnel": "no",
    "VisualHostKey": "no",
}
#: When and how often the other side is asked whether it is there, where its own configuration does not say.
ALIVE = {"ServerAliveInterval": "30", "ServerAliveCountMax": "3"}
#: Options that an older ssh does not have; it has those that its ``ssh -G`` prints.
NEWER = {"ForkAfterAuthentication", "SessionType", "StdinNull"}
UP = b"fleethub-is-logged-in"
LONGEST = 80  # characters of a socket's path; the system allows 104, and ssh adds 17 while it binds


class Program:
    """A connection to a host by the ``ssh`` program; raises ShellError.

    The process that holds it runs a command there that lives as long as its standard input, which is ours: it ends
    with FleetHub, however that ends.
    """

    longest = LONGEST_SCRIPT  # what is on the other side is not told

    def __init__(self, address: str, host: Destination, config: SshConfig, program: str, why: str) -> None:
        self._address, self._env, self._why = address, config.env, why
        self._hung = False
        user, name, port = parts(address)
        options = {key: value for key, value in OPTIONS.items() if key not in NEWER or key.lower() in host.options}
        options |= ALIVE if host.option("serveraliveinterval", "0") == "0" else {}
        options["ConnectTimeout"] = f"{max(int(host.connect_timeout), 1)}"
        self._folder = _folder()
        self._argv = [program, "-T", "-S", f"{self._folder}/s"]
        self._argv += [word for key, value in options.items() for word in ("-o", f"{key}={value}")]
        self._to = [*where(user, port), "--", name]
        self._errors = self._folder / "errors"
        try:
            with self._errors.open("wb") as errors:
                argv = [*self._argv, "-o", "LogLevel=INFO", "-M", *self._to, f"echo {UP.decode()}; exec cat >/dev/null"]
                self._master = process.start(argv, self._env, errors)
        except OSError as error:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise ShellError(f"{address}: ssh cannot be started ({error.strerror or error})") from None
        try:
            self._wait(host)
        except BaseException:
            self.close()
            raise

    def _wait(self, host: Destination) -> None:
        """Until it is logged in."""
        end = time.monotonic() + limits.LOGIN
        heard = b""
        assert self._master.stdout is not None
        pipe = self._master.stdout.fileno()
        while UP not in heard:
            ready, _, _ = select.select([pipe], [], [], max(end - time.monotonic(), 0))
            if not ready:
                raise ShellError(f"{self._address}: no login within {limits.LOGIN:g} s (by ssh: {self._why})")
            data = os.read(pipe, 4096)
            if not data:
                text = self._errors.read_bytes()[:LARGEST_ERROR].decode("utf-8", "replace")
                says = program_says(text, self._address, host.connect_timeout)
                if "Permission denied" in text:
                    says = "; ".join([says, *(note for hop in host.chain for note in troubles(hop))])
                raise ShellError(f"{self._address}: {says} (by ssh: {self._why})")
            heard = heard[-LARGEST_ERROR:] + data

    def run(
        self,
        command: str,
        data: bytes,
        timeout: float,
        feed: Iterable[bytes] | None = None,
        sink: Callable[[bytes], None] | None = None,
    ) -> Output:
        """Run a command with ``data`` as standard input; raises ShellError, Broken when the connection is gone.

        ``feed``, ``sink`` and ``timeout`` as in ``process.run``. A command that a signal ended has code 255, which is
        all that ssh tells.
        """
        if self._master.poll() is not None:
            raise Unopened(f"{self._address}: the connection broke")
        argv = [*self._argv, "-o", "LogLevel=ERROR", "-o", "ControlMaster=no", *self._to, command]
        try:
            answer = process.run(argv, data, timeout, self._env, f"{self._address}: a script", feed, sink)
        except OSError as error:
            raise ShellError(f"{self._address}: ssh cannot be started ({error.strerror or error})") from None
        except ShellError:
            self._hung = True  # the script, or the other side; which one cannot be seen
            raise
        if answer.code == 255:
            with suppress(subprocess.TimeoutExpired):  # the holder of a broken connection ends at the same moment
                self._master.wait(0.3)
                raise Broken(f"{self._address}: the connection broke while a script ran")
        return answer

    def alive(self) -> bool:
        """Whether it is still open, as far as can be seen."""
        return self._master.poll() is None

    def keep(self) -> bool:
        """Leave it open for long; whether it still is, and whatever was run on it ended."""
        return self.alive() and not self._hung

    def close(self) -> None:
        """Close the connection; whatever waits on it ends."""
        if self._master.stdin:
            with suppress(OSError):
                self._master.stdin.close()
        self._master.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._master.wait(1)
        process.kill(self._master)
        self._master.wait()
        if self._master.stdout:
            self._master.stdout.close()
        shutil.rmtree(self._folder, ignore_errors=True)


def _folder() -> Path:
    """A folder of our own with a short name, as a socket's path must be."""
    found = tempfile.mkdtemp(prefix="fleethub-")
    if len(found) > LONGEST:
        Path(found).rmdir()
        found = tempfile.mkdtemp(prefix="fleethub-", dir="/tmp")
    return Path(found)
