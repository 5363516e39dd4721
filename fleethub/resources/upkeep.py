"""What a node lacks of its wanted set, files or process, and who brings it there: FleetHub, or somebody by hand."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from fleethub import nodetypes
from fleethub.model.facts import HostReading
from fleethub.model.finding import Finding
from fleethub.model.fleet import Node
from fleethub.model.observation import Absent, Locked, Resource
from fleethub.model.plan import Obstacle, Why
from fleethub.model.secret import Blob
from fleethub.resources.base import Item


def is_host(node: Node) -> bool:
    """Whether its target is on a host, where something has to be activated; a folder needs nothing."""
    return "://" in node.target


def to_deliver(item: Item) -> bool:
    """Whether files or mark are not those that are wanted; otherwise only the process is behind."""
    return item.seen is None or not item.seen.attrs["marked"] or bool(changed(item) or stale(item))


def stale(item: Item) -> set[str]:
    """The paths of FleetHub's own that are no longer part of the set."""
    return set(ours(item)) - set(item.want.attrs["files"] if item.want else ())


def ours(item: Item) -> dict[str, Blob]:
    """Of what lies there, the files that still are as FleetHub wrote them."""
    if item.seen is None:
        return {}
    known, there = fingerprints(item.locked), item.seen.attrs["files"]
    blobs: Mapping[str, Blob] = item.seen.material["files"]
    return {p: blobs[p] for p, f in known.items() if p in blobs and there.get(p, {}).get("fingerprint") == f}


def needs_restart(item: Item) -> bool:
    """Whether its process must be a new one for what is wanted: a changed config is taken over while it runs, and
    files that are put back as they were applied are what it runs with.
    """
    if item.want is None or item.locked is None or not item.locked.attrs:
        return True
    applied, wanted = item.locked.attrs.get("files", {}), item.want.attrs["files"]
    files = (f.path for f in item.want.material["files"] if f.role != "openclaw")
    return any(applied.get(p, {}).get("fingerprint") != wanted[p]["fingerprint"] for p in files)


def by_hand(item: Item) -> bool:
    """Whether somebody else restarts the node: the spec says never, or gives no command."""
    if item.want is None or item.address.kind != "node":
        return False
    node: Node = item.want.material["node"]
    kind = nodetypes.get(node.type)
    return is_host(node) and (node.activate == "never" or kind is None or not kind.activation(node))


def unused_until_restart(item: Item) -> bool:
    """Whether a delivery leaves a process running that knows only the old set, until somebody restarts it."""
    listening = item.seen is not None and item.seen.telemetry.get("listening", False)
    return by_hand(item) and needs_restart(item) and listening


def restart_by_hand(item: Item) -> Obstacle:
    """What such a node waits for."""
    node: Node = item.want.material["node"]  # type: ignore[union-attr]
    kind = nodetypes.get(node.type)
    argv = kind.activation(node) if kind else ()
    folder = "/" + node.target.split("/", 3)[3]
    how = f"there: cd {shlex.quote(folder)} && {shlex.join(argv)}" if argv else "there, with its new variables"
    return Obstacle(Why.WAITS, f"waits until {node.name} is seen restarted; restart it {how}", "activation")


def waits_for_hand(item: Item) -> Obstacle | None:
    """Set when the node has what is wanted, and only its restart by hand is missing."""
    behind = item.seen is not None and item.seen.attrs.get("activated") is False
    return restart_by_hand(item) if behind and by_hand(item) and not to_deliver(item) else None


def host_attrs(node: Node) -> dict[str, Any]:
    """What is wanted of a node on a host beside its files."""
    if not is_host(node):
        return {}
    kind = nodetypes.get(node.type)
    project = kind.project(node) if kind else ""
    return {"activated": True, **({"project": project} if project else {})}


def host_seen(want: Resource | None, locked: Locked | None, reading: HostReading) -> dict[str, Any]:
    """The same, as it is seen. ``project`` is what was applied: it cannot be seen where nothing runs."""
    if want is None or "activated" not in want.attrs:
        return {"project": locked.attrs["project"]} if locked and "project" in locked.attrs else {}
    node: Node = want.material["node"]
    item = Item(want.address, want, Absent(""), locked)
    if by_hand(item):
        now = reading.listens.get(node.port, "").strip()
        activated = not reading.listener or (reading.listener not in (now, "?"))
    else:
        activated = bool((reading.mark or {}).get("activated"))
    before = locked.attrs.get("project") if locked and locked.attrs else want.attrs.get("project")
    return {"activated": activated, **({"project": before} if before else {})}


def machine_findings(resource: Resource, reading: HostReading, locked: Locked | None) -> tuple[Finding, ...]:
    """What on the node's machine is in its way."""
    node: Node = resource.material["node"]
    kind = nodetypes.get(node.type)
    if kind is None or not is_host(node):
        return ()
    known = fingerprints(locked)
    others = tuple(name for name in reading.compose if name not in known)
    return kind.machine(node, replace(reading, compose=others), applied=locked is not None)


def touches_wiring(item: Item) -> bool:
    """Whether a delivery changes what the node calls, where, or with which key: then it needs a proof."""
    return any(file.role in ("env", "openclaw") for file in changed(item))


def changed(item: Item) -> list[Any]:
    """The wanted files that do not lie there as they should."""
    if item.want is None:
        return []
    there = item.seen.attrs["files"] if item.seen else {}
    return [file for file in item.want.material["files"] if there.get(file.path) != item.want.attrs["files"][file.path]]


def rewires(item: Item) -> bool:
    """Whether a delivery changes the config itself, not only its environment."""
    return any(file.role == "openclaw" for file in changed(item))


def fingerprints(locked: Locked | None) -> dict[str, str]:
    """What FleetHub wrote there, or began to write, by path."""
    if locked is None:
        return {}
    begun = locked.pending.attrs.get("files", {}) if locked.pending else {}
    return {p: str(f.get("fingerprint", "")) for p, f in {**begun, **locked.attrs.get("files", {})}.items()}
