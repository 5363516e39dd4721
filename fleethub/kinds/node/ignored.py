"""What of a node is left alone where somebody changed it (``ignore`` in the spec).

It is seen as it is wanted, so that nothing is done about it, and told beside. Of files that are all FleetHub's that is
a file; of FleetHub's part of somebody else's a path, as plans name it, or all below one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from fleethub.kinds.node.attributes import FileAttrs, NodeLocked, NodeResource, NodeState, files_of, is_wired
from fleethub.kinds.node.delivery import fingerprints
from fleethub.kinds.node.owned import field_changes
from fleethub.kinds.node.projection import pointer
from fleethub.kinds.values import RenderedFile
from fleethub.model.address import Address
from fleethub.model.finding import Finding
from fleethub.model.plan import FieldChange
from fleethub.nodetypes.interface import SECRET
from fleethub.nodetypes.projection import Projection

NAMED = 6  # how many names of what can be left alone a finding shows


def left_alone(
    files: Mapping[str, FileAttrs], want: NodeResource | None, locked: NodeLocked | None
) -> tuple[dict[str, FileAttrs], tuple[FieldChange, ...]]:
    """The files with what is left alone as it is wanted, and what it is in truth; a first apply writes all of it.

    Only what somebody changed: what is as it was applied takes what the spec says by now.
    """
    if want is None or locked is None or locked.attrs is None:
        return dict(files), ()
    found, left, names = dict(files), list[FieldChange](), want.material.node.ignore
    for file in want.material.files if names else ():
        there, wanted = files.get(file.path), want.attrs.files[file.path]
        if there is None or there == wanted:
            continue
        applied = locked.attrs.files.get(file.path)
        ours = there.fingerprint in fingerprints(locked).get(file.path, ()) and applied and there.mode == applied.mode
        if file.projection is None and file.path in names and there.kind is None and not ours:
            found[file.path] = wanted
            left.append(FieldChange(("files", file.path), "as it is wanted", "changed by hand"))
        elif there.owned is not None and wanted.owned is not None:
            before = (applied.owned if applied else None) or {}
            told = wanted.owned.keys() & {*there.owned, *before}
            alone = {
                p
                for p in _pointers(file, names) & told
                if there.owned.get(p) != wanted.owned[p]
                and (p not in before or there.owned.get(p) not in _ours(file, p, locked))
            }
            found[file.path] = replace(there, owned={**there.owned, **{p: wanted.owned[p] for p in alone}})
            sides = ({p: t for p, t in side.items() if p in alone} for side in (wanted.owned, there.owned))
            left += field_changes(file.path, *sides)
    return found, tuple(left)


def _ours(file: RenderedFile, pointer: str, locked: NodeLocked) -> set[str | None]:
    """What an apply wrote at a path, or began to write."""
    sides = files_of(locked.attrs, locked.pending.attrs if locked.pending else None)
    known = [side[file.path] for side in sides if file.path in side]
    return {(one.owned or {}).get(pointer) for one in known} | {
        text for one in known for text in (one.owned_before or {}).get(pointer, ())
    }


def withheld(item: NodeState) -> Finding | None:
    """Why a node cannot take what it has to have by now, for it stands in what is left alone: its new key, or models
    in the place of those that its key is to lose. It goes on with what it has, which stays until then.
    """
    seen, want, applied = item.seen, item.want, item.locked.attrs if item.locked else None
    if seen is None or want is None or applied is None or not seen.telemetry.left:
        return None
    names = {one.path[1] for one in seen.telemetry.left if one.path[0] == "files"}
    for file in want.material.files:
        before = applied.files.get(file.path)
        secret = file.of.format in SECRET and bool(file.text.slots)
        if file.path in names and secret and before and before.fingerprint != want.attrs.files[file.path].fingerprint:
            why = f"{file.path} of {item.address.name} is left alone, and what it has to hold is another by now"
            hint = f"take {file.path} out of ignore for an apply: what is there is kept in .fleethub/overwritten/"
            return Finding("node.ignore-withholds", why, item.address, want.place, hint)
    lost = {*applied.chain} - {*want.attrs.chain}
    runs = seen.telemetry.runs if seen.telemetry.understood else applied.chain
    if called := sorted(lost & {*(runs or ())} if seen.telemetry.decides else ()):
        why = f"{item.address.name} calls {', '.join(called)} by what is left alone there, and would lose it"
        hint = "change it there too, or take it out of ignore for an apply"
        return Finding("node.ignore-withholds", why, item.address, want.place, hint)
    return None


def projection_left(file: RenderedFile, left: Collection[FieldChange]) -> Projection:
    """What is put into a file that is somebody else's: without what is left alone there."""
    of = file.projection or Projection()
    return replace(of, keep=of.keep | {one.path[1:] for one in left if one.path[0] == file.path})


def findings(wanted: Mapping[Address, NodeResource]) -> Iterable[Finding]:
    """Names that are nothing that can be left alone: whoever wrote one thinks that something is."""
    for address, resource in wanted.items():
        node = resource.material.node
        can = [name for file in resource.material.files for name in _names(file)]
        for name in node.ignore:
            if any(_meant(one, name) for one in can):
                continue
            shown = ", ".join(can[:NAMED]) + (" …" if len(can) > NAMED else "")
            why = f"there is nothing that ignore = {name!r} leaves alone on {node.name}; what can be: {shown}"
            hint = (
                "of files that are all FleetHub's, a file is left alone whole" if not is_wired(resource.attrs) else ""
            )
            yield Finding("node.ignore-unknown", why, address, resource.place, hint)


def _names(file: RenderedFile) -> list[str]:
    if file.projection is None:
        return [file.path]
    return [".".join((file.path, *path)) for path in sorted(file.projection.values)]


def _pointers(file: RenderedFile, names: Collection[str]) -> set[str]:
    """Of FleetHub's part of a file, the pointers that are meant."""
    paths = file.projection.values if file.projection else ()
    meant = (path for path in paths if any(_meant(".".join((file.path, *path)), name) for name in names))
    return {pointer(file.of.format, path) for path in meant}


def _meant(one: str, name: str) -> bool:
    return one == name or one.startswith(f"{name}.")
