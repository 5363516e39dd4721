"""``fleet.lock`` as TOML: sorted, reviewable, without secrets or references to any."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from typing import Any

import tomli_w
from pydantic import ValidationError

from fleethub.codec import said
from fleethub.lockfile.conflict import marked, merge_conflict
from fleethub.lockfile.errors import LockfileError
from fleethub.lockfile.forms import LOCKFILE, decode_all, encode, encode_all
from fleethub.lockfile.merge import Merged
from fleethub.lockfile.upgrade import upgraded
from fleethub.model.address import Address
from fleethub.model.observation import AnyLocked, Lockfile

FORMAT = 2
HEADER = "# Written by fleethub apply; review it, do not edit it. It holds no secret.\n"
AGAIN = "take it from git again, or from .fleethub/backups"


def dump(lockfile: Lockfile) -> str:
    """The file's text: the same value gives the same bytes."""
    return HEADER + tomli_w.dumps({**_head(lockfile), "resource": encode_all(lockfile.resources)})


def dump_merged(merged: Merged) -> str:
    """The text of a merge: each record that both sides changed is there twice, between git's markers."""
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
    return "" if record is None else tomli_w.dumps({"resource": {str(address): encode(record)}})


def load(text: str) -> Lockfile:
    """Read the file's text; raises LockfileError."""
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        if conflict := merge_conflict(text):
            raise LockfileError(conflict) from error
        raise LockfileError(f"fleet.lock is not TOML ({error}); {AGAIN}") from error
    found = document.pop("format", None)
    if found is None:
        raise LockfileError(f"fleet.lock is empty or damaged; {AGAIN}")
    if found not in (1, FORMAT) or isinstance(found, bool):
        raise LockfileError(f"fleet.lock has format {found!r}, and this FleetHub reads {FORMAT}; upgrade FleetHub")
    try:
        if found == 1:
            document = upgraded(document)
        resources = decode_all(document.pop("resource", {}))
        lockfile = replace(LOCKFILE.validate_python(document), resources=resources)
        if not lockfile.by_name and not lockfile.id:
            raise ValueError('it has no id, and does not say derive_from = "name"')
    except ValidationError as error:
        raise LockfileError(f"fleet.lock is damaged ({said(error)}); {AGAIN}") from error
    except ValueError as error:
        raise LockfileError(f"fleet.lock is damaged ({error}); {AGAIN}") from error
    return lockfile
