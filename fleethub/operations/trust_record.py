"""The record of what this machine trusts for a fleet: show it, add to it, take out of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from pathlib import Path

from fleethub.model.dataclass import dataclass
from fleethub.model.exit import Exit
from fleethub.model.fleet import Fleet
from fleethub.model.observation import Lockfile
from fleethub.model.trust import COMMAND, CommandUse, Known, OriginUse, TrustRecord, digest, runs, uses
from fleethub.operations.outcome import Outcome
from fleethub.operations.spec import load_fleet
from fleethub.operations.stores import known
from fleethub.operations.trust import (
    HAND,
    New,
    TrustInputError,
    command_line,
    given,
    record_of,
    remember,
    unknown,
)
from fleethub.state import trust as kept


@dataclass(frozen=True, slots=True)
class TrustResult:
    """``path``: where the record is kept; ``there``: whether there is one. ``new``: what the spec uses and it does not
    know, and the command ``line`` that adds it. ``missing``: what was to be taken out and is not in it. ``of``: what
    was read, and said yes to, for ``add_all``.
    """

    path: Path
    there: bool
    record: TrustRecord
    new: New
    line: str
    missing: tuple[str, ...] = ()
    of: tuple[Fleet, Lockfile | None] | None = field(default=None, repr=False)


def show(path: Path) -> Outcome[TrustResult]:
    """What is trusted, and what the spec uses that is not: then exit 3. Raises SpecError and TrustError."""
    return _outcome(*_opened(path))


def add_all(shown: TrustResult) -> Outcome[TrustResult]:
    """Record all that ``show`` found the spec to use, not what it says by now; raises TrustError."""
    assert shown.of is not None  # from ``show``
    remember(*shown.of)
    return _outcome(*shown.of, Exit.FINE)


def add(path: Path, items: Sequence[str]) -> Outcome[TrustResult]:
    """Record what is named (a URL without a reference: with the spec's).

    Raises SpecError, TrustInputError and TrustError.
    """
    fleet, lockfile = _opened(path)
    said = given(items)
    places, record = record_of(fleet, lockfile)
    spec = uses(fleet)
    wanted = []
    for origin, refs in said.origins.items():
        mine = [use for use in spec if use.origin == origin]
        if refs:
            mine = [use for use in mine if use.credential is None or use.credential in refs]
            mine += [OriginUse(origin, HAND, ref) for ref in refs if all(use.credential != ref for use in mine)]
        wanted += mine or [OriginUse(origin, HAND)]
    lines = {digest(run.line): run for run in runs(fleet)}
    named = {digest(i.removeprefix(COMMAND)): i.removeprefix(COMMAND) for i in items if "://" not in i.split()[0]}
    commands = [lines.get(d) or CommandUse(named.get(d, f"sha256:{d}"), HAND) for d in said.commands]
    unknown_digests = [run.line for run in commands if run.line.startswith("sha256:")]
    if unknown_digests:
        raise TrustInputError(f"{unknown_digests[0]} is of no command of the spec; name the command itself")
    kept.write(places, (record or TrustRecord()).with_uses(wanted, commands), fleet.name)
    return _outcome(fleet, lockfile, Exit.FINE)


def remove(path: Path, items: Sequence[str]) -> Outcome[TrustResult]:
    """Take origins and commands out; exit 1 when the record did not have one. Raises what ``add`` raises."""
    fleet, lockfile = _opened(path)
    said = given(items)
    places, record = record_of(fleet, lockfile)
    known = record or TrustRecord()
    missing = [o for o in said.origins if o not in known.origins]
    missing += [d for d in said.commands if d not in known.commands]
    origins: dict[str, Known] = {o: k for o, k in known.origins.items() if o not in said.origins}
    commands = {d: line for d, line in known.commands.items() if d not in said.commands}
    left = TrustRecord(origins, commands)
    if record is not None and left != record:
        kept.write(places, left, fleet.name)
    return _outcome(fleet, lockfile, Exit.ERROR if missing else Exit.FINE, tuple(missing))


def _opened(path: Path) -> tuple[Fleet, Lockfile | None]:
    fleet = load_fleet(path)
    return fleet, known(fleet)


def _outcome(
    fleet: Fleet, lockfile: Lockfile | None, code: Exit | None = None, missing: tuple[str, ...] = ()
) -> Outcome[TrustResult]:
    places, record = record_of(fleet, lockfile)
    new = unknown(fleet, record or TrustRecord())
    line, there = command_line(new), record is not None
    result = TrustResult(places[0], there, record or TrustRecord(), new, line, missing, (fleet, lockfile))
    return Outcome(result, code if code is not None else Exit.REFUSED if new.lines else Exit.FINE)
