"""What a plan is known by."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any

from fleethub.kinds.values import AnyState
from fleethub.model.address import Address
from fleethub.model.fleet import Fleet
from fleethub.model.observation import Lockfile
from fleethub.model.plan import Change, Step
from fleethub.model.secret import Blob, Derived, SecretRef, Text


def identity(
    fleet: Fleet,
    lockfile: Lockfile | None,
    changes: Sequence[Change],
    items: Mapping[Address, AnyState],
    steps: Sequence[Step],
) -> str:
    """Digest of spec, lockfile, what was observed of what changes, and the steps: the same plan has the same id."""
    seen = {a: item.seen for a, item in items.items()}
    body: dict[str, Iterable[Any]] = {
        "changes": ([str(c.address), c.action, at.attrs if (at := seen.get(c.address)) else None] for c in changes),
        "spec": fleet.digest,
        "state": [lockfile.lineage, lockfile.serial] if lockfile else [],
        "steps": ([s.id, s.do.operation, s.do] for s in steps),
    }
    digest = hashlib.sha256()
    for piece in in_pieces(body):
        digest.update(piece.encode())
    return digest.hexdigest()[:12]


def in_pieces(body: Mapping[str, Iterable[Any]]) -> Iterator[str]:
    """The body as JSON, by names that are sorted already, entry by entry: all steps together hold all files again."""
    before = "{"
    for name, entries in body.items():
        yield f'{before}"{name}": '
        before = ", "
        if isinstance(entries, str):
            yield json.dumps(entries)
            continue
        yield "["
        for number, one in enumerate(entries):
            yield (", " if number else "") + json.dumps(canonical(one), sort_keys=True)
        yield "]"
    yield "}"


def canonical(value: object) -> Any:
    """A value as JSON, the same however its classes are named and its fields ordered.

    Of a dataclass the fields that compare; of a rendered text its shape and of a secret's place its name; of bytes
    that were read nothing, for they may hold a secret. Raises TypeError for what has no such form.
    """
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, Mapping):
        return {str(name): canonical(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [canonical(one) for one in value]
    if isinstance(value, Text):
        return value.shape()
    if isinstance(value, SecretRef | Derived | Blob):
        return str(value)
    if isinstance(value, frozenset | set):
        return sorted(canonical(one) for one in value)
    if is_dataclass(value):
        return {name: canonical(getattr(value, name)) for name in _compared(value.__class__)}
    raise TypeError(f"{type(value).__name__} has no canonical form")


@cache
def _compared(type_: Any) -> tuple[str, ...]:
    return tuple(one.name for one in fields(type_) if one.compare)
