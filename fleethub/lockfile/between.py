"""What differs between two lockfiles of one fleet: by resource and field, without any secret."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from fleethub.kinds import KINDS
from fleethub.kinds.diff import diff
from fleethub.lockfile.forms import encode
from fleethub.model.address import Address
from fleethub.model.capacity import PlannedModel
from fleethub.model.dataclass import dataclass
from fleethub.model.history import HistoryEntry
from fleethub.model.observation import AnyLocked, Lockfile, birth
from fleethub.model.plan import MISSING, Action, Change, FieldChange

#: What a record has for FleetHub alone, and what says nothing while it is as it should be.
APART = {"born", "born_proxy", "found", "needs", "by_hand", "shape"}
WELL = {("marked",), ("activated",)}
FIRST: Mapping[tuple[str, ...], object] = {("generation",): 1, ("blocked",): False}
SECRET, OTHER = "(sensitive)", "(sensitive, changed)"


@dataclass(frozen=True, slots=True)
class Planned:
    """A backend's planned set on each side, in bytes where all sizes are known; ``came``, ``went``: models."""

    backend: str
    before: int | None
    after: int | None
    came: tuple[PlannedModel, ...]
    went: tuple[PlannedModel, ...]


@dataclass(frozen=True, slots=True)
class StateDiff:
    """From ``before`` to ``after``. ``by``: the last thing done in between that changed an address; ``done``: all of
    them, the latest first. ``spec``: unified diff lines; ``notes``: what could not be compared, and why.
    """

    before: Lockfile
    after: Lockfile
    changes: tuple[Change, ...]
    planned: tuple[Planned, ...]
    done: tuple[HistoryEntry, ...]
    by: Mapping[Address, HistoryEntry]
    spec: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def same(self) -> bool:
        """Whether nothing differs."""
        return not (self.changes or self.planned or self.spec)


def changes(before: Lockfile, after: Lockfile) -> tuple[Change, ...]:
    """By address: what was created, updated and deleted from one to the other."""
    had = before.resources
    old = _renamed(had, after.resources)
    found = []
    for one in sorted({*had, *after.resources} - {*old.values()}):
        change = _change(one, had.get(old.get(one, one)), after.resources.get(one))
        if one in old:
            change = change or Change(one, Action.UPDATE, title=KINDS[one.kind].title(one))
            change = replace(change, fields=(FieldChange(("address",), str(old[one]), str(one)), *change.fields))
        found += [change] if change is not None else []
    return tuple(found)


def _renamed(before: Mapping[Address, AnyLocked], after: Mapping[Address, AnyLocked]) -> dict[Address, Address]:
    """Those that have another address: they lie where nobody else does, or their value is derived as it was, at
    whatever URL their proxy is by now.
    """
    gone = {_identity(one, before[one]): one for one in before.keys() - after.keys()}
    told = {one: _identity(one, after[one]) for one in after.keys() - before.keys()}
    return {one: gone[identity] for one, identity in told.items() if identity in gone}


def _identity(address: Address, record: AnyLocked) -> tuple[object, ...]:
    if address.kind == "key":
        return (address.kind, birth(address, record))
    own = () if KINDS[address.kind].exclusive else (address.alias,)
    return (address.kind, record.source.id, *own)


def planned(before: Lockfile, after: Lockfile) -> tuple[Planned, ...]:
    """The backends whose planned set is another one."""
    found = []
    for backend in sorted({*before.planned, *after.planned}):
        old, new = before.planned.get(backend, ()), after.planned.get(backend, ())
        came = tuple(one for one in new if not any(one.same(other) for other in old))
        went = tuple(one for one in old if not any(one.same(other) for other in new))
        if came or went:
            found.append(Planned(backend, _sum(old), _sum(new), came, went))
    return tuple(found)


def _sum(models: Iterable[PlannedModel]) -> int | None:
    sizes = [one.bytes for one in models]
    return None if None in sizes else sum(size for size in sizes if size is not None)


def _change(address: Address, before: AnyLocked | None, after: AnyLocked | None) -> Change | None:
    if before == after:
        return None
    living = after or before
    change = Change(
        address,
        Action.CREATE if before is None else Action.DELETE if after is None else Action.UPDATE,
        title=KINDS[address.kind].title(address),
        owner=living.owner if living is not None else "",
    )
    if after is None:
        return change
    fields = (one for one in diff(_told(before), _told(after)) if not _plain(one, before is None))
    return replace(change, fields=tuple(map(_masked, fields)))


def _told(record: AnyLocked | None) -> Mapping[str, Any]:
    """A record as one table: attributes beside what it says of itself."""
    if record is None:
        return {}
    table = encode(record)
    source, begun = table.pop("source"), table.pop("pending", None)
    attrs = table.pop("attrs")
    own = {name: value for name, value in table.items() if name not in APART}
    return {
        **attrs,
        **own,
        "at": source["origin"],
        **({"unfinished": list(begun["phases"])} if begun else {}),
    }


def _plain(field: FieldChange, new: bool) -> bool:
    """Whether it says nothing: what each ``new`` thing has, and what is as it should be."""
    if field.path in WELL and field.after in (True, MISSING):
        return True
    return new and (field.path == ("at",) or _sealed(field.after) or FIRST.get(field.path, MISSING) == field.after)


def _masked(field: FieldChange) -> FieldChange:
    """A fingerprint is told as a secret, the same or another; a part of a file by its place in it."""
    path = tuple(part for part in field.path if part not in ("owned", "fingerprint"))
    before = SECRET if _sealed(field.before) else field.before
    after = field.after if not _sealed(field.after) else OTHER if before is not MISSING else SECRET
    return FieldChange(path, before, after)


def _sealed(value: object) -> bool:
    """Whether a fingerprint is in it."""
    if isinstance(value, str):
        return value.startswith("fp1:")
    if isinstance(value, Mapping):
        return any(_sealed(one) for one in value.values())
    return isinstance(value, list | tuple) and any(_sealed(one) for one in value)
