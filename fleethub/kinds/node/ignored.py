"""What of a node is left alone where somebody changed it (``ignore`` in the spec).

It is seen as it is wanted, so that nothing is done about it, and told beside. Of files that are all FleetHub's that is
a file; of FleetHub's part of somebody else's a path, as plans name it, or all below one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from fleethub.kinds.node.attributes import FileAttrs, NodeLocked, NodeResource, is_wired
from fleethub.kinds.node.owned import field_changes
from fleethub.kinds.node.projection import pointer
from fleethub.kinds.values import RenderedFile
from fleethub.model.address import Address
from fleethub.model.finding import Finding
from fleethub.model.plan import FieldChange
from fleethub.nodetypes.projection import Projection

NAMED = 6  # how many names of what can be left alone a finding shows


def left_alone(
    files: Mapping[str, FileAttrs], want: NodeResource | None, locked: NodeLocked | None
) -> tuple[dict[str, FileAttrs], tuple[FieldChange, ...]]:
    """The files with what is left alone as it is wanted, and what it is in truth; a first apply writes all of it."""
    if want is None or locked is None or locked.attrs is None:
        return dict(files), ()
    found, left, names = dict(files), list[FieldChange](), want.material.node.ignore
    for file in want.material.files if names else ():
        there, wanted = files.get(file.path), want.attrs.files[file.path]
        if there is None or there == wanted:
            continue
        if file.projection is None and file.path in names and there.kind is None:
            found[file.path] = wanted
            left.append(FieldChange(("files", file.path), "as it is wanted", "changed by hand"))
        elif there.owned is not None and wanted.owned is not None:
            applied = locked.attrs.files.get(file.path)
            known = {*there.owned, *((applied.owned if applied else None) or {})}
            alone = {p for p in _pointers(file, names) & wanted.owned.keys() & known
                     if there.owned.get(p) != wanted.owned[p]}  # fmt: skip
            found[file.path] = replace(there, owned={**there.owned, **{p: wanted.owned[p] for p in alone}})
            sides = ({p: t for p, t in side.items() if p in alone} for side in (wanted.owned, there.owned))
            left += field_changes(file.path, *sides)
    return found, tuple(left)


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
