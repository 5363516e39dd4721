"""Hosts as OpenSSH's files describe them, read by OpenSSH: ``ssh -G`` knows Include, Match, tokens and defaults.

Where no ``ssh`` is installed, ``fallback`` reads them.
"""

from __future__ import annotations

import getpass
import os
import pwd
import re
import shutil
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from stat import S_ISREG
from types import MappingProxyType
from typing import Any, TypeVar

from fleethub.clients import process
from fleethub.clients.process import ShellError
from fleethub.clients.ssh import destination
from fleethub.clients.ssh.alike import NotUnderstood, Rules, Traced, traced
from fleethub.clients.ssh.destination import Destination, parts

T = TypeVar("T")
#: What ``ssh -v`` says of its work, and that it ends.
NOISE = re.compile(r"debug\d: |OpenSSH_|.*terminating")
HOPS = 8  # more jump hosts than this are taken for a circle, in which ssh itself would start ssh for ever
Options = dict[str, tuple[str, ...]]
#: An answer for one host, and how OpenSSH came to it; None where it cannot be asked.
Answer = tuple[Options, Traced] | None


class SshConfig:
    """The hosts of one command, each read once. ``env`` is what ssh and whatever it starts get."""

    def __init__(self, env: Mapping[str, str]) -> None:
        # nobody is at a terminal: what would ask fails instead
        self.env = {**env, "SSH_ASKPASS_REQUIRE": "never"}
        self.program = shutil.which("ssh", path=env.get("PATH"))
        self._found: dict[tuple[str, str | None, int | None], Future[Options | None]] = {}
        self._alike: dict[object, Future[Options | None]] = {}
        self._rules: Future[Rules | None] | None = None
        self._lock = threading.Lock()
        self._stamps: tuple[object, ...] | None = None

    def files(self, more: Iterable[Path]) -> tuple[object, ...]:
        """What changes when a file is written in which OpenSSH looks, or one of ``more``: those of ``~/.ssh`` and
        ``/etc/ssh``, looked at once. What else an Include names is not among them."""
        with self._lock:
            if self._stamps is None:
                folders = [folder for home in homes() for folder in (home / ".ssh").glob("**")]
                folders += Path("/etc/ssh").glob("**")
                self._stamps = tuple(stamp(path) for folder in folders for path in sorted(folder.glob("*")))
        return (self._stamps, tuple(stamp(path) for path in more))

    def of(self, address: str) -> Destination:
        """Where ``user@host:port`` leads; raises ShellError. A ``Match exec`` runs its command, as in ssh."""
        user, host, port = parts(address)
        return self._read(host, user, port, None, 0)

    def _read(self, host: str, user: str | None, port: int | None, jump: str | None, depth: int) -> Destination:
        """``jump``: the hops before it, where they are not its own configuration's."""
        if depth > HOPS:
            raise ShellError(f"{host}: ProxyJump leads over more than {HOPS} hosts, or in a circle")
        options = self._once(host, user, port)
        by_openssh = options is not None
        if options is None:
            from fleethub.clients.ssh.fallback import lookup

            options = lookup(host, user, port)
        control = options.get("controlpath", ("",))[0]
        home = control.rpartition("/")[0] if by_openssh and control else str(Path("~").expanduser())
        given = options.get("proxyjump", ("none",))[0] if jump is None else jump
        via = None
        if given.lower() not in ("none", ""):
            before, _, last = given.rpartition(",")
            login, name, at_port = parts(last.strip().removeprefix("ssh://").rstrip("/"))
            via = self._read(name, login, at_port, before or None, depth + 1)
        return Destination(
            host,
            options.get("hostname", (host,))[0],
            int(options.get("port", ("22",))[0]),
            options.get("user", ("",))[0] or getpass.getuser(),
            home,
            MappingProxyType(options),
            via,
            by_openssh,
        )

    def _once(self, host: str, user: str | None, port: int | None) -> Options | None:
        """OpenSSH's answer; a hundred hosts behind one jump host ask for it once."""
        return self._shared(self._found, (host, user, port), lambda: self._known(host, user, port))

    def _shared(self, kept: dict[Any, Future[T]], key: object, ask: Callable[[], T]) -> T:
        """What the first one finds out, for all who ask the same."""
        with self._lock:
            known = kept.get(key)
            if known is None:
                mine = kept[key] = Future()
        if known is not None:
            return known.result()
        try:
            mine.set_result(ask())
        except BaseException as error:
            with self._lock:
                del kept[key]  # a command that failed may work the next time
            mine.set_exception(error)
        return mine.result()

    def _known(self, host: str, user: str | None, port: int | None) -> Options | None:
        """OpenSSH's answer for this host, or for one that its files treat alike."""
        with self._lock:
            first, self._rules = self._rules is None, self._rules or Future()
        if first:
            return self._first(host, user, port)
        if (rules := self._rules.result()) is None:
            return self._options(host, user, port)
        try:
            lines, hostname = rules.of(host)
        except NotUnderstood:
            return self._options(host, user, port)

        def ask() -> Options | None:
            with suppress(ShellError):  # each is told by its own name
                answer = self._ask(host, user, port)
                return answer[0] if answer is not None and understood(rules, host, answer) else None
            return None

        found = self._shared(self._alike, (user, port, lines), ask)
        return self._options(host, user, port) if found is None else found | named(found, host, hostname)

    def _first(self, host: str, user: str | None, port: int | None) -> Options | None:
        """The same for who comes first: the others wait until it is known which files there are."""
        rules = None
        assert self._rules is not None
        try:
            if (answer := self._ask(host, user, port)) is None:
                return None
            with suppress(NotUnderstood):
                rules = Rules(answer[1].files)
                lines, _ = rules.of(host)
                if understood(rules, host, answer):
                    self._shared(self._alike, (user, port, lines), lambda: answer[0])
                else:
                    rules = None
            return answer[0]
        finally:
            self._rules.set_result(rules)

    def _options(self, host: str, user: str | None, port: int | None) -> Options | None:
        """What OpenSSH says of this host itself."""
        answer = self._ask(host, user, port)
        return answer[0] if answer is not None else None

    def _ask(self, host: str, user: str | None, port: int | None) -> Answer:
        """OpenSSH's answer."""
        if self.program is None:
            return None
        # the path tells the account's home, which is ssh's "~" whatever HOME says, and the hash that %C stands for
        argv = [self.program, "-G", "-v", "-T", "-o", "ControlPath=~/%C", *where(user, port), "--", host]
        who = f"{host}: ssh -G (a Match exec?)"
        try:
            answer = process.run(argv, b"", destination.CONNECT, self.env, who)
            if answer.code and b"Cannot fork into background" in answer.err:  # it would not be asked for a command
                argv[1:1] = ["-o", "ForkAfterAuthentication=no"]
                answer = process.run(argv, b"", destination.CONNECT, self.env, who)
        except OSError:
            return None
        said = answer.err.decode("utf-8", "surrogateescape").strip()
        if answer.code == 0:
            found = options(answer.out.decode("utf-8", "surrogateescape"))
            found.pop("loglevel", None)  # that of -v
            return found, traced(said)
        if "No user exists for uid" in said:  # a container's account without a name: ssh does nothing for it
            return None
        told = [line.encode("utf-8", "replace").decode() for line in said.splitlines() if not NOISE.match(line)]
        told = told or [f"it ended with {answer.code}"]
        raise ShellError(f"{host}: ssh cannot use its configuration: {'; '.join(told)[:300]}")


def understood(rules: Rules, host: str, answer: tuple[Options, Traced]) -> bool:
    """Whether OpenSSH read what was read, and came to the same HostName."""
    try:
        _, hostname = rules.of(host, answer[1])
    except NotUnderstood:
        return False
    return answer[0].get("hostname") == (hostname,)


def named(found: Options, host: str, hostname: str) -> Options:
    """What another host's answer says of its name, said of this one."""
    own = {"host": (host,), "hostname": (hostname,)}
    return {name: own[name] for name in own.keys() & found.keys()}


def homes() -> set[Path]:
    """Where ``~`` may be: of this account, and of this process."""
    found = {Path("~").expanduser()}
    with suppress(KeyError):
        found.add(Path(pwd.getpwuid(os.getuid()).pw_dir))
    return found


def stamp(path: Path) -> tuple[str, int, int, int] | None:
    """What changes with a file; None for what is none, as a socket that comes and goes."""
    try:
        found = path.stat()
    except OSError:
        return None
    return (str(path), found.st_mtime_ns, found.st_size, found.st_ino) if S_ISREG(found.st_mode) else None


def where(user: str | None, port: int | None) -> list[str]:
    """An address's user and port as arguments of ssh."""
    return [*(["-l", user] if user else []), *(["-p", str(port)] if port else [])]


def options(text: str) -> Options:
    """What ``ssh -G`` printed: one option a line, some several times."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        name, _, value = line.partition(" ")
        found.setdefault(name.lower(), []).append(value)
    return {name: tuple(values) for name, values in found.items()}
