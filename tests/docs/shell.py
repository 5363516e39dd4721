"""A terminal for the commands of a page: an empty environment, a home of its own, no way out of this machine.

``fleethub`` is a fork of one that has the product loaded (``tests/forked.py``): a tenth of a start. Its connections go
to the stand-ins that ``hosts`` names, whatever they are called on the page, and nowhere else.
"""

from __future__ import annotations

import json
import os
import pty
import re
import select
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.forked import Forked

SECONDS = 120
GIVEN = 20000  # and above: ports that a system gives to who asks for none
#: Asks ``serve`` below for a process with this one's descriptors, and ends as that one did.
CLIENT = """#!{python} -IS
import json, os, socket, sys
far = socket.socket(socket.AF_UNIX)
far.connect({path!r})
socket.send_fds(far, [json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode() + b"\\n"], [0, 1, 2])
code = far.recv(16)
sys.exit(int(code or b"70"))
"""
#: The product, in a network where the page's hosts are, typed by the page's operator.
PRODUCT = """
import socket
hosts, connect = {hosts!r}, socket.create_connection
def within(address, *args, **named):
    there = hosts.get("%s:%s" % address[:2])
    if there is None and address[0] == "127.0.0.1" and address[1] >= {given}:
        there = address[1]  # what the command itself started, on a port that the system gave
    if there is None:
        raise socket.gaierror(-2, "Name or service not known")
    return connect(("127.0.0.1", there), *args, **named)
socket.create_connection = within
import getpass, sys
getpass.getuser, socket.gethostname = lambda: "ops", lambda: "desk"
bind = socket.socket.bind
def somewhere(listening, at):  # a port that a page names may be taken on this machine: the system gives another
    named = isinstance(at, tuple) and 0 < at[1] < {given}
    return bind(listening, (at[0], 0, *at[2:]) if named else at)
socket.socket.bind = somewhere
sys.argv[0], sys.executable = {program!r}, {python!r}  # it calls itself by what lies beside
from fleethub.cli import main
main()
"""


@dataclass
class Left:
    """A command that runs in another terminal, and what it wrote so far."""

    process: subprocess.Popen[bytes]
    said: Path

    @property
    def written(self) -> str:
        return self.said.read_text(errors="replace")

    def ended(self) -> None:
        """Wait for what was told to end."""
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()


class Shell:
    """Use as a context manager. ``hosts``: ``host:port`` to a port of this machine; may be changed at any time."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.hosts: dict[str, int] = {}
        self.programs = home / ".programs"
        self.programs.mkdir(parents=True)
        self._state, self._where = home / ".state", home / ".where"
        self._state.write_text("")
        self._where.write_text(str(home))
        self._near = socket.socket(socket.AF_UNIX)
        self._lock = threading.Lock()
        self._forks: list[Forked] = []
        self.left: list[Left] = []

    def __enter__(self) -> Shell:
        self._near.bind(str(self.programs / ".socket"))
        self._near.listen(8)
        self.own()
        self.program("python", f'#!/bin/sh\nexec {sys.executable} "$@"\n')
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *args: object) -> None:
        for fork in self._forks:
            if fork.poll() is None:
                fork.send_signal(signal.SIGINT)
        for one in self.left:
            one.ended()
        with suppress(OSError):
            self._near.shutdown(socket.SHUT_RDWR)
        self._near.close()

    def program(self, name: str, text: str) -> None:
        """Put a program on this terminal's PATH."""
        (self.programs / name).write_text(text)
        (self.programs / name).chmod(0o755)

    def own(self) -> None:
        """Let ``fleethub`` be a fork of this clone's."""
        (self.programs / "fleethub").unlink(missing_ok=True)
        self.program("fleethub", CLIENT.format(python=sys.executable, path=str(self.programs / ".socket")))

    def product(self) -> str:
        """What a fork runs: FleetHub, in this page's network."""
        names = {name: str(self.programs / file) for name, file in (("program", "fleethub"), ("python", "python"))}
        return PRODUCT.format(hosts=self.hosts, given=GIVEN, **names)

    @property
    def folder(self) -> Path:
        """Where the last command left off."""
        return Path(self._where.read_text().strip())

    def stand(self, folder: Path) -> None:
        """Go there, as a scene does."""
        folder.mkdir(parents=True, exist_ok=True)
        self._where.write_text(str(folder))

    def run(self, text: str, answers: Sequence[str] = ()) -> tuple[int, str]:
        """Type a command; its exit code, and what it wrote. ``answers``: what is typed at its questions."""
        script = f"{self._before}{text}\n__code=$?\n"
        script += f"pwd > {self._where}\ndeclare -p | grep -v '^declare -[a-zA-Z]*r' > {self._state}\nexit $__code\n"
        env, argv = self._env, ["bash", "--norc", "-c", script]
        if not answers:
            done = subprocess.run(
                argv,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=SECONDS,
            )
            return done.returncode, done.stdout.decode()
        return self._at_terminal(argv, {**env, "TERM": "dumb", "NO_COLOR": "1", "COLUMNS": "200"}, list(answers))

    @property
    def _before(self) -> str:
        return f". {self._state} 2>/dev/null\ncd {shlex.quote(str(self.folder))}\n"

    @property
    def _env(self) -> dict[str, str]:
        return {"PATH": f"{self.programs}:/usr/local/bin:/usr/bin:/bin", "HOME": str(self.home)}

    def leave_running(self, text: str, told: Callable[[str], bool]) -> Left:
        """Type a command that runs until Ctrl-C, in a terminal of its own; back when what it wrote is ``told``, or it
        ended. Its Ctrl-C comes when this shell ends.
        """
        said = self.home / f".left-{len(self.left)}"
        with said.open("wb") as out:
            argv, streams = ["bash", "--norc", "-c", self._before + text], {"stdin": subprocess.DEVNULL, "stdout": out}
            process = subprocess.Popen(argv, env=self._env, stderr=out, **streams)  # type: ignore[call-overload]
        self.left.append(Left(process, said))
        end = time.monotonic() + SECONDS
        while not told(self.left[-1].written) and process.poll() is None and time.monotonic() < end:
            time.sleep(0.05)
        return self.left[-1]

    def _at_terminal(self, argv: list[str], env: dict[str, str], answers: list[str]) -> tuple[int, str]:
        near, far = pty.openpty()
        process = subprocess.Popen(argv, env=env, stdin=far, stdout=far, stderr=far, start_new_session=True)
        os.close(far)
        written, end = b"", time.monotonic() + SECONDS
        while time.monotonic() < end:
            if select.select([near], [], [], 0.2)[0]:
                try:
                    piece = os.read(near, 1 << 16)
                except OSError:  # nobody has the other end any more
                    break
                written += piece
                if answers and re.search(rb"(\[y/N\]:?|\nType [^\n]+:) $", written):
                    os.write(near, answers.pop(0).encode() + b"\n")
            elif process.poll() is not None:
                break
        os.close(near)
        return process.wait(10), written.decode().replace("\r\n", "\n").replace("\r", "\n")

    def _serve(self) -> None:
        while True:
            try:
                far, _ = self._near.accept()
            except OSError:
                return
            threading.Thread(target=self._one, args=[far], daemon=True).start()

    def _one(self, far: socket.socket) -> None:
        data, fds, _, _ = socket.recv_fds(far, 1 << 20, 3)
        while not data.endswith(b"\n"):
            data += far.recv(1 << 20)
        argv, cwd, env = json.loads(data)
        try:
            with self._lock:
                process = Forked([self.product(), *argv], cwd=cwd, env=env, stdin=fds[0], stdout=fds[1], stderr=fds[2])
                self._forks.append(process)
        finally:
            for fd in fds:
                os.close(fd)
        far.send(str(process.wait()).encode())
        far.close()
