"""What forbids touching a node at all: files or a mark of somebody else, another Compose project."""

from __future__ import annotations

from fleethub import nodetypes
from fleethub.kinds.node.attributes import NodeState
from fleethub.kinds.node.completion import kept_of
from fleethub.kinds.node.delivery import foreign_paths, left_running, own_files
from fleethub.kinds.node.ignored import withheld
from fleethub.model.consuming import Node
from fleethub.model.finding import Finding
from fleethub.model.observation import Lockfile, Unknown


def objections(item: NodeState, lockfile: Lockfile | None) -> list[Finding]:
    """Files or a mark of somebody else at the target."""
    seen = item.seen
    place = item.want.place if item.want else None
    if item.want is not None and not isinstance(item.have, Unknown) and (why := _not_wirable(item)):
        return [Finding("node.nothing-to-wire", why[0], item.address, place, why[1])]
    if seen is None:
        return []
    lineage = lockfile.lineage if lockfile else ""
    if seen.mark is not None and seen.mark.lineage != lineage and item.want is None:
        mine = ", ".join(sorted(own_files(item)))
        message = f"the target is marked by another fleet (lineage {seen.mark.lineage}), and {mine} of this one's last"
        hint = "remove those files there by hand, or have the other fleet deliver; then plan again"
        return [Finding("node.foreign", message, item.address, None, hint)]
    if seen.mark is not None and seen.mark.lineage != lineage:
        return [
            Finding(
                "node.foreign",
                f"the target is marked by another fleet (lineage {seen.mark.lineage})",
                item.address,
                place,
                "choose another target, or remove the node from the other fleet first",
            )
        ]
    if item.locked is not None and item.want is not None and (left := left_running(item.locked, item.want)):
        had, says = left
        keep = f'write project = "{had}", or ' if had and item.want.attrs.project else ""
        hint = f"{keep}remove the node in one apply and add it in the next"
        return [Finding("compose.project-changes", says, item.address, place, hint)]
    folders = [path for path, file in seen.attrs.files.items() if file.kind == "folder"]
    if folders and item.want is not None:
        return [
            Finding(
                "node.target-taken",
                f"a folder stands where a file must be: {item.want.source.at}/{folders[0]}",
                item.address,
                place,
                "move it away",
            )
        ]
    others = [path for path, file in seen.attrs.files.items() if file.owned is None]
    if seen.mark is None and item.locked is None and others:
        return [
            Finding(
                "node.target-taken",
                f"files that FleetHub did not write are at the target: {', '.join(others)}",
                item.address,
                place,
                _beside(item),
            )
        ]
    if foreign := foreign_paths(item):
        return [
            Finding(
                "node.target-taken",
                f"a file that FleetHub did not write is where it would put one: {', '.join(foreign)}",
                item.address,
                place,
                "move it away, or give the node's files another path",
            )
        ]
    held = withheld(item)
    return [held] if held is not None else []


def _not_wirable(item: NodeState) -> tuple[str, str] | None:
    """Why somebody else's files cannot take FleetHub's part, and what to do; None where they can."""
    want, there = item.want, item.seen.attrs.files if item.seen else {}
    for file in want.material.files if want else ():
        if file.projection is None or want is None:
            continue
        if file.path in there and there[file.path].kind is not None:
            says, hint = _NO_FILE.get(there[file.path].kind or "", ("is no file", "move it away"))
            return f"{want.source.at}/{file.path} {says}", hint
        if file.projection.required and file.path not in there:
            return f"there is no {file.path} at {want.source.at} to put its wiring into", _unwired(want.material.node)
    return None


_NO_FILE = {
    "link": ("is a link, not a file", "put the file itself in its place: what a link leads to may be others' too"),
    "folder": ("is a folder, not a file", "move it away"),
}


def _unwired(node: Node) -> str:
    """What to do where the file is not there; not every type has files by other names, or any that are all its own."""
    kind = nodetypes.of(node)
    if node.consumer or (kind is not None and "files" in kind.ignores):
        return "start its program there once, which writes the file; or write another target"
    return 'name the file that is there by files =, or write manage = "whole" for a new node'


def _beside(item: NodeState) -> str:
    """What to write where files of somebody else are at a target."""
    if item.want is not None and item.want.material.node.consumer:
        hint = "move them away if they are nobody's, or give the consumer another target or file"
        shared = any(file.of.format == "yaml" for file in item.want.material.files)
        return hint + (', or write manage = "wiring" to own FleetHub\'s part of them alone' if shared else "")
    return 'write manage = "wiring" to own its providers, chain and keys in them; or choose another target'


def remarks(item: NodeState) -> list[Finding]:
    """Of files that are somebody else's: who may read a key in them, and what stays as it is found and is another."""
    return [*_open(item), *_changed(item)]


def _open(item: NodeState) -> list[Finding]:
    """Files with a key that others on the machine may read: their mode is their operator's."""
    if item.seen is None or item.want is None:
        return []
    modes = item.seen.telemetry.modes
    dotenv = [f.path for f in item.want.material.files if f.projection is not None and f.of.format == "dotenv"]
    return [
        Finding(
            "node.env-open",
            f"{path} of {item.address.name} holds its key, and others on its machine may read it ({modes[path]:04o})",
            item.address,
            item.want.place,
            f"chmod 600 {path} there",
        )
        for path in dotenv
        if modes.get(path, 0) & 0o007
    ]


def _changed(item: NodeState) -> list[Finding]:
    if item.seen is None or item.want is None or item.locked is None or item.locked.attrs is None:
        return []
    changed = [
        f"{path}: {name}"
        for path, file in item.seen.attrs.files.items()
        for name in sorted(kept_of(item.want, path))
        if path in item.locked.attrs.files
        and (was := item.locked.attrs.files[path].owned) is not None  # else all of it was FleetHub's
        and was.get(name) != (file.owned or {}).get(name)
    ]
    if not changed:
        return []
    message = f"what stays as it is found was changed there: {', '.join(changed)}"
    hint = "the next apply records it; fleethub verify asks whether its key works"
    return [Finding("node.kept-changed", message, item.address, item.want.place, hint)]
