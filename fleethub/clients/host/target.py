"""A target's operations: each is one script on its machine, and what it answered as a value."""

from __future__ import annotations

import getpass
import os
import re
import socket
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from fleethub.clients import process
from fleethub.clients.answer import FOREIGN, AnswerError, TornError, ask
from fleethub.clients.host import scripts
from fleethub.clients.host.bundle import Bundle, HostError, mark_bytes
from fleethub.clients.host.folder import look
from fleethub.clients.host.inside import astray
from fleethub.clients.host.placing import Committed, place
from fleethub.clients.host.reading import Once, reading
from fleethub.clients.requests_log import noted
from fleethub.clients.shell import Local, Output, Shell, ShellError, Shells
from fleethub.model.dataclass import dataclass
from fleethub.model.readings.host import HostReading
from fleethub.model.secret import Blob
from fleethub.model.text import heard, named, plural, tame

TOOL = "tool:"
#: What is asked about ports, by the sign that read.sh knows it by.
PORTS = {"port:": ":", "waits:": "+"}
READ, WRITE = 30.0, 180.0  # seconds for a script; a check of the files on the node may start a container
READINGS = 3  # after a look that found something unusual; a delivery may come in between one and the next
START = 900.0  # seconds for a command that may pull an image


class _Overtaken(Exception):
    """A delivery was made while a target was read: what was read may be of both sets."""


@dataclass(frozen=True, slots=True)
class Activation:
    """What became of a node's command: ``health`` is healthy, silent, old (the same process as before) or unasked."""

    code: int | None
    said: str
    health: str


@dataclass(frozen=True, slots=True)
class Delivered:
    """``unchecked``: the checks that could not be made there; ``kept``: where at the target lies what somebody else
    had written in the place of a file.
    """

    unchecked: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Removed:
    """``stays``: names of what is left at the target; ``unstopped``: nothing there could end what runs."""

    stays: tuple[str, ...] = ()
    unstopped: bool = False


class Hosts:
    """The targets of one command; connections are those of ``shells``. ``root`` is the fleet's folder.

    ``once``: for who keeps what is read of many of them.
    """

    def __init__(self, shells: Shells, root: Path, once: Once | None = None) -> None:
        self._shells, self._root, self._once = shells, root, once

    def machine(self, address: str) -> Shell:
        """A machine itself, as the spec writes it: ``"local"``, or whom to log in as and where."""
        return self._shells.at(address)

    def at(self, target: str) -> Target:
        """The target as the spec writes it: ``ssh://user@host:port/path``, a folder below the fleet's or the home,
        or a whole path."""
        if target.startswith("~/"):
            try:
                folder = Path(target).expanduser()
            except RuntimeError:
                raise HostError(f"{target}: this account has no home folder") from None
            return Target(self._shells.at("local"), str(folder), inside=folder, once=self._once)
        if "://" not in target:
            inside = Path(target) if target.startswith("/") else self._root
            return Target(self._shells.at("local"), str(self._root / target), inside=inside, once=self._once)
        address, path = split(target)
        return Target(self._shells.at(address), path, remote=address, once=self._once)

    def command(
        self,
        target: str,
        argv: Sequence[str],
        stdin: bytes,
        seconds: float,
        env: Mapping[str, str],
        leave: bool = False,
    ) -> Output:
        """Run a command of the spec at an ``ssh://`` target, else in the fleet's folder with the environment ``env``.

        Its words are in the process list there; what is secret goes in by ``stdin``. ``leave``: what it started in the
        background goes on, as over SSH it does anyway. Raises HostError, which says nothing of what it printed.
        """
        address = ""
        try:
            if "://" not in target:
                return process.run(argv, stdin, seconds, env, argv[0], cwd=self._root, leave=leave)
            address, path = split(target)
            head = "".join(f"{line}\n" for line in (path, *argv, "")).encode()
            return ask(self._shells.at(address), scripts.COMMAND, head + stdin, seconds)
        except OSError as error:
            raise HostError(f"{argv[0]} cannot be started: {error.strerror or error}") from None
        except TornError as error:
            raise HostError(f"{address}: {error.ended}") from None
        except ShellError as error:
            raise HostError(str(error)) from None


def split(target: str) -> tuple[str, str]:
    """``user@host:port`` and the path of an ``ssh://`` target; raises HostError."""
    match = re.fullmatch(r"ssh://([^/]+)(/.+)", target)
    if match is None:
        raise HostError(f"{target} is not ssh://user@host/path")
    return match[1], match[2]


@dataclass(frozen=True, slots=True)
class Target:
    """One folder on one machine; ``inside`` is the folder that it must not lead out of; ``once``: see ``Hosts``."""

    shell: Shell
    path: str
    remote: str = ""
    inside: Path | None = None
    once: Once | None = None

    def read(self, asked: Sequence[str]) -> HostReading:
        """Files by path, the mark, the last applied set, and what the machine tells; raises HostError.

        ``asked``: paths, ``tool:NAME`` for a program of the machine that has something to say, ``port:NUMBER`` for
        who listens there, and ``waits:NUMBER`` for the same where the last set waits for a new process.
        A delivery that was committed and broken off is finished first.
        """
        tools = [word.removeprefix(TOOL) for word in asked if word.startswith(TOOL)]
        tools += [sign + w.removeprefix(word) for word, sign in PORTS.items() for w in asked if w.startswith(word)]
        paths = tuple(dict.fromkeys(word for word in asked if not word.startswith((TOOL, *PORTS))))
        if isinstance(self.shell, Local):
            found = look(self.path, paths, str(self.inside or ""), self.once)
            if found is not None:
                return found
        head = [self.path, " ".join(("machine", *tools)) if self.remote else "", _who(), *paths, ""]
        for script in (scripts.LOOK, *(scripts.READ,) * READINGS):
            try:
                lines, data = self._run(script, head, b"", READ, paths)
            except _Overtaken:
                continue
            try:
                return reading(lines, data, paths, self.once)
            except HostError as error:
                raise HostError(f"{self.remote or self.path}: {error}") from None
        raise HostError(f"{self.remote or self.path}: somebody delivers there again and again; try later")

    def deliver(self, bundle: Bundle) -> Delivered:
        """Put the files in place in their order, then the mark; what FleetHub did not write is kept beside them first.

        Raises HostError; then the node has the set that it had, or the new one once somebody contacts it again. One of
        a lower serial than what lies there, of the same lineage, is refused: its apply was frozen meanwhile.
        """
        paths = [*(path for path, _, _ in bundle.files), *bundle.stale]
        if isinstance(self.shell, Local):
            self._stay_inside(paths)
            try:
                with noted(plural(len(bundle.files), "file"), f"into {self.path}") as note:
                    placed = place(self.path, bundle, _who())
                    note.ended = "placed" if placed else "left to a script"
                if placed:
                    return Delivered()
            except Committed:
                self.read(())  # by the script, which says what is in the way
                return Delivered()
        head = [self.path, str(bundle.port), "1" if bundle.restart else "", str(bundle.uid), _who()]
        head += _fence(bundle.mark)
        lines, _ = self._run(scripts.DELIVER, head, bundle.pack(), WRITE, paths)
        self._ended(lines, "delivered")
        return Delivered(_told(lines, "unchecked"), _told(lines, "kept"))

    def activate(
        self, argv: Sequence[str], port: int, timeout: float, fresh: bool, path: str = "/healthz"
    ) -> Activation:
        """Run a command at the target and wait until ``path`` answers; ``fresh``: as another process than before."""
        seconds = str(max(1, round(timeout)))
        head = [self.path, str(port), path, seconds, "1" if fresh else "", _who(), *argv, ""]
        lines, _ = self._run(scripts.RUN, head, b"", timeout + START)
        command = next((line.split(" ", 2)[1:] for line in lines if line.startswith("command ")), None)
        health = next((line for line in lines if line in ("healthy", "silent", "old")), "unasked")
        code = int(command[0]) if command else None
        return Activation(code, heard(command[1], 500) if command and len(command) > 1 else "", health)

    def stamp(self, mark: Mapping[str, Any]) -> None:
        """Replace the mark."""
        lines, _ = self._run(scripts.STAMP, [self.path, _who(), *_fence(mark)], mark_bytes(mark), READ)
        self._ended(lines, "stamped")

    def back(self, port: int) -> Delivered | None:
        """Put the set before the last one back; None where there is none."""
        lines, _ = self._run(scripts.BACK, [self.path, str(port), _who()], b"", WRITE)
        if "none" in lines:
            return None
        self._ended(lines, "back")
        return Delivered(kept=_told(lines, "kept"))

    def output(self, argv: Sequence[str], seconds: float) -> Output:
        """What a command prints that is run at the target; raises HostError."""
        self._stay_inside(())
        stdin = "".join(f"{word}\n" for word in (self.path, *argv)).encode()
        try:
            return self.shell.run(scripts.LOGS, stdin, seconds)
        except ShellError as error:
            raise HostError(str(error)) from None

    def remove(
        self,
        files: Mapping[str, Blob],
        argv: Sequence[str] = (),
        when: Sequence[str] = (),
        lineage: str = "",
        serial: int = 0,
    ) -> Removed:
        """Run ``argv``, where ``when`` succeeds; remove what still is as given, then the mark.

        Raises HostError, also where an apply of this lineage and a higher serial wrote there.
        """
        sums = [f"{blob.sha256().hex()}  {path}" for path, blob in files.items()]
        head = [self.path, _who(), lineage, str(serial), *when, "", *argv, "", *sums, ""]
        lines, _ = self._run(scripts.REMOVE, head, b"", WRITE, files)
        self._ended(lines, "removed")
        return Removed(tuple(sorted(named(name, 120) for name in _told(lines, "stays"))), "unstopped" in lines)

    def stop(self, argv: Sequence[str], when: Sequence[str] = (), lineage: str = "", serial: int = 0) -> None:
        """Run ``argv``, which ends the node, and take "activated" out of its mark; raises HostError, also where
        ``when`` does not succeed and where an apply of this lineage and a higher serial wrote there.
        """
        self.say(scripts.STOP, [lineage, str(serial), *when, "", *argv, ""], WRITE, "stopped")

    def say(
        self,
        script: str,
        head: Sequence[str],
        timeout: float,
        word: str = "",
        feed: Iterable[bytes] | None = None,
    ) -> list[str]:
        """What one of our scripts answers that is told who asks, then ``head``; ``word`` must be in it.

        ``feed`` and ``timeout`` as in ``Shell.flow``. Raises HostError.
        """
        lines, _ = self._run(script, [self.path, _who(), *head], b"", timeout, feed=feed)
        if word:
            self._ended(lines, word)
        return lines

    def stdin(self, head: Sequence[str]) -> bytes:
        """What such a script reads, for who runs it himself; raises HostError."""
        self._stay_inside(())
        return "".join(f"{line}\n" for line in (self.path, _who(), *head)).encode()

    def _run(
        self,
        script: str,
        head: Iterable[str],
        data: bytes,
        timeout: float,
        paths: Iterable[str] = (),
        feed: Iterable[bytes] | None = None,
    ) -> tuple[list[str], bytes]:
        """The lines of a script's answer, and what follows after ``end``; raises HostError.

        ``paths``: the files that it is about.
        """
        self._stay_inside(paths)
        stdin = "".join(f"{line}\n" for line in head).encode() + data
        try:
            done = ask(self.shell, script, stdin, timeout, feed)
        except AnswerError as error:
            raise HostError(f"{self.remote or self.path}: {error}") from None
        except ShellError as error:
            raise HostError(str(error)) from None
        reads = script in (scripts.LOOK, scripts.READ)
        text, ended, rest = done.out.partition(b"\nend\n") if reads else (done.out, b"", b"")
        lines = text.decode(errors="replace").splitlines()
        if done.code == scripts.OVERTAKEN:
            raise _Overtaken
        problem = next((line.partition(" ")[2] for line in lines if line.startswith("error ")), "")
        if problem or done.code != 0:
            why = _last(done.err)
            said = tame(problem)[:1000] or f"a script ended with {done.code}"
            raise HostError(f"{self.remote + ': ' if self.remote else ''}{said}{f' ({why})' if why else ''}")
        if reads and not ended:
            raise HostError(f"{self.remote or self.path}: its answer is not whole: {FOREIGN}")
        return lines, rest

    def _ended(self, lines: Sequence[str], word: str) -> None:
        if word not in lines:
            raise HostError(f"{self.remote or self.path}: the script ended before it was done")

    def _stay_inside(self, paths: Iterable[str]) -> None:
        if self.inside is None:
            return
        try:
            path = Path(self.path).resolve()
            inside = path.is_relative_to(self.inside.resolve())
            out = astray(path, paths) if inside else ""
        except (OSError, RuntimeError) as error:
            raise HostError(f"{self.path}: {getattr(error, 'strerror', None) or error}") from None
        if not inside:
            raise HostError(f"{self.path} leads out of the fleet's folder through a link")
        if out:
            raise HostError(f"{self.path}: {named(out, 120)} leads out of this folder, or is a link: remove it")


def _fence(mark: Mapping[str, Any]) -> tuple[str, str]:
    """The lineage and serial of who writes: a later one of the same lineage is not overwritten."""
    return str(mark.get("lineage", "")), str(mark.get("serial", ""))


def _told(lines: Iterable[str], word: str) -> tuple[str, ...]:
    """What a script said behind a word."""
    return tuple(line.partition(" ")[2] for line in lines if line.startswith(f"{word} "))


@cache
def _who() -> str:
    """Who holds a lock on the node, for people."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = str(os.getuid())
    return re.sub(r"[^\w.@-]", "?", f"{name}@{socket.gethostname()}")


def _last(err: bytes) -> str:
    """The last line of standard error, short and printable: tar, mkdir or mv say there what failed."""
    lines = [line for line in err.decode(errors="replace").splitlines() if line.strip()]
    # "sh: 1: " and "tar: " are noise; "Exiting with failure status" tells nothing
    told = [line for line in lines if "xiting with failure" not in line]
    return heard((told or lines or [""])[-1], 200)
