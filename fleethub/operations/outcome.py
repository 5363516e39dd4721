"""What every operation gives back."""

from __future__ import annotations

from typing import Generic, TypeVar

from fleethub.model.dataclass import dataclass
from fleethub.model.exit import Exit
from fleethub.model.finding import Finding

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T]):
    """``data`` for whoever asked, the ``exit`` code that says how it went, and the ``findings`` behind that code."""

    data: T
    exit: Exit = Exit.FINE
    findings: tuple[Finding, ...] = ()
