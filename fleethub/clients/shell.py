"""Scripts on a machine: this one, or another over SSH. The seam between FleetHub and a host's command line.

A script is a constant of ours: what varies goes in as standard input, so nothing has to be quoted. Time and
output are bounded, and a machine that hangs ends in an error. Host keys are checked as ssh checks them.
"""

from __future__ import annotations

import logging
import os
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, Any, Protocol

from fleethub.clients.ssh_config import known_hosts, settings

CONNECT = 5.0  # seconds for the TCP connection, and for each answer of the login
LOGIN = 15.0  # seconds for a login as a whole, jump hosts included
AT_ONCE = 6  # scripts on one connection: an sshd allows ten sessions
LARGEST = 4 << 20  # bytes of standard output
LARGEST_ERROR = 64 << 10  # bytes of standard error that are kept
#: The whole environment that a local script gets: what else is in ours may be a secret.
PASSED = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "TMPDIR", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS")
#: Reads exactly as many bytes as the script has, whatever the login shell is; the rest stays on standard input. One
#: read of dd gives what is there by then; byte by byte it would cost milliseconds. Scripts are ASCII.
REMOTE = (
    "sh -c 'left={}; script=; while [ $left -gt 0 ]; do part=$(dd bs=$left count=1 2>/dev/null; echo .); "
    'part=${{part%.}}; [ -n "$part" ] || exit 1; script=$script$part; left=$((left-${{#part}})); done; eval "$script"\''
)

logging.getLogger("paramiko").addHandler(logging.NullHandler())  # else its tracebacks land on the terminal


class ShellError(Exception):
    """The machine cannot be reached, or the script did not end in time. The message is fit to be shown."""


@dataclass(frozen=True, slots=True)
class Output:
    """What a script left: exit code (negative: a signal), standard output, the beginning of standard error."""

    code: int
    out: bytes
    err: bytes


class Shell(Protocol):
    """A machine that runs scripts."""

    def run(self, script: str, stdin: bytes = b"", timeout: float = 20.0) -> Output:
        """Run a POSIX shell script, at most ``timeout`` seconds; raises ShellError."""


class Shells:
    """The machines of one command by address, one connection to each. Close it at the end."""

    def __init__(self) -> None:
        self._open: dict[str, Local | Remote] = {}
        self._lock = threading.Lock()

    def at(self, address: str) -> Shell:
        """The machine at ``"local"``, ``"user@host"`` or ``"user@host:port"``; it connects when it is used."""
        with self._lock:
            if address not in self._open:
                self._open[address] = Local() if address == "local" else Remote(address)
            return self._open[address]

    def close(self) -> None:
        """Close every connection."""
        with self._lock:
            for shell in self._open.values():
                shell.close()
            self._open.clear()


class Local:
    """This machine."""

    def run(self, script: str, stdin: bytes = b"", timeout: float = 20.0) -> Output:
        """See ``Shell``. What the script started and left behind in its session is ended with it."""
        env = {name: os.environ[name] for name in PASSED if name in os.environ}
        try:
            process = subprocess.Popen(  # noqa: S603 - the script is ours, never a value
                ["/bin/sh", "-c", script],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
                env=env,
            )
        except OSError as error:
            raise ShellError(f"this machine's sh cannot be started: {error.strerror or error}") from None
        return _watch(process, stdin, timeout)

    def close(self) -> None:
        """Nothing stays open."""


def _watch(process: subprocess.Popen[bytes], stdin: bytes, timeout: float) -> Output:
    end = time.monotonic() + timeout
    out, err, full = bytearray(), bytearray(), threading.Event()

    def listen(pipe: IO[bytes], into: bytearray, limit: int, cut: bool) -> None:
        with suppress(OSError, ValueError):
            while data := os.read(pipe.fileno(), 65536):
                into += data[: max(limit - len(into), 0)]
                if not cut and len(into) >= limit:
                    full.set()
                    _kill(process)

    def speak(pipe: IO[bytes]) -> None:
        with suppress(OSError, ValueError):
            pipe.write(stdin)
            pipe.close()

    pipes = (process.stdin, process.stdout, process.stderr)
    threads = [
        threading.Thread(target=listen, args=(process.stdout, out, LARGEST, False), daemon=True),
        threading.Thread(target=listen, args=(process.stderr, err, LARGEST_ERROR, True), daemon=True),
        threading.Thread(target=speak, args=(process.stdin,), daemon=True),
    ]
    for thread in threads:
        thread.start()
    try:
        code = process.wait(max(end - time.monotonic(), 0))
        for thread in threads[:2]:  # a child in the background may hold the pipes
            thread.join(max(end - time.monotonic(), 0))
        late = any(thread.is_alive() for thread in threads[:2])
    except subprocess.TimeoutExpired:
        late = True
    finally:
        _kill(process)
        process.wait()
        for thread in threads:
            thread.join(1)
        for pipe in pipes:
            with suppress(OSError):
                if pipe:
                    pipe.close()
    if full.is_set():
        raise ShellError(f"a script on this machine wrote more than {LARGEST >> 20} MiB")
    if late:
        raise ShellError(f"a script on this machine did not end within {timeout:g} s")
    return Output(code, bytes(out), bytes(err))


def _kill(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


class Remote:
    """A machine over SSH, as ``~/.ssh/config`` and the agent reach it: one connection, ``AT_ONCE`` scripts on it."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._connection: Any = None
        self._lock = threading.Lock()
        self._gate = threading.Semaphore(AT_ONCE)

    def run(self, script: str, stdin: bytes = b"", timeout: float = 20.0) -> Output:
        """See ``Shell``."""
        code = script.encode("ascii")
        with self._gate:
            with self._lock:
                if self._connection is None:
                    self._connection = _connect(self._address)
                connection = self._connection
            late = threading.Event()
            watchdog = _watchdog(connection, timeout, late)
            try:
                return self._exec(connection, REMOTE.format(len(code)), code + stdin)
            except Exception as error:  # whatever paramiko raises: the connection is of no more use
                self._drop(connection)
                if late.is_set():
                    raise ShellError(f"{self._address}: a script did not end within {timeout:g} s") from None
                if isinstance(error, ShellError):
                    raise
                raise ShellError(f"{self._address}: the connection broke ({_plain(error)})") from None
            finally:
                watchdog.cancel()

    def close(self) -> None:
        """Close the connection, and those to its jump hosts."""
        self._drop(self._connection)

    def _drop(self, connection: Any) -> None:
        with self._lock:
            if self._connection is connection:
                self._connection = None
        for hop in _hops(connection):
            with suppress(Exception):
                hop.client.close()

    def _exec(self, connection: Any, command: str, data: bytes) -> Output:
        transport = connection.client.get_transport()
        with suppress(OSError, AttributeError):  # Linux: acknowledge at once what the server waits for
            transport.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        channel = transport.open_session(timeout=CONNECT)
        try:
            channel.exec_command(command)
            out, err, rest, spoken = bytearray(), bytearray(), memoryview(data), False
            while True:
                moved = False
                if rest and channel.send_ready():
                    sent = channel.send(rest[:32768].tobytes())
                    rest, moved = rest[sent:], True
                    if not sent:
                        rest = rest[:0]  # it ended without reading all of it
                if not rest and not spoken:
                    channel.shutdown_write()
                    spoken = True
                if channel.recv_ready():
                    out += channel.recv(65536)
                    moved = True
                if channel.recv_stderr_ready():
                    err += channel.recv_stderr(65536)[: max(LARGEST_ERROR - len(err), 0)]
                    moved = True
                if len(out) > LARGEST:
                    raise ShellError(f"{self._address}: a script wrote more than {LARGEST >> 20} MiB")
                if moved:
                    continue
                ended = channel.exit_status_ready() and (channel.eof_received or channel.closed)
                if ended and not channel.recv_ready() and not channel.recv_stderr_ready():
                    break
                time.sleep(0.004)
            code = channel.recv_exit_status()
            if code < 0 and not transport.is_active():  # paramiko takes a cut for an end
                raise ShellError(f"{self._address}: the connection broke while a script ran")
            return Output(code, bytes(out), bytes(err))
        finally:
            channel.close()


def _watchdog(connection: Any, seconds: float, late: threading.Event) -> threading.Timer:
    """Cuts the connection after ``seconds``, which ends whatever waits on it."""

    def bark() -> None:
        late.set()
        for hop in _hops(connection):
            with suppress(Exception):
                hop.client.close()

    timer = threading.Timer(seconds, bark)
    timer.daemon = True
    timer.start()
    return timer


def _hops(connection: Any) -> list[Any]:
    """A connection and its jump hosts, the nearest to the target first."""
    found = []
    while connection and not isinstance(connection, str):
        found.append(connection)
        connection = connection.gateway
    return found


def _connect(address: str) -> Any:
    """A fabric Connection that is logged in; raises ShellError."""
    import paramiko
    from fabric import Connection

    class Strict(paramiko.MissingHostKeyPolicy):  # type: ignore[misc]
        def missing_host_key(self, client: Any, hostname: str, key: Any) -> None:
            raise _UnknownHost(hostname)

    user, host, port = _parts(address)
    late = threading.Event()
    watchdog = None
    try:
        connection = Connection(host, user=user, port=port, config=settings())
        for hop in _hops(connection):
            # fabric would take any key of a host that it does not know
            hop.client.set_missing_host_key_policy(Strict())
            for known in known_hosts(hop.ssh_config):
                if known.is_file():
                    hop.client.load_system_host_keys(str(known))
            hop.connect_timeout = hop.connect_timeout or CONNECT
            waits = {"banner_timeout": CONNECT, "auth_timeout": CONNECT, "channel_timeout": CONNECT}
            hop.connect_kwargs = {**hop.connect_kwargs, **waits, "transport_factory": _prompt(paramiko.Transport)}
        watchdog = _watchdog(connection, LOGIN, late)
        connection.open()
    except Exception as error:  # resolver, socket, protocol, keys, configuration: each stack has its own types
        for hop in _hops(locals().get("connection")):
            with suppress(Exception):
                hop.client.close()
        if late.is_set():
            raise ShellError(f"{address}: no login within {LOGIN:g} s") from None
        raise ShellError(f"{address}: {_says(error, address)}") from None
    finally:
        if watchdog is not None:
            watchdog.cancel()
    return connection


def _prompt(make: Callable[..., Any]) -> Callable[..., Any]:
    """Transports that send at once: a login has many small messages, and each could wait 40 ms for an ACK."""

    def transport(sock: Any, **kwargs: Any) -> Any:
        with suppress(OSError, AttributeError):  # through a jump host it is a channel
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return make(sock, **kwargs)

    return transport


class _UnknownHost(Exception):
    """No known_hosts file has the host."""


def _parts(address: str) -> tuple[str | None, str, int | None]:
    match = re.fullmatch(r"(?:([^@]+)@)?(\[[^]]+\]|[^:@]+)(?::(\d+))?", address)
    if match is None or match[2].startswith("-"):
        raise ShellError(f"{address}: is not user@host or user@host:port")
    return match[1], match[2].strip("[]"), int(match[3]) if match[3] else None


def _says(error: Exception, address: str) -> str:
    """What went wrong, and what to do."""
    import paramiko
    from paramiko.ssh_exception import NoValidConnectionsError

    by_hand = f"connect once with ssh ({_ssh_command(address)}) and accept its key if it is the right one"
    match error:
        case _UnknownHost():
            return f"the host key of {error} is not known: {by_hand}"
        case paramiko.BadHostKeyException():
            return (
                f"the host key of {error.hostname} is not the one in known_hosts, and somebody may be in between. "
                f"If the machine was set up anew, remove the old key (ssh-keygen -R '{error.hostname}') and {by_hand}"
            )
        case paramiko.PasswordRequiredException():
            return f"its key is locked by a passphrase: unlock it with ssh-add, and try {_ssh_command(address)}"
        case paramiko.AuthenticationException() | paramiko.SSHException() if isinstance(
            error, paramiko.AuthenticationException
        ) or "No authentication methods" in str(error):
            return (
                "the login was refused: no key of the agent or of ~/.ssh is accepted; "
                f"add one to its authorized_keys and try {_ssh_command(address)}"
            )
        case socket.gaierror():
            return "its name is not known here"
        case NoValidConnectionsError():
            return "cannot connect (" + "; ".join(sorted({_plain(e) for e in error.errors.values()})) + ")"
        case TimeoutError():
            return f"no answer within {CONNECT:g} s"
        case paramiko.SSHException() if "banner" in str(error) or "No existing session" in str(error):
            return f"something listens there, but it does not answer as an SSH server within {CONNECT:g} s"
    return f"cannot connect ({_plain(error)})"


def _ssh_command(address: str) -> str:
    user, host, port = _parts(address)
    return f"ssh {f'-p {port} ' if port else ''}{f'{user}@' if user else ''}{host}"


def _plain(error: BaseException) -> str:
    """An error's own words, short and printable."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return "".join(c for c in text.split("\n")[0][:160] if c.isprintable())
