"""Earlier lockfiles: which are kept, how one comes back, and how one leaves its store or comes into it."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from fleethub import folders
from fleethub.lockfile.errors import LockfileError
from fleethub.lockfile.merge import ForeignLockfileError
from fleethub.lockfile.reduce import Fold
from fleethub.lockfile.text import HEADER, dump, load
from fleethub.model.dataclass import dataclass
from fleethub.model.errors import FleetHubError, InputError
from fleethub.model.event import ApplyFinished, ApplyStarted, Event
from fleethub.model.exit import Exit
from fleethub.model.observation import Lockfile, birth
from fleethub.operations.state_write import StateWritten, lockfile_of, put
from fleethub.stores.interface import Store


@dataclass(frozen=True, slots=True)
class Version:
    """A lockfile as it was. ``whence``: ``now``, ``backup``, or ``journal`` (what an apply left, by its events)."""

    lockfile: Lockfile
    whence: str


class StalePushError(FleetHubError):
    """What is pushed is not later than what is there."""

    code = "state.stale"
    exit = Exit.STALE


def versions(store: Store, only: int | None = None) -> tuple[Version, ...]:
    """Every lockfile that can be had, the latest first; one that is damaged is left out. ``only``: of one serial, for
    which no others are fetched.

    Of one serial the backup counts, unless the journal tells of another apply that reached the same.
    """
    found: dict[tuple[int, str], Version] = {}

    def add(lockfile: Lockfile | None, whence: str) -> None:
        if lockfile is not None:
            found.setdefault((lockfile.serial, lockfile.apply), Version(lockfile, whence))

    add(_readable(store), "now")
    for serial in store.serials() if only is None else (only, only - 1):  # the journal goes on from the one before
        for lockfile in store.every(serial):
            add(lockfile, "backup")
    for lockfile in _journalled(store.events(), [v.lockfile for v in found.values()]):
        add(lockfile, "journal")
    return tuple(found[one] for one in sorted(found, reverse=True) if only in (None, one[0]))


def above_all(store: Store, known: Iterable[Version]) -> int:
    """A serial above those of all that are known, and of all that the history tells of."""
    told = (line.get("serial") for line in store.history())
    return max([0, *(v.lockfile.serial for v in known), *(one for one in told if isinstance(one, int))]) + 1


def _never_again(restored: Lockfile, now: Lockfile | None) -> Lockfile:
    """With the generations of keys that are gone by ``now``: what was deleted is never made again."""
    living = {birth(a, r) for a, r in now.resources.items() if a.kind == "key"} if now else set()
    gone = {a: n for a, n in now.generations.items() if a not in living} if now else {}
    reached = {a: max(n, restored.generations.get(a, 0)) for a, n in gone.items()}
    return replace(restored, generations={**restored.generations, **reached})


def may_restore(store: Store, serial: int, apply: str = "") -> None:
    """Raise what ``restore`` would: before anybody is asked."""
    _fitting(versions(store), _readable(store), serial, apply)


def _fitting(known: Sequence[Version], now: Lockfile | None, serial: int, apply: str) -> Lockfile:
    """The one lockfile of a serial, and of this fleet; raises InputError, ForeignLockfileError."""
    fits = [v for v in known if v.lockfile.serial == serial and v.lockfile.apply.startswith(apply)]
    if not fits:
        kept = ", ".join(str(v.lockfile.serial) for v in known) or "none"
        raise InputError(f"no lockfile of serial {serial} is kept here; there are: {kept}")
    if len(fits) > 1:
        ids = " or ".join(v.lockfile.apply for v in fits)
        raise InputError(f"two applies reached serial {serial}: add --apply {ids}")
    if now is not None and now.lineage != fits[0].lockfile.lineage:
        raise ForeignLockfileError(f"the backup of serial {serial} is of another life of this fleet, and not its own")
    return fits[0].lockfile


def restore(store: Store, serial: int, apply: str = "", wait: float = 0) -> StateWritten:
    """Bring back the lockfile of a serial (of two, the one that ``apply`` names) under a serial above all that are
    known, so that every clone sees it as newer. What is there now becomes a backup. Raises InputError.
    """
    with store.lock("state restore", wait):
        base, now = store.version(), _readable(store)
        known = versions(store)
        chosen = _fitting(known, now, serial, apply)
        latest = now or next((v.lockfile for v in known if v.lockfile.lineage == chosen.lineage), None)
        lockfile = _never_again(chosen, latest)
        lockfile = replace(lockfile, serial=above_all(store, known), apply=secrets.token_hex(4))
        return put(
            store,
            "state restore",
            f"the lockfile of serial {serial} brought back",
            lockfile,
            base,
            now.serial if now else None,
        )


def pull(store: Store, file: Path | None = None) -> str:
    """The lockfile's text, written to a file too, over nothing but a lockfile. Raises OSError, InputError."""
    from fleethub.atomic import replace as write_file

    text = dump(lockfile_of(store))
    if file is not None:
        if not folders.is_folder(file.resolve().parent):
            raise InputError(f"{file.parent} is no folder: make it first, or choose another place for {file.name}")
        if not _may_be_written_over(file):
            raise InputError(f"{file} is there and is no lockfile, so it is not written over: choose another name")
        write_file(file.resolve(), text.encode(), 0o644)
    return text


def _may_be_written_over(file: Path) -> bool:
    """Whether there is no file, or one of a lockfile, damaged or not."""
    try:
        there = file.read_bytes()
    except FileNotFoundError:
        return True
    if not there or file.name == "fleet.lock" or HEADER.encode() in there:
        return True
    try:
        load(there.decode())
    except (LockfileError, UnicodeDecodeError):
        return False
    return True


def may_push(store: Store, text: str, force: bool = False) -> None:
    """Raise what ``push`` would: before anybody is asked."""
    _pushable(store, load(text), store.read().lockfile, force)


def _pushable(store: Store, lockfile: Lockfile, now: Lockfile | None, force: bool) -> None:
    if now is None:
        return
    if now.lineage != lockfile.lineage:
        raise ForeignLockfileError(
            f"the file is not of this fleet: its lineage is {lockfile.lineage} (fleet {lockfile.fleet!r}), and "
            f"{store.place} has {now.lineage} (fleet {now.fleet!r})"
        )
    if not force and lockfile.serial <= now.serial:
        raise StalePushError(
            f"the file has serial {lockfile.serial}, and {store.place} has {now.serial} already: what was applied "
            "since would be forgotten. fleethub state reconcile FILE takes both together"
        )


def push(store: Store, text: str, force: bool = False, wait: float = 0) -> StateWritten:
    """Put a lockfile into the store. It must be of this fleet, and later than what is there; ``force``: it need not be
    later, and then its serial is raised above. Raises LockfileError, StalePushError.
    """
    lockfile = load(text)
    with store.lock("state push", wait):
        stored, says = store.read(), f"a lockfile of serial {lockfile.serial} pushed"
        now = stored.lockfile
        _pushable(store, lockfile, now, force)
        if now is None:
            return put(store, "state push", says, lockfile, stored.version, None)
        if lockfile.serial <= now.serial:
            lockfile = replace(lockfile, serial=now.serial + 1, apply=secrets.token_hex(4))
        # else it keeps its own: clones that have it know it by that
        lockfile = _never_again(lockfile, now)
        return put(store, "state push", says, lockfile, stored.version, now.serial)


def _readable(store: Store) -> Lockfile | None:
    try:
        return store.read().lockfile
    except LockfileError:
        return None


def _journalled(events: Iterable[Event], known: Iterable[Lockfile]) -> Iterable[Lockfile]:
    """What each apply left, by its events, from the lockfile that it began with, as far as that is known."""
    before = {lockfile.serial: lockfile for lockfile in known}
    fold, going = Fold(None), False
    for event in events:
        if isinstance(event, ApplyStarted):
            state = fold.lockfile
            if going and state is not None:
                yield state  # that one broke off
            if state is None or state.serial != event.serial - 1 or state.lineage != event.lineage:
                state = before.get(event.serial - 1)
            going = event.serial == 1 or (state is not None and state.lineage == event.lineage)
            fold = Fold(None if event.serial == 1 else state)
        if going:
            fold.take(event)
        if going and isinstance(event, ApplyFinished) and (done := fold.lockfile) is not None:
            yield done
            going = False
    if going and (left := fold.lockfile) is not None:
        yield left
