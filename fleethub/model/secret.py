"""Secrets as types: a slot says which secret belongs somewhere, and never holds it.

A ``Slot`` travels through spec, rendering and planning. Only ``clients.resolver`` turns one into a
``Secret``, and only the last line before a socket or a file calls ``Secret.reveal``.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import field
from typing import Literal, NoReturn, Protocol

from fleethub.model.dataclass import dataclass

SENSITIVE = "(sensitive)"


@dataclass(frozen=True, order=True, slots=True)
class SecretRef:
    """Where an operator keeps a secret: ``env:``, ``file:`` or ``command:``; the first that resolves."""

    alternatives: tuple[str, ...]

    def __str__(self) -> str:
        return " or ".join(self.alternatives)


@dataclass(frozen=True, order=True, slots=True)
class Derived:
    """A secret computed from the fleet's seed: HMAC over purpose, fleet, scope, name and generation.

    ``scope`` is the proxy of a key and empty for a gateway token.
    """

    purpose: Literal["key", "gateway"]
    fleet: str
    scope: str
    name: str
    generation: int

    def __str__(self) -> str:
        return f"derived:{self.purpose}:{self.fleet}:{self.scope}:{self.name}:{self.generation}"

    @staticmethod
    def key_of(text: str, scope: str) -> Derived | None:
        """The key of a scope that ``str`` made this text of; None for any other text."""
        match = re.fullmatch(rf"derived:key:(.*?):{re.escape(scope)}:(.*):(\d{{1,9}})", text, re.DOTALL)
        return Derived("key", match[1], scope, match[2], int(match[3])) if match else None


@dataclass(frozen=True, order=True, slots=True)
class KeptValue:
    """The value of a key that FleetHub did not make and does not know, which came in by adoption.

    ``scope`` is its proxy, ``fingerprint`` what it is known by; ``token`` is LiteLLM's hash of it, where it was seen.
    """

    scope: str
    name: str
    generation: int
    fingerprint: str
    token: str = field(default="", repr=False)

    def __str__(self) -> str:
        return f"kept:{self.scope}:{self.name}:{self.generation}"

    @staticmethod
    def is_told_by(shape: str) -> bool:
        """Whether this text was made of one by ``str``: of which the lockfile's record of a kept key is told."""
        return shape.startswith("kept:")


Slot = SecretRef | Derived


class Secret:
    """An opened secret. It has no text form, cannot be pickled, and compares by identity."""

    __slots__ = ("__value",)

    def __init__(self, value: str) -> None:
        self.__value = value

    def reveal(self) -> str:
        """The value itself: for a request header, a file's bytes, or an operator who asked for it."""
        return self.__value

    def sha256(self) -> str:
        """Hex digest of the value: what LiteLLM calls a key's ``token``."""
        return hashlib.sha256(self.__value.encode()).hexdigest()

    def __repr__(self) -> str:
        return SENSITIVE

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return SENSITIVE

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is never serialised")


class Blob:
    """Bytes that were read from somewhere and may hold secrets: no text form, never serialised."""

    __slots__ = ("__data",)

    def __init__(self, data: bytes) -> None:
        self.__data = data

    def reveal(self) -> bytes:
        """The bytes; the caller decides what of them may be shown."""
        return self.__data

    def sha256(self) -> bytes:
        """Digest of the bytes."""
        return hashlib.sha256(self.__data).digest()

    def __repr__(self) -> str:
        return SENSITIVE

    __str__ = __repr__

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Blob is never serialised")


@dataclass(frozen=True, slots=True)
class Text:
    """A rendered file: literal parts with slots between them. Its bytes exist only where it is written."""

    parts: tuple[str | SecretRef | Derived, ...]

    @property
    def slots(self) -> tuple[Slot, ...]:
        """The secrets that the text needs, in order of appearance."""
        return tuple(p for p in self.parts if not isinstance(p, str))

    def shape(self) -> str:
        """Digest of the text with each slot named instead of filled: equal without any secret at hand."""
        body = json.dumps([p if isinstance(p, str) else {"slot": str(p)} for p in self.parts])
        return "shape:" + hashlib.sha256(body.encode()).hexdigest()[:32]

    def display(self) -> str:
        """The text with ``(sensitive)`` in each slot's place."""
        return "".join(p if isinstance(p, str) else SENSITIVE for p in self.parts)

    def __iter__(self) -> Iterator[str | SecretRef | Derived]:
        return iter(self.parts)


class Fingerprinter(Protocol):
    """Turns secrets into fingerprints without showing them: HMAC(k, sha256(content)), k from the seed.

    Each method returns None where the secret it would need cannot be opened.
    """

    def slot(self, slot: Slot) -> str | None:
        """Fingerprint of one secret's content."""

    def text(self, text: Text) -> str | None:
        """Fingerprint of a file as it would be written."""

    def sha256(self, digest: bytes) -> str | None:
        """Fingerprint of content of which only the digest is known, as of a remote file or a key."""
