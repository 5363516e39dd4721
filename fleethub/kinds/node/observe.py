"""What a reading of a target means for one node."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from fleethub import nodetypes
from fleethub.kinds.compare import parse_mark
from fleethub.kinds.node.attributes import (
    FileAttrs,
    NodeAttrs,
    NodeLocked,
    NodeResource,
    NodeSeen,
    NodeTelemetry,
    files_of,
    is_wired,
)
from fleethub.kinds.node.completion import digest_of, unresolved
from fleethub.kinds.node.delivery import by_hand, fingerprints, telling
from fleethub.kinds.node.ignored import left_alone
from fleethub.kinds.node.projection import Unreadable, found
from fleethub.kinds.values import ObserveContext
from fleethub.model.address import Address
from fleethub.model.observation import Absent, Seen, Unknown
from fleethub.model.plan import FieldChange
from fleethub.model.readings.host import FileReading, HostReading
from fleethub.model.secret import Blob, Fingerprinter


def observe(
    address: Address, want: NodeResource | None, locked: NodeLocked | None, context: ObserveContext
) -> NodeSeen | Absent | Unknown:
    """The files at the target; nothing of ours there is absence."""
    source = want.source if want else locked.source if locked else None
    if source is None:
        return Absent(context.facts.at)
    reading = context.facts.of(source)
    if not isinstance(reading, HostReading):
        reason = reading.reason if isinstance(reading, Unknown) else "not read as a host"
        return Unknown(reason, context.facts.at)
    if want is not None and any(unresolved(f) for f in want.attrs.files.values()):
        return Unknown("a secret of its .env does not resolve, so its files are not known", context.facts.at)
    if want is None and context.fingerprinter.sha256(b"") is None:
        return Unknown(
            "the fleet's seed does not resolve, so which files are FleetHub's is not known", context.facts.at
        )
    known = fingerprints(locked)
    # where FleetHub is told to leave files to an operator, what it wrote there before is his too; not a consumer's key
    wired = want is not None and is_wired(want.attrs)
    ours = {path for path, texts in known.items() if texts and want is not None and want.material.node.consumer}
    expected = set(want.attrs.files if want else ()) | (ours if wired else known.keys())
    try:
        files = {
            path: _file(path, reading.files[path], want, locked, context.fingerprinter)
            for path in sorted(expected & reading.files.keys())
        }
    except Unreadable as error:
        return Unknown(str(error), context.facts.at)
    mark = parse_mark(reading.mark)
    foreign = mark is not None and mark.lineage != context.lineage
    none_of_ours = foreign and not any(f.fingerprint in known.get(p, ()) for p, f in files.items())
    if not reading.exists or (not files and reading.mark is None) or (want is None and none_of_ours):
        return Absent(context.facts.at)
    chain = _chain(want, reading) if want else None
    files, left = left_alone(files, want, locked)
    runs = chain
    if left and want is not None and all(files.get(path) == file for path, file in want.attrs.files.items()):
        chain = want.attrs.chain
    activated, project, stop = _host_seen(want, locked, reading)
    at = (reading.mark or {}).get("activated")
    return Seen(
        attrs=NodeAttrs(chain or (), files, _marks(want, reading.mark, files), activated, project, stop),
        at=context.facts.at,
        telemetry=NodeTelemetry(
            activated=at if isinstance(at, str) else None,
            understood=runs is not None,
            old=want is not None and _old(want, reading),
            listening=None if (there := _listens(want, reading)) is None else bool(there),
            tools=reading.tools,
            files={p: f.content for p, f in reading.files.items() if f.content is not None},
            modes={p: f.mode for p, f in reading.files.items() if f.content is not None},
            applied=_trusted(reading.applied, locked, context.fingerprinter),
            unchanged=_unchanged(files, reading, want, locked, context.fingerprinter),
            left=left,
            runs=runs if left else None,
            decides=want is not None and bool(left) and _decides(want, reading, left, runs),
        ),
        mark=mark,
    )


def _decides(
    want: NodeResource, reading: HostReading, left: tuple[FieldChange, ...], runs: tuple[str, ...] | None
) -> bool:
    """Whether what is left alone is what says which models the node calls."""
    whole = {one.path[1] for one in left if one.path[0] == "files"}
    rest = {path: file for path, file in reading.files.items() if path not in whole}
    if whole and _chain(want, replace(reading, files=rest)) != runs:
        return True
    chains = [(f.path, *path) for f in want.material.files if f.projection for path in f.projection.restores]
    return any(one.path[: len(path)] == path for one in left for path in chains)


def _host_seen(
    want: NodeResource | None, locked: NodeLocked | None, reading: HostReading
) -> tuple[bool | None, str | None, tuple[str, ...] | None]:
    """``activated``; ``project`` and ``stop``, which are what was applied: they cannot be seen where nothing runs."""
    applied = locked.attrs if locked else None
    if want is None or want.attrs.activated is None:
        return (None, applied.project, applied.stop) if applied else (None, None, None)
    if reading.mark is None and is_wired(want.attrs):
        return None, None, None
    activated = bool((reading.mark or {}).get("activated"))
    if by_hand(want):
        activated = not _old(want, reading) and (activated or telling(want) is None)
    ended = applied or want.attrs
    return activated, ended.project, ended.stop


def _old(want: NodeResource, reading: HostReading) -> bool:
    """Whether what listens is, or may be, the process from before a set that needs a new one."""
    now = _listens(want, reading)
    return bool(reading.listener) and (now is None or set(reading.listener.split()) in (set(now.split()), {"?"}))


def _listens(want: NodeResource | None, reading: HostReading) -> str | None:
    """The sockets on its port; None: nobody asked, or it cannot be told. A program without a known port has none."""
    port = want.material.node.port if want is not None else 0
    return reading.listens.get(port) if port else ""


def _file(
    path: str, file: FileReading, want: NodeResource | None, locked: NodeLocked | None, fingerprinter: Fingerprinter
) -> FileAttrs:
    """What is there of one file; of one that is somebody else's FleetHub's part. Raises Unreadable."""
    if file.content is None or file.kind != "file":
        return FileAttrs(kind=file.kind)
    rendered = next((f for f in want.material.files if f.path == path), None) if want else None
    of = rendered.projection if rendered else None
    if want is None or rendered is None or of is None:
        return FileAttrs(fingerprinter.sha256(file.content.sha256()), f"{file.mode:04o}")
    begun = locked.pending.attrs if locked and locked.pending else None
    sides = files_of(want.attrs, locked.attrs if locked else None, begun)
    plain = {pair for files in sides if path in files for pair in (files[path].owned or {}).items()}
    try:
        return FileAttrs(owned=found(rendered.of.format, of, file.content.reveal(), plain, fingerprinter))
    except Unreadable as error:
        raise Unreadable(f"{path}: {error}, so it is left alone") from None


def _unchanged(
    files: Mapping[str, FileAttrs],
    reading: HostReading,
    want: NodeResource | None,
    locked: NodeLocked | None,
    fingerprinter: Fingerprinter,
) -> dict[str, frozenset[str]]:
    """By path, the pointers that were applied as a fingerprint, are wanted in plain by now, and are still that."""
    same = {}
    for rendered in want.material.files if want and locked and locked.attrs else ():
        applied = locked.attrs.files.get(rendered.path) if locked and locked.attrs else None
        there, blob = files.get(rendered.path), reading.files.get(rendered.path)
        was, now = applied.owned if applied else None, there.owned if there else None
        if not was or not now or rendered.projection is None or blob is None or blob.content is None:
            continue
        other = {name for name, text in was.items() if now.get(name, text) != text}
        if other:
            sealed = found(rendered.of.format, rendered.projection, blob.content.reveal(), (), fingerprinter)
            same[rendered.path] = frozenset(name for name in other if sealed.get(name) == was[name])
    return same


def _marks(want: NodeResource | None, mark: Mapping[str, Any] | None, files: Mapping[str, FileAttrs]) -> bool | None:
    """Whether the mark is of this very set: a delivery that broke off before its mark is not one that has settled.

    None: what an operator set up has no mark before the first delivery.
    """
    if mark is None and want is not None and is_wired(want.attrs):
        return None
    digests = mark.get("digests") if mark else None
    there = {path: digest_of(want, path, file) for path, file in files.items() if file.kind is None}
    return isinstance(digests, Mapping) and {p: f for p, f in digests.items() if p in there} == there


def _chain(want: NodeResource, reading: HostReading) -> tuple[str, ...] | None:
    """What the config on the node calls; nothing where there is none, None where it cannot be understood."""
    kind = nodetypes.of(want.material.node)
    wired = (file.path for file in want.material.files if file.projection is not None)
    if any(reading.files[path].kind != "file" for path in wired if path in reading.files):
        return None  # a link or a folder in its place: what it leads to is not read
    found = {
        file.of.role: there.content.reveal()
        for file in want.material.files
        if (there := reading.files.get(file.path)) is not None and there.content is not None
    }
    return kind.chain(want.material.node, found) if kind is not None else ()


def _trusted(applied: Mapping[str, Blob], locked: NodeLocked | None, fingerprinter: Fingerprinter) -> dict[str, Blob]:
    """Of the last applied set, the files that really are what the lockfile says: only those may be shown."""
    files: Mapping[str, FileAttrs] = locked.attrs.files if locked and locked.attrs else {}
    return {
        path: blob
        for path, blob in applied.items()
        if path in files and files[path].fingerprint == fingerprinter.sha256(blob.sha256())
    }
