"""What is done to a consumer whose key is handed to a command."""

from __future__ import annotations

from typing import ClassVar

from fleethub.model.dataclass import dataclass
from fleethub.model.observation import Source
from fleethub.model.secret import Derived, SecretRef, Text


@dataclass(frozen=True, slots=True)
class HandOver:
    """Run ``argv`` with ``text`` on its standard input; then ``check``, where there is one, must tell the key.

    ``agreed``: the command as it was agreed to, with its placeholders. ``timeout``: seconds for each of both.
    """

    operation: ClassVar[str] = "consumer.hand-over"
    says: ClassVar[str] = "hand over"

    source: Source
    argv: tuple[str, ...]
    agreed: tuple[str, ...]
    text: Text
    key: SecretRef | Derived
    check: tuple[str, ...]
    timeout: float


@dataclass(frozen=True, slots=True)
class RestartConsumer:
    """Run ``argv``, which makes the program take its new key; ``key`` is what it must not be heard to say.

    ``agreed`` and ``timeout`` as above.
    """

    operation: ClassVar[str] = "consumer.restart"
    says: ClassVar[str] = "restart"

    source: Source
    argv: tuple[str, ...]
    agreed: tuple[str, ...]
    key: SecretRef | Derived
    timeout: float


@dataclass(frozen=True, slots=True)
class TakeAway:
    """Run ``argv``, which takes the key away from where it was handed to; without one it stays.

    ``ends``: its value ends with it; else it is what another place has by now.
    """

    operation: ClassVar[str] = "consumer.take-away"
    says: ClassVar[str] = "remove"

    source: Source
    argv: tuple[str, ...]
    timeout: float
    ends: bool = True
