"""Records under other addresses: what moves leaves its record behind, until its old place is taken down."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from fleethub.kinds import KINDS
from fleethub.model.address import WAS, Address, successor, turn
from fleethub.model.fleet import Fleet
from fleethub.model.observation import AnyLocked, AnyResource, Lockfile, Needs
from fleethub.model.plan import Action, Change
from fleethub.model.text import plural


def moves_of(wanted: Mapping[Address, AnyResource], locked: Mapping[Address, AnyLocked]) -> dict[Address, Address]:
    """Of what is wanted at another place than it was applied at: its address -> the one that the old place gets."""
    found: dict[Address, Address] = {}
    for address, want in wanted.items():
        record = locked.get(address)
        if record is not None and record.source.id != want.source.id and KINDS[address.kind].moves(want, record):
            found[address] = old_place(address, locked)
    return found


def old_place(address: Address, locked: Mapping[Address, AnyLocked]) -> Address:
    """The address of what is left behind, among the records that there are: after those of earlier moves."""
    n = max((turn(other) + 1 for other in locked if successor(other) == address), default=0)
    return Address(address.kind, f"{address.name}{WAS}{n or ''}")


def renames_of(fleet: Fleet, lockfile: Lockfile) -> dict[Address, Address]:
    """What the spec's ``[[moved]]`` renames of the lockfile, as each kind has it; and backends whose sets it has."""
    if not fleet.moved:
        return {}
    locked = lockfile.resources
    found = {before: now for kind in KINDS.values() for before, now in kind.renames(fleet, locked).items()}
    known = {*lockfile.planned, *lockfile.fits}
    for old, new in fleet.moved.items():
        if old.kind == "backend" and old.name in known and not {new.name} & known and new not in found.values():
            found[old] = new
    return found


def renaming(fleet: Fleet, wanted: Mapping[Address, AnyResource], lockfile: Lockfile) -> dict[Address, Address]:
    """All that an apply puts under another address: by ``[[moved]]``, then what moves to another place."""
    renamed = renames_of(fleet, lockfile)
    return _composed(renamed, moves_of(wanted, readdressed(lockfile.resources, renamed)))


def _composed(first: Mapping[Address, Address], then: Mapping[Address, Address]) -> dict[Address, Address]:
    """What one renaming after another does."""
    rest = {a: b for a, b in then.items() if a not in first.values()}
    return {a: then.get(b, b) for a, b in first.items()} | rest


def renamed_only(renamed: Mapping[Address, Address], items: Collection[Address]) -> list[Change]:
    """Of what no kind has a record of (a backend's planned set), that the lockfile gets its new name."""
    others = sorted(now for now in renamed.values() if now.kind not in KINDS and now not in items)
    return [Change(now, Action.RECORD, title=f"{now.kind.capitalize()} {now.name}") for now in others]


def renames_said(renamed: Mapping[Address, Address], valued: Mapping[Address, bool]) -> Iterable[str]:
    """What has another name now, a line each, and all that is on one proxy or backend in one line.

    ``valued``: of new addresses of what has a value, whether that stays.
    """
    told = [(a, b) for a, b in sorted(renamed.items()) if successor(b) is None]
    on: dict[tuple[str, str], list[Address]] = {}
    for old, new in told:
        if _is_on(old) and old.owner != new.owner:
            on.setdefault((KINDS[old.kind].block(old), KINDS[new.kind].block(new)), []).append(new)
    for (before, now), things in on.items():
        counts = (plural(sum(a.kind == kind for a in things), kind) for kind in sorted({a.kind for a in things}))
        values = {valued[a] for a in things if a in valued}
        stays = "; every value stays" if values == {True} else ""
        yield f"{before} is {now} now, with {' and '.join(counts)}{stays}"
    owners = {before for before, _ in on}
    for old, new in told:
        if (not _is_on(old) or old.alias != new.alias) and str(old) not in owners:
            yield f"{old} is {new} now" + ("; its value stays" if valued.get(new) else "")


def _is_on(address: Address) -> bool:
    """Whether it is on a proxy or a backend, which its name begins with."""
    return address.alias != address.name


def lockfile_after(lockfile: Lockfile | None, renamed: Mapping[Address, Address]) -> Lockfile | None:
    """The lockfile as an apply's first write leaves it: with what moves, and what is owed, under its new address, and
    the sets of a renamed backend under its new name.
    """
    if lockfile is None or not renamed:
        return lockfile
    owed = {renamed.get(address, address): since for address, since in lockfile.owed.items()}
    backends = {old.name: new.name for old, new in renamed.items() if old.kind == "backend"}
    return replace(
        lockfile,
        resources=readdressed(lockfile.resources, renamed),
        owed=owed,
        planned={backends.get(name, name): entries for name, entries in lockfile.planned.items()},
        fits={backends.get(name, name): fit for name, fit in lockfile.fits.items()},
    )


def readdressed(locked: Mapping[Address, AnyLocked], renamed: Mapping[Address, Address]) -> dict[Address, AnyLocked]:
    """The records with each under its new address, and what they need under theirs.

    A key keeps what its value is derived from; until the proxy has its new alias and mark, that is pending.
    """
    if not renamed.keys() & locked.keys():
        return dict(locked)

    def needs(before: Needs) -> Needs:
        return {renamed.get(a, a): entries for a, entries in before.items()}

    found: dict[Address, AnyLocked] = {}
    for address, record in locked.items():
        now = renamed.get(address, address)
        begun = record.pending
        record = replace(record, needs=needs(record.needs))
        if begun is not None:
            record = replace(record, pending=replace(begun, needs=needs(begun.needs)))
        if now != address:
            record = replace(record, source=replace(record.source, of=KINDS[now.kind].block(now)))
        if now != address:
            record = KINDS[now.kind].carried(record, address, now)
        found[now] = record
    return found
