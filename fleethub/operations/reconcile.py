"""One lockfile of two that clones wrote apart: merged by record, and by what is there where both wrote one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fleethub.clients import git
from fleethub.kinds import KINDS
from fleethub.kinds.values import ObserveContext, of_kind
from fleethub.lockfile.conflict import conflict_of
from fleethub.lockfile.decide import Decision, Whose, decide, settled
from fleethub.lockfile.errors import LockfileError
from fleethub.lockfile.merge import Merged, Sides, merge
from fleethub.lockfile.reconciled import Apart, Reconciled
from fleethub.lockfile.text import load
from fleethub.model.address import Address
from fleethub.model.errors import FleetHubError, InputError
from fleethub.model.exit import Exit
from fleethub.model.observation import Lockfile, Unknown
from fleethub.operations.outcome import Outcome
from fleethub.operations.state_write import StateWritten, put
from fleethub.operations.workplace import Workplace
from fleethub.planning import grounded, sources
from fleethub.planning.sources import merged as merged_sources
from fleethub.stores.interface import Store

NAME = "fleet.lock"


def find(root: Path, store: Store, files: Sequence[Path] = (), base: Path | None = None) -> Apart:
    """The two lockfiles: of ``files`` (one: the store's own and that one), else of git's merge, else between markers.

    Raises InputError where there is nothing to reconcile, and LockfileError for what cannot be read.
    """
    version = store.version()
    if files:
        texts = [_read(path) for path in files]
        ours = _own(store) if len(files) == 1 else _load(texts[0], str(files[0]))
        whence = f"{store.place if len(files) == 1 else files[0]} and {files[-1]}"
        before = _load(_read(base), str(base)) if base is not None else None
        return Apart(ours, _load(texts[-1], str(files[-1])), before, whence, False, version)
    try:
        stages = git.stages(root, NAME)
    except git.GitError:
        stages = {}
    if 2 in stages and 3 in stages:
        before = _load(stages[1], "what both came from") if 1 in stages else None
        ours, theirs = _load(stages[2], "ours"), _load(stages[3], "theirs")
        return Apart(ours, theirs, before, "git's merge", True, version)
    path = root / NAME
    try:
        found = conflict_of(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        found = None
    if found is None:
        raise InputError(
            "there is nothing to reconcile: fleet.lock has no conflict. Name the other clone's file (fleethub state "
            "reconcile THEIRS), or git pull; where it is lost: fleethub state rebuild"
        )
    before = _load(found.base, "what both came from") if found.base else None
    ours, theirs = _load(found.ours, "ours"), _load(found.theirs, "theirs")
    return Apart(ours, theirs, before, f"the markers in line {found.line}", False, version)


def prepare(workplace: Workplace, apart: Apart) -> Outcome[Reconciled]:
    """Look at what is there, and decide; writes nothing. Raises ForeignLockfileError, and FleetHubError for a seed
    that neither is of.
    """
    merged = merge(apart.base, apart.ours, apart.theirs)
    seed = workplace.resolver.seed_fingerprint()
    if seed is not None and merged.lockfile.seed and seed != merged.lockfile.seed:
        raise FleetHubError(
            "the seed here is not the one of these lockfiles, so nothing was asked: check what key_seed names",
            code="seed.mismatch",
        )
    decided, highest, unread = _decided(workplace, apart, merged)
    lockfile = settled(merged, decided, above=highest)
    exit_ = Exit.ERROR if unread and any(d.whose is Whose.BOTH for d in decided.values()) else Exit.FINE
    return Outcome(Reconciled(apart, merged.taken, decided, lockfile, highest, unread), exit_)


def write(workplace: Workplace, made: Reconciled) -> StateWritten:
    """Write the one lockfile in the place of what was read. Raises LockedError, StaleLockfileError."""
    with workplace.lock("state reconcile"):
        changes = {a: whose.value for a, (whose, _) in made.did.items()}
        changes |= {a: decision.whose.value for a, decision in made.decided.items()}
        before = max(made.apart.ours.serial, made.apart.theirs.serial)
        says = f"serial {made.apart.ours.serial} and {made.apart.theirs.serial} of {made.apart.where} made one"
        return put(workplace.store, "state reconcile", says, made.lockfile, made.apart.version, before, changes)


def assumed(apart: Apart) -> Lockfile:
    """What is remembered of keys while both are looked at: either side's where both have one."""
    merged = merge(apart.base, apart.ours, apart.theirs)
    return merged.settled({a: sides.ours or sides.theirs for a, sides in merged.conflicts.items()})


def _decided(
    workplace: Workplace, apart: Apart, merged: Merged
) -> tuple[dict[Address, Decision], int, tuple[str, ...]]:
    """Of each conflict the decision; the highest serial of a mark; what could not be read."""
    ours, theirs = (grounded(side, workplace.trust.credential) for side in (apart.ours, apart.theirs))
    assert ours is not None
    assert theirs is not None
    fleet, trust = workplace.fleet, workplace.trust
    wanted = workplace.wanted(fleet)
    asking = [s for side in (ours, theirs) for s in sources(fleet, wanted, side)]
    facts = workplace.read(merged_sources(asking))
    context = ObserveContext(facts, workplace.resolver, ours.lineage)
    decided = {}
    for address, sides in merged.conflicts.items():
        source = next(record.source for record in (sides.ours, sides.theirs) if record is not None)
        blocked = trust.blocks.get(str(address)) or trust.blocks.get(source.of, "")
        here = Sides(sides.base, ours.resources.get(address), theirs.resources.get(address))
        decided[address] = decide(address, here, ours, theirs, wanted.get(address), context, blocked)
    highest = 0
    for name, kind in KINDS.items():
        items = [
            workplace.state(address, wanted.get(address), record, context)
            for side in (ours, theirs)
            for address, record in of_kind(name, side.resources).items()
        ]
        marks = [mark.serial for _, mark in kind.marks(items, facts) if mark.lineage == ours.lineage]
        highest = max([highest, *marks])
    unread = tuple(sorted(f"{at}: {r.reason}" for (_, at), r in facts.readings.items() if isinstance(r, Unknown)))
    return decided, highest, unread


def _own(store: Store) -> Lockfile:
    found = store.read().lockfile
    if found is None:
        raise InputError(f"{store.place} is not there, so there is nothing to reconcile with: put the other file there")
    return found


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise LockfileError(f"{path} is not UTF-8, so it is no lockfile") from None


def _load(text: str, called: str) -> Lockfile:
    try:
        return load(text)
    except LockfileError as error:
        raise LockfileError(f"{called}: {error}") from None
