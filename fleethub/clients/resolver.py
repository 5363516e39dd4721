"""Opens references and derives secrets from the seed; everything secret passes through here once.

Derived values: ``sk-`` + base64url(HMAC-SHA256(seed, canonical JSON of purpose, fleet, scope, name, generation)).
Fingerprints: HMAC-SHA256(k, sha256(content)), k from the seed, so that a digest can be compared without content.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import re
import secrets
import shlex
import stat
import subprocess
import threading
from functools import lru_cache
from pathlib import Path

from fleethub.model.secret import Derived, Secret, SecretRef, Slot, Text
from fleethub.model.trust import Guard

SEED = re.compile(r"fhseed1_[A-Za-z0-9_-]{43}")
COMMAND_SECONDS = 10
LARGEST = 64 << 10  # bytes of a secret
#: What a command gets of our environment, a name or (with a star) its beginning: what a password manager needs to find
#: its user, its agent and its session. docs/trust.md lists it.
PASSED = (
    *("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_*", "TERM", "TMPDIR", "TZ", "XDG_*"),
    *("SSH_AUTH_SOCK", "GPG_TTY", "GNUPGHOME", "DBUS_SESSION_BUS_ADDRESS", "DISPLAY", "WAYLAND_DISPLAY"),
    *("OP_*", "BW_*", "BITWARDENCLI_*", "VAULT_*", "BAO_*", "AWS_*", "AZURE_*", "GOOGLE_*", "CLOUDSDK_*"),
    *("PASSWORD_STORE_*", "SOPS_*", "KUBECONFIG", "DOCKER_*", "SSL_CERT_*"),
    *("HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "https_proxy", "http_proxy", "no_proxy"),  # curl reads the small alone
)
MORE = "FLEETHUB_COMMAND_ENV"  # further names, separated by white space


class SecretError(Exception):
    """A secret cannot be had; the message names the reference, never a value. ``code`` is a finding's."""

    def __init__(self, message: str, code: str = "secret.unresolved") -> None:
        self.code = code
        super().__init__(message)


def new_seed() -> str:
    """A fresh seed in its recognisable form."""
    return "fhseed1_" + _b64(secrets.token_bytes(32))


class SecretResolver:
    """Secrets of one fleet. Thread-safe; each reference is opened once. ``problems`` keeps what did not open."""

    def __init__(
        self,
        root: Path,
        seed: SecretRef | None,
        guarded: tuple[SecretRef, ...] = (),
        guard: Guard | None = None,
    ) -> None:
        """``guarded``: what no node and no command may have. ``guard``: which commands run; None: all."""
        self._root, self._seed_ref, self._guard = root, seed, guard
        self._guarded = (*guarded, seed) if seed else guarded
        self._unfit: dict[str, SecretError] = {}
        self._opened: dict[SecretRef, Secret | SecretError] = {}
        self._derived: dict[Derived, Secret] = {}
        self._lock = threading.RLock()
        self._key: bytes | None = None

    @property
    def problems(self) -> tuple[SecretError, ...]:
        """Every reference that was asked for and did not open."""
        return (*(found for found in self._opened.values() if isinstance(found, SecretError)), *self._unfit.values())

    def open(self, slot: Slot) -> Secret:
        """The secret; raises SecretError."""
        if isinstance(slot, Derived):
            return self._derive(slot)
        with self._lock:
            if slot not in self._opened:
                try:
                    self._opened[slot] = self._resolve(slot)
                except SecretError as error:
                    self._opened[slot] = error
            found = self._opened[slot]
        if isinstance(found, SecretError):
            raise found
        return found

    def take(self, ref: SecretRef, value: Secret) -> None:
        """Have a reference open as this value, of what is not written there yet."""
        with self._lock:
            self._opened[ref] = value

    def fill(self, text: Text) -> bytes:
        """A file's bytes with every slot opened; raises SecretError, also for what cannot be single-quoted."""
        parts = []
        for part in text:
            if isinstance(part, str):
                parts.append(part)
                continue
            value = self.open(part).reveal()
            if any(c in value for c in "'\n\r\0") or value.endswith("\\"):
                raise self._refuse(part, "holds a quote or a line break, or ends in a backslash: .env cannot carry it")
            if isinstance(part, SecretRef) and self._is_guarded(value):
                raise self._refuse(part, "is the seed or a proxy's master key, which no node may have")
            parts.append(value)
        return "".join(parts).encode()

    def _refuse(self, part: Slot, why: str) -> SecretError:
        error = SecretError(f"{part} {why}")
        self._unfit[str(part)] = error
        return error

    def _is_guarded(self, value: str) -> bool:
        """Whether a value is one that must not leave this machine, by whatever reference it came."""
        for ref in self._guarded:
            try:
                if self.open(ref).reveal() == value:
                    return True
            except SecretError:
                continue
        return False

    def seed_fingerprint(self) -> str | None:
        """The seed's fingerprint, as the lockfile keeps it; None without a seed."""
        return self.sha256(hashlib.sha256(b"fleethub seed").digest())

    # the Fingerprinter protocol

    def slot(self, slot: Slot) -> str | None:
        """Return the fingerprint of one secret's content; None where it cannot be opened."""
        try:
            return self.sha256(hashlib.sha256(self.open(slot).reveal().encode()).digest())
        except SecretError:
            return None

    def text(self, text: Text) -> str | None:
        """Return the fingerprint of a file as it would be written; None where a secret in it cannot be opened."""
        try:
            return self.sha256(hashlib.sha256(self.fill(text)).digest())
        except SecretError:
            return None

    def sha256(self, digest: bytes) -> str | None:
        """Return the fingerprint of content by its digest; None without the seed."""
        try:
            seed = self.seed()
        except SecretError:
            return None
        return "fp1:" + hmac.digest(_fingerprint_key(seed), digest, "sha256").hex()[:32]

    def seed(self) -> bytes:
        """The seed's 32 bytes, for deriving; raises SecretError."""
        with self._lock:
            if self._key is None:
                if self._seed_ref is None:
                    raise SecretError("the spec names no key_seed")
                value = self.open(self._seed_ref).reveal()
                if not SEED.fullmatch(value):
                    raise SecretError(
                        f"{self._seed_ref} is no seed: it is fhseed1_ and 43 characters of base64url; "
                        "fleethub init makes one",
                        "seed.malformed",
                    )
                self._key = base64.urlsafe_b64decode(value.removeprefix("fhseed1_") + "=")
            return self._key

    def _derive(self, slot: Derived) -> Secret:
        """Once: a node's key is asked for a dozen times in an apply."""
        if (found := self._derived.get(slot)) is not None:
            return found
        body = [slot.purpose, slot.fleet, slot.scope, slot.name, slot.generation]
        message = json.dumps(body, separators=(",", ":"), ensure_ascii=True).encode()
        made = self._derived[slot] = Secret("sk-" + _b64(hmac.digest(self.seed(), message, "sha256")))
        return made

    def _resolve(self, ref: SecretRef) -> Secret:
        reasons: list[str] = []
        codes: set[str] = set()
        for alternative in ref.alternatives:
            scheme, _, rest = alternative.partition(":")
            try:
                value = {"env": self._env, "file": self._file, "command": self._command}[scheme](rest)
            except SecretError as error:
                if error.code not in ("secret.unresolved", "command.new"):
                    raise
                reasons.append(f"{alternative} {error}")
                codes.add(error.code)
                continue
            return Secret(value)
        raise SecretError("; ".join(reasons), min(codes))

    def _env(self, name: str) -> str:
        value = os.environ.get(name, "")
        if not value:
            raise SecretError("is not set")
        return value

    def _file(self, name: str) -> str:
        path = self._root / Path(name).expanduser()
        try:
            mode = path.stat().st_mode
            if not stat.S_ISREG(mode):  # a pipe or a terminal would be waited for, a device has no end
                raise SecretError("is no file")
            with path.open("rb") as file:
                data = file.read(LARGEST + 1)
            if len(data) > LARGEST:
                raise SecretError(f"holds more than {LARGEST >> 10} KiB, which is no secret")
            value = data.decode()
        except FileNotFoundError:
            raise SecretError("does not exist") from None
        except (OSError, UnicodeDecodeError, RuntimeError) as error:
            raise SecretError(f"cannot be read ({type(error).__name__})") from None
        if mode & 0o077:
            raise SecretError(f"{path} can be read by others; chmod 600 {shlex.quote(str(path))}", "secret.mode")
        return value.removesuffix("\n")

    def _command(self, line: str) -> str:
        if not self.permits(line):
            raise SecretError("is not known on this machine, so it was not run", "command.new")
        try:
            argv = shlex.split(line)
            done = subprocess.run(  # noqa: S603 - the operator's own command, without a shell
                argv,
                capture_output=True,
                timeout=COMMAND_SECONDS,
                check=False,
                cwd=self._root,
                env=self.environment(),
                text=True,
                stdin=subprocess.DEVNULL,
            )
        except subprocess.TimeoutExpired:
            raise SecretError(f"took longer than {COMMAND_SECONDS} s") from None
        except (OSError, ValueError, IndexError) as error:
            raise SecretError(f"cannot be run ({type(error).__name__})") from None
        if done.returncode != 0:
            raise SecretError(f"ended with {done.returncode}")
        value = done.stdout.removesuffix("\n")
        if not value:
            raise SecretError("printed nothing")
        return value

    def permits(self, line: str) -> bool:
        """Whether a command is known on this machine, so that it may run."""
        return self._guard is None or self._guard.runs(line)

    def environment(self) -> dict[str, str]:
        """What a command gets: nothing that holds a secret of this fleet."""
        passed = (*PASSED, *os.environ.get(MORE, "").split())
        exact = {name for name in passed if not name.endswith("*")}
        begins = tuple(name[:-1] for name in passed if name.endswith("*") and len(name) > 1)
        own = {alternative.removeprefix("env:") for ref in self._guarded for alternative in ref.alternatives}
        return {
            name: value
            for name, value in os.environ.items()
            if (name in exact or (begins and name.startswith(begins))) and name not in own
        }


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@lru_cache(maxsize=1)
def _fingerprint_key(seed: bytes) -> bytes:
    return hmac.digest(seed, b"fleethub:fingerprint:1", "sha256")
