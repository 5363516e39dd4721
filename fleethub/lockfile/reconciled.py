"""Two lockfiles of one fleet, and the one that is made of them."""

from __future__ import annotations

from collections.abc import Mapping

from fleethub.lockfile.decide import Decision, Whose
from fleethub.lockfile.merge import Sides
from fleethub.model.address import Address
from fleethub.model.dataclass import dataclass
from fleethub.model.observation import Lockfile


@dataclass(frozen=True, slots=True)
class Apart:
    """Two lockfiles of one fleet, what both came from (None: not known), and where they are from, in words.

    ``unmerged``: git waits for ``git add``. ``version``: of what the store holds now.
    """

    ours: Lockfile
    theirs: Lockfile
    base: Lockfile | None
    where: str
    unmerged: bool
    version: str


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What each did (``taken``: whose the record is that one side alone changed), what was decided of what both did,
    and the lockfile that comes of it. ``highest``: the serial of the latest mark that was seen.
    """

    apart: Apart
    taken: Mapping[Address, Sides]
    decided: Mapping[Address, Decision]
    lockfile: Lockfile
    highest: int
    unread: tuple[str, ...]

    @property
    def did(self) -> dict[Address, tuple[Whose, str]]:
        """Of each record that one side alone changed: whose, and what it did with it, in a word."""
        return {a: (_whose(sides), _did(sides)) for a, sides in self.taken.items()}

    @property
    def undecided(self) -> tuple[Address, ...]:
        """What could not be told."""
        return tuple(a for a, decision in self.decided.items() if decision.whose is Whose.BOTH)


def _whose(sides: Sides) -> Whose:
    return Whose.THEIRS if sides.ours == sides.base else Whose.OURS


def _did(sides: Sides) -> str:
    now = sides.theirs if sides.ours == sides.base else sides.ours
    return "created" if sides.base is None else "removed" if now is None else "changed"
