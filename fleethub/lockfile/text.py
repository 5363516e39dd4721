"""``fleet.lock`` as TOML: sorted, reviewable, without secrets or references to any."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from fleethub.codec import said
from fleethub.lockfile import written
from fleethub.lockfile.errors import LockfileError
from fleethub.lockfile.forms import LOCKFILE, decode_all, encode, encode_all
from fleethub.lockfile.upgrade import upgraded
from fleethub.model.address import CONTROL

if TYPE_CHECKING:
    from fleethub.lockfile.merge import Merged
    from fleethub.model.address import Address
    from fleethub.model.observation import AnyLocked, Lockfile


FORMAT = 2
HEADER = "# Written by fleethub apply; review it, do not edit it. It holds no secret.\n"
AGAIN = "take it from git again, or bring one back: fleethub state backups"


def dump(lockfile: Lockfile) -> str:
    """The file's text: the same value gives the same bytes."""
    import tomli_w

    return HEADER + tomli_w.dumps(document(lockfile))


def document(lockfile: Lockfile) -> dict[str, Any]:
    """The lockfile as plain values, which TOML and JSON both can hold."""
    return {**_head(lockfile), "resource": encode_all(lockfile.resources)}


def dump_merged(merged: Merged) -> str:
    """The text of a merge: each record that both sides changed is there twice, between git's markers."""
    import tomli_w

    from fleethub.lockfile.conflict import marked

    if not merged.conflicts:
        return dump(merged.lockfile)
    parts = [HEADER + tomli_w.dumps(_head(merged.lockfile))]
    for address in sorted({*merged.lockfile.resources, *merged.conflicts}):
        if address in merged.conflicts:
            sides = merged.conflicts[address]
            parts.append(marked(record_toml(address, sides.ours), record_toml(address, sides.theirs)))
        else:
            parts.append(record_toml(address, merged.lockfile.resources[address]))
    return "\n".join(parts)


def _head(lockfile: Lockfile) -> dict[str, Any]:
    return {"format": FORMAT, **LOCKFILE.dump_python(lockfile, by_alias=True)}


def record_toml(address: Address, record: AnyLocked | None) -> str:
    """One record as it stands in the file; empty for none."""
    import tomli_w

    return "" if record is None else tomli_w.dumps({"resource": {str(address): encode(record)}})


def load(text: str) -> Lockfile:
    """Read the file's text; raises LockfileError."""
    return parsed(_document(text))


def _document(text: str) -> dict[str, Any]:
    """The text's tables, for ``parsed`` alone, which lets go of what it has read; raises LockfileError."""
    from fleethub.lockfile.conflict import merge_conflict

    try:
        return written.read(text) or tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        if conflict := merge_conflict(text):
            raise LockfileError(conflict) from error
        raise LockfileError(f"fleet.lock is not TOML ({error}); {AGAIN}") from error
    except ValueError as error:  # of an integer of thousands of digits
        raise LockfileError(f"fleet.lock has a number that is too long; {AGAIN}") from error


def parsed(raw: Mapping[str, Any], name: str = "fleet.lock", again: str = AGAIN) -> Lockfile:
    """The inverse of ``document``, also for what earlier versions wrote. Raises LockfileError, which says what ``name``
    is wrong, and how to get it ``again``.
    """
    raw = dict(raw)
    found = raw.pop("format", None)
    if found is None:
        raise LockfileError(f"{name} is empty or damaged; {again}")
    if not isinstance(found, int) or isinstance(found, bool) or not 0 < found < 2**31:
        raise LockfileError(f"{name} is damaged (its format is no number that FleetHub writes); {again}")
    if found not in (1, FORMAT):
        raise LockfileError(f"{name} has format {found!r}, and this FleetHub reads {FORMAT}; upgrade FleetHub")
    try:
        if found == 1:
            raw = upgraded(raw)
        _printed(raw)
        resources = decode_all(raw.pop("resource", {}))
        lockfile = replace(LOCKFILE.validate_python(raw), resources=resources)
        if not lockfile.by_name and not lockfile.id:
            raise ValueError('it has no id, and does not say derive_from = "name"')
    except ValidationError as error:
        raise LockfileError(f"{name} is damaged ({said(error)}); {again}") from error
    except ValueError as error:
        raise LockfileError(f"{name} is damaged ({error}); {again}") from error
    return lockfile


def _printed(raw: Mapping[str, Any]) -> None:
    """Raise ValueError for what a terminal would obey, in what is printed as it stands there.

    Attributes are shown by whoever knows what may be in them.
    """
    records = raw.get("resource", {})
    records = list(records.values()) if isinstance(records, Mapping) else []
    sources = [record.get("source") for record in records if isinstance(record, Mapping)]
    for part in (raw, raw.get("applied"), *records, *sources):
        for name, value in part.items() if isinstance(part, Mapping) else ():
            if isinstance(value, str) and CONTROL.search(value):
                raise ValueError(f"{name!r} has control characters")
