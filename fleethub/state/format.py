"""``fleet.lock`` as TOML: sorted, reviewable, without secrets. Reading refuses what it does not understand."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from typing import Any

import tomli_w

from fleethub.model.address import Address
from fleethub.model.capacity import Planned
from fleethub.model.observation import Applied, Locked, Lockfile, Needs, Pending, Source
from fleethub.model.secret import SecretRef

FORMAT = 1
HEADER = "# Written by fleethub apply; review it, do not edit it. It holds no secret.\n"


class LockfileError(Exception):
    """The lockfile cannot be understood; the message says what to do."""


def dump(lockfile: Lockfile) -> str:
    """The file's text: the same value gives the same bytes."""
    document: dict[str, Any] = {
        "format": FORMAT,
        "fleet": lockfile.fleet,
        "lineage": lockfile.lineage,
        "serial": lockfile.serial,
        "apply": lockfile.apply,
        "seed": lockfile.seed,
        "applied": {
            name: getattr(lockfile.applied, name)
            for name in ("at", "by", "commit", "spec", "version")
            if getattr(lockfile.applied, name)
        },
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
    if found != FORMAT:
        raise LockfileError(f"fleet.lock has format {found!r}, and this FleetHub reads {FORMAT}; upgrade FleetHub")
    try:
        return Lockfile(
            fleet=_text(document["fleet"]),
            lineage=_text(document["lineage"]),
            serial=_number(document["serial"]),
            seed=_text(document["seed"]),
            apply=_text(document.get("apply", "")),
            resources={_address(a): decode(r) for a, r in document.get("resource", {}).items()},
            planned={
                backend: tuple(decode_planned(e) for e in entries)
                for backend, entries in document.get("planned", {}).items()
            },
            fits={_text(b): _text(fit) for b, fit in document.get("fits", {}).items()},
            applied=Applied(**{k: _text(v) for k, v in document.get("applied", {}).items()}),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise LockfileError(
            f"fleet.lock is damaged ({error}); take it from git again, or from .fleethub/backups"
        ) from error


def encode(record: Locked) -> dict[str, Any]:
    """One resource as plain values."""
    source: dict[str, Any] = {"system": record.source.system, "at": record.source.at}
    if record.source.credential is not None:
        source["credential"] = list(record.source.credential.alternatives)
    out: dict[str, Any] = {"source": source, "attrs": plain(record.attrs)}
    if record.needs:
        out["needs"] = encode_needs(record.needs)
    for name in ("shape", "owner"):
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
    return out


def decode(raw: Mapping[str, Any]) -> Locked:
    """The inverse of ``encode``; raises KeyError, TypeError or ValueError on anything else."""
    source, pending = raw["source"], raw.get("pending")
    if source["system"] not in ("litellm", "host"):
        raise ValueError(f"{source['system']!r} is no system")
    for attrs in (raw["attrs"], pending["attrs"] if pending is not None else {}):
        _check_files(attrs.get("files", {}))
    credential = source.get("credential")
    return Locked(
        source=Source(
            source["system"],
            _text(source["at"]),
            SecretRef(tuple(map(_text, credential))) if credential else None,
        ),
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
        )
        if pending is not None
        else None,
    )


def encode_needs(needs: Needs) -> dict[str, list[str]]:
    """Needs as plain values."""
    return {str(a): sorted(entries) for a, entries in sorted(needs.items())}


def decode_needs(raw: Mapping[str, Any]) -> dict[Address, frozenset[str]]:
    return {Address.parse(a): frozenset(map(_text, entries)) for a, entries in raw.items()}


def encode_planned(entry: Planned) -> dict[str, Any]:
    """One entry of a planned set as plain values."""
    out: dict[str, Any] = {"model": entry.model, "context": entry.context}
    if not entry.primary:
        out["fallback"] = True
    if entry.tag:
        out["tag"] = entry.tag
    if entry.bytes is not None:
        out["bytes"] = entry.bytes
    return out


def decode_planned(raw: Mapping[str, Any]) -> Planned:
    """The inverse; what an earlier FleetHub wrote has model and context alone, and counts as a primary."""
    size = raw.get("bytes")
    return Planned(
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


def _check_files(files: Any) -> None:
    """A node's files by path: relative, each with a table."""
    for path, file in files.items():
        if not isinstance(file, dict) or path.startswith("/") or ".." in path.split("/"):
            raise ValueError(f"{path!r} is no file of a node")


def _address(text: str) -> Address:
    address = Address.parse(text)
    if address.kind not in ("key", "route", "node"):
        raise ValueError(f"{text!r} is nothing that a lockfile records")
    return address


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _number(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{value!r} is no number")
    return value
