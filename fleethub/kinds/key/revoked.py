"""Keys that are revoked: which values of one live, and what keeps one from coming back."""

from __future__ import annotations

from dataclasses import replace

from fleethub.kinds.key.attributes import KeyAttrs
from fleethub.kinds.key.marks import by_value, interims, mark_of, ours, values_of
from fleethub.kinds.key.remarks import rotation
from fleethub.kinds.values import ObserveContext
from fleethub.model.address import Address
from fleethub.model.finding import Finding
from fleethub.model.observation import AnyLocked, AnyResource, Locked, Pending, birth
from fleethub.model.readings.proxy import KeyRow, ProxyReading
from fleethub.model.secret import Fingerprinter, KeptValue


def living(
    address: Address, record: AnyLocked, reading: ProxyReading, fingerprinter: Fingerprinter | None, lineage: str
) -> tuple[str, ...]:
    """LiteLLM's hashes of every value of an applied key that is there.

    Without a seed (``fingerprinter`` None) by this fleet's mark and the key's aliases.
    """
    locked = _of_key(record)
    if fingerprinter is not None and fingerprinter.sha256(b"") is not None:
        return tuple(row.token for row in ours(address, by_value(reading, fingerprinter), None, locked))
    born = birth(address, record)
    return tuple(
        row.token
        for same in reading.keys.values()
        for row in same
        if (mark := mark_of(row.metadata)) is not None
        and mark.lineage == lineage
        and (
            (mark.born, mark.born_proxy or born.owner) == (born.alias, born.owner)
            if mark.born
            else row.alias in {address.alias, *interims(address, None, locked, row)}
        )
    )


def untold(record: AnyLocked, reading: ProxyReading, tokens: tuple[str, ...]) -> bool:
    """Whether, without a seed, values of a key may live that no mark tells of: an adopted one need not have any."""
    unmarked = any(mark_of(row.metadata) is None for same in reading.keys.values() for row in same)
    return unmarked and len(tokens) < len(values_of(None, _of_key(record)))


def resealed(address: Address, locked: Locked[KeyAttrs], context: ObserveContext) -> KeyAttrs | None:
    """What was applied of a key, with the fingerprints that its values have under another seed.

    They are known by the mark; the one that an adopted key was found with, which need not have one, by the alias,
    which is its own until a new value takes its place.
    """
    reading, attrs = context.facts.of(locked.source), locked.attrs
    if attrs is None and locked.pending is not None:  # it was begun, and may be there
        attrs = locked.pending.attrs
    if attrs is None or not isinstance(reading, ProxyReading):
        return attrs
    tokens = living(address, locked, reading, None, context.lineage)
    rows = [row for same in reading.keys.values() for row in same if row.token in tokens]
    kept = KeptValue.is_told_by(locked.shape)
    if kept or attrs.interim:
        rows += [row for row in reading.keys.get(address.alias, ()) if mark_of(row.metadata) is None]
    # what is recorded first: of an adopted key the value that it was found with, else the newest
    newest = sorted(rows, key=lambda row: (_generation(row) * (1 if kept else -1), row.token))
    values = [v for row in newest if (v := context.fingerprinter.sha256(bytes.fromhex(row.token)))]
    return replace(attrs, value=values[0] if values else None, replaces=tuple(sorted(values[1:])) or None)


def _generation(row: KeyRow) -> int:
    """Of its value, by the mark; 0: it has none."""
    mark = mark_of(row.metadata)
    return mark.generation if mark else 0


def brought_back(want: AnyResource | None, locked: AnyLocked | None) -> list[Finding]:
    """Set while the spec wants no other value than the one that ``fleethub revoke`` ended."""
    if locked is None or want is None or not locked.revoked or want.generation > locked.generation:
        return []
    alias = want.address.alias
    return [
        Finding(
            "key.revoked",
            f"the key {alias!r} on {want.address.owner} was revoked, and its value is never made again",
            want.address,
            want.place,
            f"{rotation(alias, want.owner)} gives whoever uses it a new one; or take it out of the spec",
        )
    ]


def _of_key(record: AnyLocked) -> Locked[KeyAttrs]:
    """A record as one of a key; its address says that it is."""
    attrs, begun = record.attrs, record.pending
    return Locked(
        source=record.source,
        attrs=attrs if isinstance(attrs, KeyAttrs) else None,
        shape=record.shape,
        generation=record.generation,
        born=record.born,
        born_proxy=record.born_proxy,
        pending=None if begun is None or not isinstance(begun.attrs, KeyAttrs) else _begun(begun.attrs, record),
    )


def _begun(attrs: KeyAttrs, record: AnyLocked) -> Pending[KeyAttrs] | None:
    begun = record.pending
    return None if begun is None else Pending(begun.phases, attrs, begun.needs, begun.generation)
