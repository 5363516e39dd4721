"""How a change and a drift of a node are shown."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from fleethub.kinds import compare
from fleethub.kinds.diff import diff
from fleethub.kinds.node.attributes import FileAttrs, NodeAttrs, NodeState, NodeTelemetry, is_wired
from fleethub.kinds.node.completion import kept_of
from fleethub.kinds.node.delivery import changed_files, ending, fingerprints, needs_restart, telling
from fleethub.kinds.node.files import describe_drift, describe_file
from fleethub.kinds.node.owned import field_changes, file_diff
from fleethub.kinds.node.projection import guessed
from fleethub.model.attributes import plain
from fleethub.model.plan import FieldChange, FileDiff


def describe(item: NodeState) -> tuple[tuple[FieldChange, ...], tuple[FileDiff, ...]]:
    """The chain, then the leaves of each file; a removal names the files."""
    if item.want is None:
        argv, _, says = ending(item.locked) if item.locked else ((), (), "")
        return ((FieldChange(("process",), "not ended", says),) if says and not argv else ()), ()
    have = item.seen.attrs if item.seen else None
    told = item.seen.telemetry if item.seen else NodeTelemetry()
    before = {"chain": plain(have.chain)} if have and told.understood else {}
    wanted_chain = plain(item.want.attrs.chain)
    found = list(diff(before, {"chain": wanted_chain})) if wanted_chain or any(before.values()) else []
    if have is not None and have.activated is False and item.want.attrs.activated:
        found.append(FieldChange(("activated",), "not yet", "with this set"))
    if have is not None and have.stop != item.want.attrs.stop:
        found += diff({"stop": plain(have.stop)}, {"stop": plain(item.want.attrs.stop)})
    diffs: list[FileDiff] = []
    for file in item.want.material.files:
        wanted = item.want.attrs.files[file.path]
        there = have.files.get(file.path) if have else None
        if wanted == there:
            continue
        if wanted.owned is not None:
            owned = (there.owned if there else None) or {}
            found += field_changes(file.path, owned, wanted.owned) if item.seen is not None else ()
            diffs.append(file_diff(item.address.name, file, owned, wanted.owned))
            continue
        lies, applied = told.files.get(file.path), told.applied.get(file.path)
        found_here, lines = describe_file(item.address.name, file, lies, applied)
        if file.of.told and telling(item.want) is not None and needs_restart(item):
            lines = replace(lines, consequence="")  # the process that starts with the set reads it
        if there and there.mode not in (None, wanted.mode):
            found.append(FieldChange(("files", file.path, "mode"), there.mode, wanted.mode))
        if there is None and item.seen is not None:
            found.append(FieldChange(("files", file.path), "not there", "written"))
        if there and there.kind:
            found.append(FieldChange(("files", file.path), f"a {there.kind} in its place", "file"))
        found += found_here if there is not None else []
        diffs.append(lines)
    return tuple(found), tuple(diffs)


def drifted(item: NodeState) -> tuple[str, tuple[FieldChange, ...]] | None:
    """What differs by file; the fields of each file where the applied set is at hand."""
    applied = item.locked.attrs if item.locked else None
    if item.seen is None or applied is None:
        return None
    if is_wired(applied) or (item.want is not None and is_wired(item.want.attrs)):
        return _drifted_part(item, applied, item.seen.attrs)
    found = compare.drifted(applied, item.seen.attrs)
    if not found:
        return None
    finer = _finer(item)
    told = {field.path[0] for field in finer}
    # the mark is of the whole set: where a file differs, it says nothing more
    rest = [field for field in found if field.path != ("marked",) or len(found) == 1]
    shown = tuple(_shown(field) for field in rest if field.path[-1] != "fingerprint" or field.path[1] not in told)
    names = ", ".join(
        dict.fromkeys(field.path[1] if field.path[0] == "files" else field.path[0] for field in (*shown, *finer))
    )
    return f"{names} changed" if names else "", (*shown, *finer)


def _drifted_part(item: NodeState, applied: NodeAttrs, seen: NodeAttrs) -> tuple[str, tuple[FieldChange, ...]] | None:
    """Of files that are somebody else's: FleetHub's part alone, of paths that are still wanted; the others whole."""
    found: list[FieldChange] = []
    known = fingerprints(item.locked)
    for path, file in item.want.attrs.files.items() if item.want else ():
        was, now = applied.files.get(path), seen.files.get(path)
        if file.owned is None and was is not None and was.owned is None:
            found += _drifted_whole(path, was, now, known.get(path, ()))
        if file.owned is None or was is None or was.owned is None:
            continue
        if now is None or now.owned is None:
            found.append(FieldChange(("files", path), "as applied", "gone" if now is None else f"a {now.kind}"))
            continue
        kept = (
            kept_of(item.want, path) | item.seen.telemetry.unchanged.get(path, frozenset())
            if item.seen
            else frozenset()
        )
        after = {n: t for n, t in now.owned.items() if n not in kept and (n in was.owned or n not in file.owned)}
        before = {n: t for n, t in was.owned.items() if n not in kept and (n in file.owned or n in after)}
        found += field_changes(path, before, after)
    names = ", ".join(dict.fromkeys(one.path[1] if one.path[0] == "files" else one.path[0] for one in found))
    return (f"{names} changed", tuple(found)) if found else None


def _drifted_whole(path: str, was: FileAttrs, now: FileAttrs | None, known: Collection[str]) -> list[FieldChange]:
    """Of a file beside them that is FleetHub's."""
    if now is None or now.kind is not None:
        return [FieldChange(("files", path), "as applied", "gone" if now is None else f"a {now.kind} in its place")]
    found = [FieldChange(("files", path, "mode"), was.mode, now.mode)] if was.mode != now.mode else []
    changed = now.fingerprint is not None and now.fingerprint not in known
    return found + ([FieldChange(("files", path), "as applied", "changed by hand")] if changed else [])


def _finer(item: NodeState) -> tuple[FieldChange, ...]:
    """The fields of each file that are no longer as they were applied, where the applied set is at hand."""
    if item.seen is None:
        return ()
    there, applied = item.seen.telemetry.files, item.seen.telemetry.applied
    known = fingerprints(item.locked)
    formats = {file.path: file.of.format for file in item.want.material.files} if item.want else {}
    changed = (p for p, f in item.seen.attrs.files.items() if f.fingerprint not in known.get(p, ()))
    return tuple(
        field
        for path in changed
        if path in there and path in applied
        for field in describe_drift(path, formats.get(path) or guessed(path), there[path], applied[path])
    )


def kept(item: NodeState) -> tuple[str, ...]:
    """The files that a repair overwrites and that the node keeps: those that are no longer as applied."""
    if item.seen is None or item.want is None:
        return ()
    known = fingerprints(item.locked)
    there = item.seen.attrs.files
    if is_wired(item.want.attrs):
        return tuple(file.path for file in changed_files(item) if file.path in there)
    return tuple(f.path for f in changed_files(item) if _foreign(there.get(f.path), known.get(f.path, ())))


def _shown(field: FieldChange) -> FieldChange:
    if field.path[-1] == "fingerprint":
        return FieldChange(field.path[:-1], "as applied", "changed by hand")
    if len(field.path) == 2 and field.path[0] == "files":
        gone = not isinstance(field.after, dict)
        says = "gone" if gone else f"a {field.after.get('kind', 'file')} in its place"
        return FieldChange(field.path, "as applied", says)
    return field


def _foreign(there: FileAttrs | None, known: Collection[str]) -> bool:
    """Whether a file, or a link, lies there that FleetHub did not write."""
    return there is not None and there.kind in (None, "link") and there.fingerprint not in known
