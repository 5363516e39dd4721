"""What a step does: frozen values with references only, each kind's own; the kind's ``execute`` carries them out."""

from __future__ import annotations

from typing import ClassVar, Protocol

from fleethub.model.dataclass import dataclass


class Do(Protocol):
    """One thing to do, a frozen dataclass of data without secrets.

    ``operation`` names it for good: a plan's id is made from it, and from the fields that compare. ``says`` is what
    people read while it is done.
    """

    operation: ClassVar[str]
    says: ClassVar[str]


@dataclass(frozen=True, slots=True)
class SetCheck:
    """A command on the node that judges a new set before it is renamed; it runs in the folder of that set.

    ``@set@`` in a word stands for the path of that folder. Without success of ``when``, the check is not made.
    ``json``: it must print ``"valid": true`` and no warnings, as OpenClaw's validator does; ``lenient``: with warnings.
    """

    name: str
    argv: tuple[str, ...]
    when: tuple[str, ...] = ()
    json: bool = False
    lenient: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """A command at a node's target whose answer is one JSON object on its standard output.

    ``says``: fields of it with the values that they must have. ``seconds``: how long it may take.
    ``otherwise``: what it means when they have others.
    """

    name: str
    argv: tuple[str, ...]
    says: tuple[tuple[str, bool | int], ...]
    seconds: float
    otherwise: str = ""
