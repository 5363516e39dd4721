"""``fleet.lock`` as TOML: sorted, reviewable, without secrets or references to any.

Reading refuses what it does not understand: what is not understood would be lost with the next write.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from typing import Any

import tomli_w

from fleethub.model.address import Address
from fleethub.model.capacity import PlannedModel
from fleethub.model.observation import Applied, Locked, Lockfile, Needs, Pending, Source
from fleethub.state.upgrade import block_of, upgraded, upgraded_record

FORMAT = 2
HEADER = "# Written by fleethub apply; review it, do not edit it. It holds no secret.\n"
#: What a document, a resource, its source and its pending work may hold.
HEAD = frozenset(
    [
        "format",
        "fleet",
        "id",
        "derive_from",
        "lineage",
        "serial",
        "apply",
        "seed",
        "applied",
        "generations",
        "planned",
        "fits",
        "resource",
    ]
)
RECORD = frozenset(
    ("source", "attrs", "needs", "shape", "owner", "protected", "pending", "generation", "born", "by_hand")
)
SOURCE = frozenset(("system", "of", "origin"))
PENDING = frozenset(("phases", "attrs", "needs", "generation"))
SYSTEMS = {"key": "litellm", "route": "litellm", "node": "host"}


class LockfileError(Exception):
    """The lockfile cannot be understood; the message says what to do."""


def dump(lockfile: Lockfile) -> str:
    """The file's text: the same value gives the same bytes."""
    document: dict[str, Any] = {
        "format": FORMAT,
        "fleet": lockfile.fleet,
        "id": lockfile.id,
        **({"derive_from": "name"} if lockfile.by_name else {}),
        "lineage": lockfile.lineage,
        "serial": lockfile.serial,
        "apply": lockfile.apply,
        "seed": lockfile.seed,
        "applied": {
            name: getattr(lockfile.applied, name)
            for name in ("at", "by", "commit", "spec", "version")
            if getattr(lockfile.applied, name)
        },
        "generations": {str(a): n for a, n in sorted(lockfile.generations.items())},
        "planned": {
            backend: [encode_planned(e) for e in entries] for backend, entries in sorted(lockfile.planned.items())
        },
        "fits": dict(sorted(lockfile.fits.items())),
        "resource": {str(a): encode(r) for a, r in sorted(lockfile.resources.items())},
    }
    return HEADER + tomli_w.dumps(document)


def load(text: str) -> Lockfile:
    """Read the file's text; raises LockfileError."""
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise LockfileError(
            f"fleet.lock is not TOML ({error}); take it from git again, or from .fleethub/backups"
        ) from error
    found = document.get("format")
    if found is None:
        raise LockfileError("fleet.lock is empty or damaged; take it from git again, or from .fleethub/backups")
    if found not in (1, FORMAT) or isinstance(found, bool):
        raise LockfileError(f"fleet.lock has format {found!r}, and this FleetHub reads {FORMAT}; upgrade FleetHub")
    try:
        if found == 1:
            document = upgraded(document)
        _only(document, HEAD, "the lockfile")
        derive_from = document.get("derive_from", "id")
        if derive_from not in ("id", "name"):
            raise ValueError(f"derive_from is {derive_from!r}")
        if derive_from == "id" and not document["id"]:
            raise ValueError('it has no id, and does not say derive_from = "name"')
        return Lockfile(
            fleet=_text(document["fleet"]),
            lineage=_text(document["lineage"]),
            serial=_number(document["serial"]),
            seed=_text(document["seed"]),
            apply=_text(document.get("apply", "")),
            resources={_address(a): decode(r, Address.parse(a)) for a, r in document.get("resource", {}).items()},
            planned={
                backend: tuple(decode_planned(e) for e in entries)
                for backend, entries in document.get("planned", {}).items()
            },
            fits={_text(b): _text(fit) for b, fit in document.get("fits", {}).items()},
            applied=Applied(**{k: _text(v) for k, v in document.get("applied", {}).items()}),
            id=_text(document.get("id", "")),
            by_name=derive_from == "name",
            generations={_key(a): _generation(n) for a, n in document.get("generations", {}).items()},
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise LockfileError(
            f"fleet.lock is damaged ({error}); take it from git again, or from .fleethub/backups"
        ) from error


def encode(record: Locked) -> dict[str, Any]:
    """One resource as plain values."""
    source = {"system": record.source.system, "of": record.source.of, "origin": record.source.at}
    out: dict[str, Any] = {"source": source, "attrs": plain(record.attrs)}
    if record.needs:
        out["needs"] = encode_needs(record.needs)
    for name in ("shape", "owner", "generation", "born"):
        if getattr(record, name):
            out[name] = getattr(record, name)
    for name in ("protected", "by_hand"):
        if getattr(record, name):
            out[name] = True
    if record.pending is not None:
        out["pending"] = {
            "phases": list(record.pending.phases),
            "attrs": plain(record.pending.attrs),
            "needs": encode_needs(record.pending.needs),
        }
        if record.pending.generation:
            out["pending"]["generation"] = record.pending.generation
    return out


def decode(raw: Mapping[str, Any], address: Address) -> Locked:
    """The inverse of ``encode``, also for what format 1 wrote; raises KeyError, TypeError, ValueError or
    AttributeError on anything else.
    """
    raw = upgraded_record(address, raw)
    source, pending = raw["source"], raw.get("pending")
    _only(raw, RECORD, str(address))
    _only(source, SOURCE, f"the source of {address}")
    if source["system"] != SYSTEMS[address.kind]:
        raise ValueError(f"{source['system']!r} is no system of a {address.kind}")
    if source["of"] != block_of(address):
        raise ValueError(f"{address} cannot be of {source['of']!r}")
    if pending is not None:
        _only(pending, PENDING, f"pending of {address}")
    for attrs in (raw["attrs"], pending["attrs"] if pending is not None else {}):
        _check_attrs(attrs)
    return Locked(
        source=Source(source["system"], _text(source["origin"]), of=source["of"]),
        attrs=dict(raw["attrs"]),
        needs=decode_needs(raw.get("needs", {})),
        shape=_text(raw.get("shape", "")),
        owner=_text(raw.get("owner", "")),
        protected=bool(raw.get("protected", False)),
        by_hand=bool(raw.get("by_hand", False)),
        pending=Pending(
            tuple(map(_text, pending["phases"])),
            dict(pending["attrs"]),
            decode_needs(pending.get("needs", {})),
            _generation(pending.get("generation", 0)),
        )
        if pending is not None
        else None,
        generation=_generation(raw.get("generation", 0)),
        born=_text(raw.get("born", "")),
    )


def encode_needs(needs: Needs) -> dict[str, list[str]]:
    """Needs as plain values."""
    return {str(a): sorted(entries) for a, entries in sorted(needs.items())}


def decode_needs(raw: Mapping[str, Any]) -> dict[Address, frozenset[str]]:
    return {Address.parse(a): frozenset(map(_text, entries)) for a, entries in raw.items()}


def encode_planned(entry: PlannedModel) -> dict[str, Any]:
    """One entry of a planned set as plain values."""
    out: dict[str, Any] = {"model": entry.model, "context": entry.context}
    if not entry.primary:
        out["fallback"] = True
    if entry.tag:
        out["tag"] = entry.tag
    if entry.bytes is not None:
        out["bytes"] = entry.bytes
    return out


def decode_planned(raw: Mapping[str, Any]) -> PlannedModel:
    """The inverse; what an earlier FleetHub wrote has model and context alone, and counts as a primary."""
    size = raw.get("bytes")
    return PlannedModel(
        _text(raw["model"]),
        _number(raw["context"]),
        not raw.get("fallback", False),
        _text(raw.get("tag", "")),
        None if size is None else _number(size),
    )


def plain(value: Any) -> Any:
    """Without None (TOML has none; absent means the same) and with sorted keys."""
    if isinstance(value, Mapping):
        return {k: plain(v) for k, v in sorted(value.items()) if v is not None}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    return value


def _only(table: Mapping[str, Any], known: frozenset[str], what: str) -> None:
    if unknown := sorted(table.keys() - known):
        raise ValueError(f"{unknown[0]!r} is nothing that {what} holds")


def _check_attrs(attrs: Any) -> None:
    """What plans take for granted of an attribute by its name."""
    for name in ("models", "chain", "deployments"):
        if not isinstance(attrs.get(name, []), list | tuple):
            raise TypeError(f"{name} is no list")
    for one in (*attrs.get("models", ()), *attrs.get("chain", ())):
        _text(one)
    for name in ("value", "project"):
        _text(attrs.get(name, ""))
    for one in attrs.get("deployments", ()):
        if not isinstance(one, dict):
            raise TypeError(f"{one!r} is no deployment")
    for path, file in attrs.get("files", {}).items():
        if not isinstance(file, dict) or path.startswith("/") or ".." in path.split("/"):
            raise ValueError(f"{path!r} is no file of a node")
        for one in file.get("before", []):
            _text(one)


def _address(text: str) -> Address:
    address = Address.parse(text)
    if address.kind not in ("key", "route", "node"):
        raise ValueError(f"{text!r} is nothing that a lockfile records")
    return address


def _key(text: str) -> Address:
    address = Address.parse(text)
    if address.kind != "key":
        raise ValueError(f"{text!r} has no generations")
    return address


def _generation(value: Any) -> int:
    number = _number(value)
    if not 0 <= number < 2**31:
        raise ValueError(f"{value!r} is no generation")
    return number


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _number(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{value!r} is no number")
    return value
