"""A login by fabric and paramiko: one connection, many scripts on it, no process."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import lru_cache
from typing import Any

import paramiko
from fabric import Config, Connection
from paramiko.ssh_exception import NoValidConnectionsError

from fleethub.clients.process import LARGEST, LARGEST_ERROR, Output, ShellError
from fleethub.clients.ssh import destination as limits
from fleethub.clients.ssh.destination import Destination
from fleethub.clients.ssh.identities import Login, Refused
from fleethub.clients.ssh.known_hosts import HostKeyError, KnownHost, kinds
from fleethub.clients.ssh.loader import LONGEST, OPENSSH
from fleethub.clients.ssh.text import Broken, NeedsProgram, Unopened, by_hand, plain
from fleethub.clients.ssh.watchdog import WATCHDOG

logging.getLogger("paramiko").addHandler(logging.NullHandler())  # else its tracebacks land on the terminal
#: Seconds until the other side is asked, between two questions, and how many it may leave without an answer.
KEEPALIVE = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3}
#: What ``ssh -G`` calls the algorithms of each part of a handshake, and paramiko.
ALGORITHMS = {"kexalgorithms": "kex", "ciphers": "ciphers", "macs": "digests", "hostkeyalgorithms": "key_types"}


class Library:
    """A connection to a host, logged in. Raises ShellError, NeedsProgram where only OpenSSH's ssh would do."""

    def __init__(self, address: str, chain: list[tuple[Destination, KnownHost]]) -> None:
        self._address = address
        self._hops: list[Any] = []
        limit = WATCHDOG.watch(limits.LOGIN, self.close)
        try:
            for hop, known in reversed(chain):
                self._hops.insert(0, _connection(hop, known, self._hops[0] if self._hops else None))
            self._hops[0].open()
        except Exception as error:  # resolver, socket, protocol, keys: each stack has its own types
            self.close()
            if limit.late:
                raise ShellError(f"{address}: no login within {limits.LOGIN:g} s") from None
            self._raise(error, [hop for hop, _ in chain])
        finally:
            limit.end()

    def _raise(self, error: Exception, chain: list[Destination]) -> None:
        """Say what went wrong, and what to do; raises ShellError."""
        if isinstance(error, NeedsProgram):
            raise error
        says = _says(error, self._address, max(hop.connect_timeout for hop in chain))
        beyond = error.beyond if isinstance(error, Refused) else ""
        if isinstance(error, paramiko.ssh_exception.IncompatiblePeer):
            beyond = "paramiko and the host have no algorithm in common"
            transport = next((t for hop in self._hops if (t := hop.client.fleethub_transport)), None)
            says = f"cannot agree on algorithms ({plain(error)})"
            if transport is not None:
                says += f"; it offers {transport.offers(str(error))}"
        if isinstance(error, Refused) and not beyond and _has_ticket(chain):
            beyond = "a Kerberos ticket is there"
        if beyond:
            raise NeedsProgram(beyond, f"{self._address}: {says}") from None
        raise ShellError(f"{self._address}: {says}") from None

    def run(
        self,
        command: str,
        data: bytes,
        timeout: float,
        feed: Iterable[bytes] | None = None,
        sink: Callable[[bytes], None] | None = None,
    ) -> Output:
        """Run a command with ``data`` as standard input; raises Broken: the connection is then of no more use.

        ``feed``, ``sink`` and ``timeout`` as in ``process.run``.
        """
        limit, since = WATCHDOG.watch(timeout, self.close), time.monotonic()

        def move() -> None:
            nonlocal limit, since
            if (feed is not None or sink is not None) and time.monotonic() - since > 1 and not limit.late:
                limit.end()
                limit, since = WATCHDOG.watch(timeout, self.close), time.monotonic()

        try:
            return self._exec(command, data, iter(feed or ()), sink, move)
        except Exception as error:  # whatever paramiko raises
            if limit.late:
                raise Broken(f"{self._address}: a script did not end within {timeout:g} s") from None
            if isinstance(error, ShellError):
                raise
            raise Broken(f"{self._address}: the connection broke ({plain(error)})") from None
        finally:
            limit.end()

    @property
    def longest(self) -> int:
        """Characters of a script that the other side takes in a command."""
        transport = self._hops[0].client.get_transport()
        return OPENSSH if transport is not None and "OpenSSH" in transport.remote_version else LONGEST

    def alive(self) -> bool:
        """Whether it is still open, as far as can be seen."""
        transports = [hop.client.get_transport() for hop in self._hops]
        return all(transport is not None and transport.is_active() for transport in transports)

    def keep(self) -> bool:
        """Leave it open for long; whether it still is. The system then asks the other side, which also keeps what is
        in between from forgetting it."""
        if not self.alive():
            return False
        with suppress(OSError, AttributeError):  # of the nearest hop: the others lead through it
            sock = self._hops[-1].client.get_transport().sock
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for option, value in KEEPALIVE.items():
                sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
        return True

    def close(self) -> None:
        """Close the connection, and those to its jump hosts."""
        for hop in self._hops:
            with suppress(Exception):
                hop.client.close()

    def _exec(
        self,
        command: str,
        data: bytes,
        feed: Iterator[bytes],
        sink: Callable[[bytes], None] | None,
        move: Callable[[], None],
    ) -> Output:
        transport = self._hops[0].client.get_transport()
        with suppress(OSError, AttributeError):  # Linux: acknowledge at once what the server waits for
            transport.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        try:
            channel = transport.open_session(timeout=limits.CONNECT)
        except Exception as error:
            raise Unopened(f"{self._address}: the connection broke ({plain(error)})") from None
        try:
            channel.exec_command(command)
            out, err, rest, spoken = bytearray(), bytearray(), memoryview(data), False
            woken = _Woken()
            channel.in_buffer.set_event(woken)
            channel.in_stderr_buffer.set_event(woken)
            while True:
                woken.reset()  # before the look: what comes after it wakes
                moved = False
                if rest and channel.send_ready():
                    sent = 0
                    with suppress(OSError):  # the channel is closed
                        sent = channel.send(rest[:32768].tobytes())
                    rest, moved = rest[sent:], True
                    if not sent:
                        rest, feed = rest[:0], iter(())  # it ended without reading all of it
                if not rest and not spoken and (part := next(feed, b"")):
                    rest = memoryview(part)
                if not rest and not spoken:
                    channel.shutdown_write()
                    spoken = True
                if channel.recv_ready():
                    got = channel.recv(65536)
                    if sink is not None:
                        sink(got)
                    else:
                        out += got
                    moved = True
                if channel.recv_stderr_ready():
                    err += channel.recv_stderr(65536)[: max(LARGEST_ERROR - len(err), 0)]
                    moved = True
                if len(out) > LARGEST:
                    raise Broken(f"{self._address}: a script wrote more than {LARGEST >> 20} MiB")
                if moved:
                    move()
                    continue
                ended = channel.exit_status_ready() and (channel.eof_received or channel.closed)
                if ended and not channel.recv_ready() and not channel.recv_stderr_ready():
                    break
                woken.wait(0.5 if spoken else 0.004)  # that more may be sent wakes nobody
            code = channel.recv_exit_status()
            if code < 0 and not transport.is_active():  # paramiko takes a cut for an end
                raise Broken(f"{self._address}: the connection broke while a script ran")
            return Output(code, bytes(out), bytes(err))
        finally:
            channel.close()


class _Woken(threading.Event):
    """Set when either stream of a channel has something, or ends; each would clear it for both."""

    def clear(self) -> None:
        """Nothing: see ``reset``."""

    def reset(self) -> None:
        """Clear it."""
        super().clear()


class _Connection(Connection):  # type: ignore[misc]
    """fabric writes what is no attribute of the class into the settings, which then are made anew while others read
    them: each login would, and one in some thousands failed for it."""

    inline_ssh_env = True


@lru_cache(maxsize=1)
def _settings() -> Any:
    """fabric's, without anybody's files: one for all connections, which only read it."""
    return Config(lazy=True, ssh_config=paramiko.SSHConfig())


def _connection(hop: Destination, known: KnownHost, gateway: Any) -> Any:
    """A fabric Connection that knows all of its host already, and asks no configuration of its own."""
    if gateway is None and not hop.by_openssh:
        gateway = hop.option("proxycommand") or None
    connection: Any = _Connection(
        hop.host,
        user=hop.user,
        port=hop.port,
        config=_settings(),
        gateway=gateway or False,  # else the settings are asked
        inline_ssh_env=True,
        forward_agent=False,
        connect_timeout=hop.connect_timeout,
        connect_kwargs={
            "banner_timeout": limits.CONNECT,
            "auth_timeout": limits.CONNECT,
            "channel_timeout": limits.CONNECT,
            "auth_strategy": Login(hop),
            "transport_factory": lambda sock, **kwargs: _transport(connection.client, hop, known, sock, **kwargs),
        },
    )
    connection.client.fleethub_transport = None
    connection.client.set_missing_host_key_policy(_HostKeys(known))
    return connection


class _HostKeys(paramiko.MissingHostKeyPolicy):  # type: ignore[misc]
    """Asked about every key, as the client itself is given none: it keeps one key a kind."""

    def __init__(self, known: KnownHost) -> None:
        self._known = known

    def missing_host_key(self, client: Any, hostname: str, key: Any) -> None:
        self._known.check(key.get_name(), key.asbytes())


class _Transport(paramiko.Transport):  # type: ignore[misc]
    """Remembers what the other side offered, for an error's words."""

    offered = b""

    def _parse_kex_init(self, message: Any) -> Any:
        self.offered = message.get_remainder()
        return super()._parse_kex_init(message)

    def offers(self, error: str) -> str:
        """What it offers of that of which an error says that nothing fits."""
        words = {"kex": "kex_algo_list", "key": "server_key_algo_list", "cipher": "server_encrypt_algo_list"}
        part = next((part for word, part in words.items() if word in error), "server_mac_algo_list")
        with suppress(Exception):
            return ",".join(self._really_parse_kex_init(paramiko.Message(self.offered))[part])
        return "nothing"


def _transport(client: Any, hop: Destination, known: KnownHost, sock: Any, **kwargs: Any) -> Any:
    """Sends at once, as a login has many small messages, each of which could wait 40 ms for an ACK."""
    with suppress(OSError, AttributeError):  # through a jump host it is a channel
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    transport = client.fleethub_transport = _Transport(sock, **kwargs)
    choice = transport.get_security_options()
    for option, name in ALGORITHMS.items():
        if wanted := hop.names(option):
            can = getattr(choice, name)
            both = tuple(one for one in wanted if one in can)
            if name == "ciphers":  # GCM first, as OpenSSH does since 10: paramiko compares a MAC byte by byte in Python
                both = tuple(sorted(both, key=lambda one: "-gcm@" not in one))
            if not both:
                raise NeedsProgram(f"{option} {','.join(wanted)}", f"none of its {option} is known to paramiko")
            setattr(choice, name, both)
    first = tuple(kind for kind in kinds(known.keys) if kind in choice.key_types)
    choice.key_types = (*first, *(kind for kind in choice.key_types if kind not in first))
    return transport


def _has_ticket(chain: list[Destination]) -> bool:
    """Whether GSSAPI could still log in."""
    import os
    from pathlib import Path

    cache = os.environ.get("KRB5CCNAME", f"/tmp/krb5cc_{os.getuid()}").removeprefix("FILE:")  # noqa: S108
    return any(hop.option("gssapiauthentication") == "yes" for hop in chain) and Path(cache).exists()


def _says(error: Exception, address: str, seconds: float) -> str:
    match error:
        case HostKeyError():
            return f"{error} connect once with ssh ({by_hand(address)}) and accept its key if it is the right one"
        case Refused():
            return f"{error} try {by_hand(address)}"
        case socket.gaierror():
            return "its name is not known here"
        case NoValidConnectionsError():
            return "cannot connect (" + "; ".join(sorted({plain(e) for e in error.errors.values()})) + ")"
        case TimeoutError():
            return f"no answer within {seconds:g} s"
        case paramiko.SSHException() if "banner" in str(error) or "No existing session" in str(error):
            return f"something listens there, but it does not answer as an SSH server within {limits.CONNECT:g} s"
    return f"cannot connect ({plain(error)})"
