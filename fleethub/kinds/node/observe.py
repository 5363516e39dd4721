"""What a reading of a target means for one node."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fleethub import nodetypes
from fleethub.kinds.compare import parse_mark
from fleethub.kinds.node.delivery import by_hand, fingerprints
from fleethub.kinds.values import ObserveContext, ResourceState
from fleethub.model.address import Address
from fleethub.model.facts import HostReading
from fleethub.model.fleet import Node
from fleethub.model.observation import Absent, Locked, Observation, Resource, Seen, Unknown
from fleethub.model.secret import Blob, Fingerprinter


def observe(address: Address, want: Resource | None, locked: Locked | None, sight: ObserveContext) -> Observation:
    """The files at the target; nothing of ours there is absence."""
    source = want.source if want else locked.source if locked else None
    if source is None:
        return Absent(sight.facts.at)
    reading = sight.facts.of(source)
    if not isinstance(reading, HostReading):
        reason = reading.reason if isinstance(reading, Unknown) else "not read as a host"
        return Unknown(reason, sight.facts.at)
    if want is not None and any(f["fingerprint"] is None for f in want.attrs["files"].values()):
        return Unknown("a secret of its .env does not resolve, so its files are not known", sight.facts.at)
    if want is None and sight.fingerprinter.sha256(b"") is None:
        return Unknown("the fleet's seed does not resolve, so which files are FleetHub's is not known", sight.facts.at)
    expected = set(want.attrs["files"] if want else ()) | fingerprints(locked).keys()
    files: dict[str, Any] = {}
    for path in sorted(expected & reading.files.keys()):
        file = reading.files[path]
        if file.content is None or file.kind != "file":
            files[path] = {"kind": file.kind}
        else:
            files[path] = {
                "fingerprint": sight.fingerprinter.sha256(file.content.sha256()),
                "mode": f"{file.mode:04o}",
            }
    mark = parse_mark(reading.mark)
    known = fingerprints(locked)
    foreign = mark is not None and mark.lineage != sight.lineage
    none_of_ours = foreign and not any(f.get("fingerprint") in known.get(p, ()) for p, f in files.items())
    if not reading.exists or (not files and reading.mark is None) or (want is None and none_of_ours):
        return Absent(sight.facts.at)
    chain = _chain(want, reading) if want else None
    marked = _marks(reading.mark, files)
    return Seen(
        attrs={
            "chain": list(chain or ()),
            "files": files,
            "marked": marked,
            **_host_seen(want, locked, reading),
        },
        at=sight.facts.at,
        mark=mark,
        telemetry={
            "activated": (reading.mark or {}).get("activated"),
            "understood": chain is not None,
            "listening": want is not None and want.material["node"].port in reading.listens,
            **({"tools": dict(reading.tools)} if reading.tools else {}),
        },
        material={
            "files": {p: f.content for p, f in reading.files.items() if f.content is not None},
            "applied": _trusted(reading.applied, locked, sight.fingerprinter),
        },
    )


def _host_seen(want: Resource | None, locked: Locked | None, reading: HostReading) -> dict[str, Any]:
    """``project`` is what was applied: it cannot be seen where nothing runs."""
    if want is None or "activated" not in want.attrs:
        return {"project": locked.attrs["project"]} if locked and "project" in locked.attrs else {}
    node: Node = want.material["node"]
    item = ResourceState(want.address, want, Absent(""), locked)
    if by_hand(item):
        now = reading.listens.get(node.port, "").strip()
        activated = not reading.listener or (reading.listener not in (now, "?"))
    else:
        activated = bool((reading.mark or {}).get("activated"))
    before = locked.attrs.get("project") if locked and locked.attrs else want.attrs.get("project")
    return {"activated": activated, **({"project": before} if before else {})}


def _marks(mark: Mapping[str, Any] | None, files: Mapping[str, Any]) -> bool:
    """Whether the mark is of this very set: a delivery that broke off before its mark is not one that has settled."""
    digests = mark.get("digests") if mark else None
    there = {path: file["fingerprint"] for path, file in files.items() if "fingerprint" in file}
    return isinstance(digests, Mapping) and {p: f for p, f in digests.items() if p in there} == there


def _chain(want: Resource, reading: HostReading) -> tuple[str, ...] | None:
    """What the config on the node calls; nothing where there is none, None where it cannot be understood."""
    kind = nodetypes.of(want.material["node"])
    found = {
        file.of.role: there.content.reveal()
        for file in want.material["files"]
        if (there := reading.files.get(file.path)) is not None and there.content is not None
    }
    return kind.chain(want.material["node"], found) if kind is not None else ()


def _trusted(applied: Mapping[str, Blob], locked: Locked | None, fingerprinter: Fingerprinter) -> dict[str, Blob]:
    """Of the last applied set, the files that really are what the lockfile says: only those may be shown."""
    files = locked.attrs.get("files", {}) if locked else {}
    return {
        path: blob
        for path, blob in applied.items()
        if files.get(path, {}).get("fingerprint") == fingerprinter.sha256(blob.sha256())
    }
