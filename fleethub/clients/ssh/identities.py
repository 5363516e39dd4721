"""Whose keys are offered to a host, in OpenSSH's order, from an agent and from files."""

from __future__ import annotations

import base64
import binascii
import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from fleethub.clients.ssh import destination as limits
from fleethub.clients.ssh.destination import Destination
from fleethub.clients.ssh.known_hosts import fingerprint, kind_of
from fleethub.model.dataclass import dataclass
from fleethub.model.text import heard

LARGEST = 1 << 16  # bytes of a key's file
MAGIC = b"openssh-key-v1\0"


class Refused(Exception):
    """No key was accepted. ``beyond``: what only OpenSSH's ssh could still offer, if anything."""

    def __init__(self, message: str, beyond: str = "") -> None:
        self.beyond = beyond
        super().__init__(message)


def public(path: Path) -> bytes | None:
    """The public half of a key's file in wire format, as OpenSSH finds it: in it, or in ``.pub`` beside it."""
    return _public(path, _stamp(str(path)), _stamp(f"{path}.pub"))


def _stamp(path: str) -> tuple[int, ...]:
    """What changes with a file; empty where there is none."""
    try:
        found = os.stat(path)  # noqa: PTH116 - a dozen times for each host
    except OSError:
        return ()
    return (found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino)


@lru_cache(maxsize=64)
def _public(path: Path, private: tuple[int, ...], beside: tuple[int, ...]) -> bytes | None:
    """Of the files as they are then: read once, not for each of a hundred hosts."""
    with suppress(OSError, ValueError, binascii.Error):
        data = _bytes(path)
        if b"BEGIN OPENSSH PRIVATE KEY" in data:
            return _half(_decoded(data))
        if kind_of(found := base64.b64decode(data.split()[1])):
            return found
    with suppress(OSError, ValueError, IndexError, binascii.Error):
        return base64.b64decode(_bytes(Path(f"{path}.pub")).split()[1]) or None
    return None


def _bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(LARGEST)


def _decoded(data: bytes) -> bytes:
    return base64.b64decode(b"".join(data.split(b"\n")[1:]).partition(b"-")[0])


def _half(data: bytes) -> bytes | None:
    """The public key of an OpenSSH private key, which is never encrypted: after cipher, KDF, its options, a count."""
    if not data.startswith(MAGIC):
        return None
    at = len(MAGIC)
    for _ in range(3):
        at += 4 + int.from_bytes(data[at : at + 4], "big")
    at += 4
    size = int.from_bytes(data[at : at + 4], "big")
    return data[at + 4 : at + 4 + size]


@dataclass(frozen=True, slots=True)
class Offer:
    """A key to try, and how it is called."""

    label: str
    key: Any


class Login:
    """Logs in to a host: an authentication strategy of paramiko's client."""

    def __init__(self, destination: Destination) -> None:
        self._destination = destination
        self._tried: list[str] = []
        self._notes: list[str] = []
        self._beyond: list[str] = []

    def authenticate(self, transport: Any) -> None:
        """Try one key after the other; raises Refused."""
        from paramiko import SSHException
        from paramiko.ssh_exception import BadAuthenticationType

        for offer in self._offers():
            try:
                rest = transport.auth_publickey(self._destination.user, offer.key)
            except BadAuthenticationType as error:
                raise Refused(f"it takes no keys, only {', '.join(error.allowed_types)};") from None
            except SSHException as error:
                if "signing" in str(error):
                    self._beyond.append(f"the agent does not sign with {offer.label}")
                self._tried.append(offer.label)
            else:
                if not rest:
                    return
                self._notes.append(f"after {offer.label} it also asks for {', '.join(rest)}")
            if not transport.is_active():
                break
        else:
            with suppress(SSHException):  # some take anybody whom the network knows
                if not transport.auth_none(self._destination.user):
                    return
        if not transport.is_active() and not self._beyond:
            raise Refused(
                f"it cut the login after {len(self._tried)} keys ({', '.join(self._tried)}): name the right one by "
                "IdentityFile, with IdentitiesOnly yes, in ~/.ssh/config, and"
            )
        raise Refused(self._says(), self._beyond[0] if self._beyond else "")

    def _says(self) -> str:
        notes = [f"tried {', '.join(self._tried)}" if self._tried else "there was none to try", *self._notes]
        notes += troubles(self._destination)
        return (
            f"the login was refused: no key of the agent or of ~/.ssh is accepted ({'; '.join(notes)}); "
            "add one to its authorized_keys and"
        )

    def _offers(self) -> Iterator[Offer]:
        """The agent's keys that a file names, its others unless IdentitiesOnly, then files without the agent."""
        files = {path: public(path) for path in self._destination.identity_files}
        named = {half: path for path, half in reversed(files.items()) if half}
        held = self._agent()
        only = self._destination.option("identitiesonly") == "yes"
        yield from (Offer(f"{named[blob]} by the agent", key) for blob, key in held.items() if blob in named)
        if not only:
            yield from (Offer(_name(key), key) for blob, key in held.items() if blob not in named)
        for path, half in files.items():
            if half not in held and (offer := self._file(path)):
                yield offer

    def _agent(self) -> dict[bytes, Any]:
        """The agent's keys by their public half."""
        from paramiko.agent import AgentSSH

        path = self._destination.agent
        if not path:
            return {}
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(limits.LOGIN)  # it may ask somebody
        try:
            connection.connect(path)
            agent = AgentSSH()
            agent._connect(connection)
            found = {}
            for key in agent.get_keys():
                if key.get_name().startswith("sk-") or "-cert-" in key.get_name():
                    self._beyond.append(f"the agent holds a {key.get_name()}")
                else:
                    found[key.blob] = key
            return found
        except Exception as error:  # none there, or something else: as ssh, go on without
            connection.close()
            if "identityagent" in self._destination.options:
                self._notes.append(f"IdentityAgent {path} does not answer ({_words(error)})")
            return {}

    def _file(self, path: Path) -> Offer | None:
        if not (stamp := _stamp(str(path))) or not path.is_file() or _trouble(path, True):
            return None
        try:
            return Offer(str(path), _private(path, stamp))
        except Exception as error:  # each format has its own
            if b"PRIVATE KEY" in _bytes(path):
                self._notes.append(f"{path} cannot be read ({_words(error)})")
        return None


@lru_cache(maxsize=8)
def _private(path: Path, stamp: tuple[int, ...]) -> Any:
    """A key as it is then: read once, not for each of a hundred hosts. Each connection holds it anyway."""
    from paramiko import PKey

    return PKey.from_path(path)


def troubles(destination: Destination) -> list[str]:
    """Why keys' files of a host cannot be offered, and what to do: missing, open to others, locked."""
    named = "identityfile" in destination.options
    found = (_trouble(path, named and path.name not in _DEFAULT) for path in destination.identity_files)
    return [text for text in found if text]


def _trouble(path: Path, named: bool) -> str:
    try:
        stat, data = path.stat(), _bytes(path)
    except FileNotFoundError:
        return f"IdentityFile {path} does not exist" if named else ""
    except OSError as error:
        return f"{path} cannot be read ({_words(error)})"
    if b"PRIVATE KEY" not in data:
        return ""  # the public half, for an agent
    if stat.st_mode & 0o077 and stat.st_uid == os.getuid():
        return f"{path} can be read by others, so it is ignored: chmod 600 {path}"
    return f"{path} is locked by a passphrase: unlock it with ssh-add {path}" if _locked(data) else ""


def _locked(data: bytes) -> bool:
    if b"BEGIN OPENSSH PRIVATE KEY" not in data:
        return b"ENCRYPTED" in data
    with suppress(ValueError, binascii.Error):
        return not _decoded(data).startswith(MAGIC + b"\0\0\0\x04none")
    return False


_DEFAULT = {f"id_{kind}" for kind in ("rsa", "ecdsa", "ecdsa_sk", "ed25519", "ed25519_sk", "xmss", "dsa")}


def _name(key: Any) -> str:
    return f"the agent's {key.comment or key.get_name()} {fingerprint(key.blob)[:15]}"


def _words(error: Exception) -> str:
    return heard(getattr(error, "strerror", None) or str(error), 120)
