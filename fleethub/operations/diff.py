"""What was changed in a fleet from one apply to another, or to now: by lockfiles, history and the specs of then.

It is about what was applied, and asks the store alone: what somebody changed since behind the fleet's back is drift.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from fleethub.lockfile.between import StateDiff, changes, planned
from fleethub.model.exit import Exit
from fleethub.model.history import HistoryEntry
from fleethub.model.observation import Lockfile
from fleethub.operations import history
from fleethub.operations.outcome import Outcome
from fleethub.operations.state_versions import versions
from fleethub.operations.text_diff import diff_lines
from fleethub.stores.interface import Store


def run(store: Store, root: Path, first: int, last: int | None = None, detailed: bool = False) -> Outcome[StateDiff]:
    """From serial ``first`` to ``last``, or to the lockfile of now; 0 is before the first apply. Raises NotKept, and
    LockfileError for a lockfile of now that cannot be read.
    """
    now = store.read().lockfile
    if now is None:
        raise history.NotKept(
            "nothing was applied yet, so there is nothing to compare: fleethub plan shows what would be"
        )
    after = now if last is None else _of(store, now, last)
    before = _of(store, now, first)
    low, high = sorted((before.serial, after.serial))
    done = [one for one in history.entries(store, root) if one.serial is not None and low < one.serial <= high]
    found = changes(before, after)
    by = {change.address: one for change in found for one in done if one.concerns(str(change.address))}
    spec, notes = _spec(store, before, after)
    if before.serial and before.lineage != after.lineage:
        notes = ("they are of two lives of this fleet (another lineage): it was taken away or lost in between", *notes)
    made = StateDiff(before, after, found, planned(before, after), tuple(reversed(done)), by, spec, notes)
    return Outcome(made, Exit.CHANGES if detailed and not made.same else Exit.FINE)


def _of(store: Store, now: Lockfile, serial: int) -> Lockfile:
    """The lockfile of a serial, from the store or from this machine's journal; of twins the last one."""
    if serial == now.serial:
        return now
    if serial == 0:
        return Lockfile(now.fleet, now.lineage, 0, now.seed, id=now.id, by_name=now.by_name)
    found = store.at(serial) or next((one.lockfile for one in versions(store, serial)), None)
    if found is None:
        kept = ", ".join(map(str, sorted({now.serial, *store.serials()}))) or "none"
        raise history.NotKept(f"no lockfile of serial {serial} is kept; there are: {kept} (and 0: before the first)")
    return found


def _spec(store: Store, before: Lockfile, after: Lockfile) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """How the spec differs, as far as both are kept."""
    texts: list[Mapping[str, bytes]] = []
    for lockfile in (before, after):
        spec = (
            history.spec_of(store, HistoryEntry("", "apply", spec=lockfile.applied.spec)) if lockfile.serial else None
        )
        if spec is None and lockfile.serial:
            commit = lockfile.applied.commit.removesuffix("-dirty")
            git = f"; git may have it: git show {commit}:./fleet.toml" if commit else ""
            return (), (f"the spec of apply {lockfile.serial} is not kept here{git}",)
        texts.append(spec.files if spec is not None else {})
    old, new = texts
    gone = dict.fromkeys(old.keys() - new.keys())
    return tuple(diff_lines(old, {n: d for n, d in {**new, **gone}.items() if old.get(n) != d})), ()
