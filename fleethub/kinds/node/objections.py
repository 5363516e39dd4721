"""What forbids touching a node at all: files or a mark of somebody else, another Compose project."""

from __future__ import annotations

from fleethub.kinds.node.attributes import NodeState
from fleethub.kinds.node.delivery import foreign_paths, own_files
from fleethub.model.finding import Finding
from fleethub.model.observation import Lockfile


def objections(item: NodeState, lockfile: Lockfile | None) -> list[Finding]:
    """Files or a mark of somebody else at the target."""
    seen = item.seen
    if seen is None:
        return []
    place = item.want.place if item.want else None
    lineage = lockfile.lineage if lockfile else ""
    if seen.mark is not None and seen.mark.lineage != lineage and item.want is None:
        left = ", ".join(sorted(own_files(item)))
        message = f"the target is marked by another fleet (lineage {seen.mark.lineage}), and {left} of this one's last"
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
    had, has = (side.attrs.project if side and side.attrs else None for side in (item.locked, item.want))
    if had and has and had != has:
        return [
            Finding(
                "compose.project-changes",
                f"its Compose project was {had!r}, and would be {has!r}: a second stack beside the first",
                item.address,
                place,
                f'write project = "{had}", or remove the node in one apply and add it in the next',
            )
        ]
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
    if seen.mark is None and item.locked is None:
        return [
            Finding(
                "node.target-taken",
                f"files that FleetHub did not write are at the target: {', '.join(seen.attrs.files)}",
                item.address,
                place,
                "move them away, or choose another target; adopting them (fleethub import) is not there yet",
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
    return []
