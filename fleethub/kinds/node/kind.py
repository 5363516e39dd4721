"""Nodes: all files of a gateway as one resource, delivered together.

Attributes: ``chain`` (what the config calls, primary first) and ``files``: path -> ``{fingerprint, mode}``.
A path where something else than a file stands has ``{kind}`` instead. On a host also ``activated`` (its process
uses this set) and ``project`` (what its containers are grouped under).
"""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from fleethub import nodetypes
from fleethub.kinds.interface import (
    Dependents,
    Inputs,
    ObserveContext,
    ResourceState,
    Work,
    changed_fields,
    differs,
    managed,
    parse_mark,
    record,
)
from fleethub.kinds.key import wiring
from fleethub.kinds.node.delivery import (
    WITHOUT_RESTART,
    by_hand,
    changed_files,
    fingerprints,
    foreign_paths,
    is_host,
    needs_restart,
    own_files,
    restart_by_hand,
    to_deliver,
    unused_until_restart,
)
from fleethub.kinds.node.files import describe_drift, describe_file
from fleethub.model.actions import Activate, Deliver, NodeFile, RemoveNode, Settle
from fleethub.model.address import Address
from fleethub.model.address import key as key_address
from fleethub.model.address import node as node_address
from fleethub.model.address import route as route_address
from fleethub.model.facts import HostReading
from fleethub.model.finding import Finding
from fleethub.model.fleet import Fleet, Node
from fleethub.model.observation import (
    Absent,
    Attrs,
    Locked,
    Lockfile,
    Needs,
    Observation,
    Resource,
    Seen,
    Source,
    Unknown,
)
from fleethub.model.plan import FieldChange, FileDiff, Phase, Step
from fleethub.model.secret import Blob, Derived, Fingerprinter


def node_needs(fleet: Fleet, node: Node) -> Needs:
    """The keys and routes that a node's chain calls, with the models it calls through each."""
    needs: dict[Address, frozenset[str]] = {}
    for proxy, models in wiring(fleet, node).items():
        needs[key_address(proxy, node.key)] = models
        for alias in models:
            needs[route_address(proxy, alias)] = frozenset({alias})
    return needs


class NodeKind:
    """See the module."""

    name = "node"

    def desired(self, inputs: Inputs) -> Iterable[Resource]:
        """One resource per node that could be rendered."""
        for name, node in sorted(inputs.fleet.nodes.items()):
            rendered = inputs.rendered.get(name)
            if rendered is None:
                continue
            paths = tuple(file.path for file in rendered.files)
            yield Resource(
                address=node_address(name),
                source=Source("host", node.target, ask=(*paths, *_tools(node)), of=f"node.{name}"),
                attrs={
                    "chain": list(rendered.chain),
                    "marked": True,
                    **_host_attrs(node),
                    "files": {
                        file.path: {"fingerprint": inputs.fingerprinter.text(file.text), "mode": f"{file.mode:04o}"}
                        for file in rendered.files
                    },
                },
                needs=node_needs(inputs.fleet, node),
                shape=" ".join(file.text.shape() for file in rendered.files),
                owner=node.owner,
                protected=node.protected,
                generation=node.generation,
                place=node.place,
                material={"node": node, "files": rendered.files},
                by_hand=is_host(node) and node.activate == "never",
            )

    def observe(
        self, address: Address, want: Resource | None, locked: Locked | None, sight: ObserveContext
    ) -> Observation:
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
            return Unknown(
                "the fleet's seed does not resolve, so which files are FleetHub's is not known", sight.facts.at
            )
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

    def made(self, address: Address, want: Resource | None, locked: Locked, fleet: str) -> tuple[Derived, ...]:
        """Nothing that could be asked for by itself."""
        return ()

    def proves(self, item: ResourceState) -> bool:
        """A file as this fleet would write it: a fingerprint is its own, for nobody else has the seed."""
        seen, want = item.seen, item.want
        if seen is None or want is None or seen.mark is None:
            return False
        return any(there == want.attrs["files"].get(path) for path, there in seen.attrs["files"].items())

    def orphans(self, items: Sequence[ResourceState], fleet: Fleet, sight: ObserveContext) -> list[Finding]:
        """None: a target that neither spec nor lockfile names is not read."""
        return []

    def objections(self, item: ResourceState, lockfile: Lockfile | None) -> list[Finding]:
        """Files or a mark of somebody else at the target."""
        seen = item.seen
        if seen is None:
            return []
        place = item.want.place if item.want else None
        lineage = lockfile.lineage if lockfile else ""
        if seen.mark is not None and seen.mark.lineage != lineage and item.want is None:
            left = ", ".join(sorted(own_files(item)))
            message = (
                f"the target is marked by another fleet (lineage {seen.mark.lineage}), and {left} of this one's last"
            )
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
        had, has = (side.attrs.get("project") if side else None for side in (item.locked, item.want))
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
        folders = [path for path, file in seen.attrs["files"].items() if file.get("kind") == "folder"]
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
                    f"files that FleetHub did not write are at the target: {', '.join(seen.attrs['files'])}",
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

    def remarks(self, item: ResourceState) -> list[Finding]:
        """None."""
        return []

    def describe(self, item: ResourceState) -> tuple[tuple[FieldChange, ...], tuple[FileDiff, ...]]:
        """The chain, then the leaves of each file; a removal names the files."""
        have = item.seen.attrs if item.seen else {}
        if item.want is None:
            argv, _, says = _ending(item.locked) if item.locked else ((), (), "")
            return ((FieldChange(("process",), "not ended", says),) if says and not argv else ()), ()
        found = list(changed_fields({"chain": item.want.attrs["chain"]}, have))
        if have.get("activated") is False and item.want.attrs.get("activated"):
            found.append(FieldChange(("activated",), "not yet", "with this set"))
        diffs: list[FileDiff] = []
        material = item.seen.material if item.seen else {"files": {}, "applied": {}}
        for file in item.want.material["files"]:
            wanted = item.want.attrs["files"][file.path]
            there = have.get("files", {}).get(file.path)
            if wanted == there:
                continue
            before: Blob | None = material["files"].get(file.path)
            applied: Blob | None = material["applied"].get(file.path)
            found_here, diff = describe_file(item.address.name, file, before, applied)
            if there and there.get("mode") not in (None, wanted["mode"]):
                found.append(FieldChange(("files", file.path, "mode"), there["mode"], wanted["mode"]))
            if there is None and item.seen is not None:
                found.append(FieldChange(("files", file.path), "not there", "written"))
            if there and "kind" in there:
                found.append(FieldChange(("files", file.path), f"a {there['kind']} in its place", "file"))
            found += found_here if there is not None else []
            diffs.append(diff)
        return tuple(found), tuple(diffs)

    def applied(self, item: ResourceState) -> Attrs:
        """What the lockfile says."""
        return item.locked.attrs if item.locked else {}

    def beside(self, item: ResourceState) -> tuple[str, ...]:
        """Nothing that it could name."""
        return ()

    def drifted(self, item: ResourceState) -> tuple[FieldChange, ...]:
        """The fields of each file that are no longer as they were applied, where the applied set is at hand."""
        if item.seen is None:
            return ()
        there, applied = item.seen.material["files"], item.seen.material["applied"]
        known = fingerprints(item.locked)
        changed = (p for p, f in item.seen.attrs["files"].items() if f.get("fingerprint") not in known.get(p, ()))
        return tuple(
            leaf
            for path in changed
            if path in there and path in applied
            for leaf in describe_drift(path, there[path], applied[path])
        )

    def kept(self, item: ResourceState) -> tuple[str, ...]:
        """The files that a repair overwrites and that the node keeps: those that are no longer as applied."""
        if item.seen is None or item.want is None:
            return ()
        known = fingerprints(item.locked)
        there = item.seen.attrs["files"]
        return tuple(f.path for f in changed_files(item) if _foreign(there.get(f.path), known.get(f.path, ())))

    def steps(self, item: ResourceState, uses: Dependents) -> Work:
        """Deliver and settle; a removed block removes its files."""
        if item.want is None:
            locked = item.locked
            if locked is None:
                return Work()
            do = RemoveNode(locked.source, own_files(item), *_ending(locked))
            return Work((Step(f"{item.address}/remove", item.address, Phase.CONTRACT, do, removes=True),))
        node: Node = item.want.material["node"]
        since = item.seen.telemetry["activated"] if item.seen else None
        settle = f"{item.address}/settle"
        if item.seen is not None and not differs(managed(item), item.seen.attrs):
            wait = Settle(node.settle, None, since)
            return Work((Step(settle, item.address, Phase.SETTLE, wait, locked=record(item.want)),))
        kind = nodetypes.get(node.type)
        files = tuple(NodeFile(f.path, f.text, f.mode) for f in item.want.material["files"])
        host = is_host(node)
        restart = host and needs_restart(item)
        activate = Activate(
            item.want.source,
            kind.activation(node) if kind else (),
            node.port,
            node.timeout,
            node.generation,
            files,
            hot=not restart and all(file.role in WITHOUT_RESTART for file in changed_files(item)),
            fresh=restart,
        )
        start = Step(f"{item.address}/activate", item.address, Phase.ACTIVATE, activate, locked=record(item.want))
        if not to_deliver(item):
            wait = Settle(node.settle, start.id)
            return Work((start, Step(settle, item.address, Phase.SETTLE, wait, after=(start.id,))))
        there = item.seen.material["files"] if item.seen else {}
        mine = own_files(item)
        changed = {file.path for file in changed_files(item)}
        deliver = Step(
            f"{item.address}/deliver",
            item.address,
            Phase.DELIVER,
            Deliver(
                item.want.source,
                files,
                node.generation,
                kind.folders(node) if kind else (),
                node.uid,
                expects={path: there.get(path) for path in item.want.attrs["files"]},
                stale={path: blob for path, blob in mine.items() if path not in item.want.attrs["files"]},
                keep=frozenset(item.want.attrs["files"]) - changed,
                checks=kind.validation(node) if kind and host else (),
                restart=restart,
                activated=not host,
                port=node.port if host else 0,
            ),
            locked=None if host else record(item.want),
        )
        if not host:
            wait = Settle(node.settle, deliver.id)
            return Work((deliver, Step(settle, item.address, Phase.SETTLE, wait, after=(deliver.id,))))
        if by_hand(item):
            waits = unused_until_restart(item)
            deliver = deliver if waits else replace(deliver, locked=record(item.want))
            return Work((deliver,), (restart_by_hand(item),) if waits else ())
        wait = Settle(node.settle, start.id)
        start = replace(start, after=(deliver.id,))
        return Work((deliver, start, Step(settle, item.address, Phase.SETTLE, wait, after=(start.id,))))


def _foreign(there: Mapping[str, Any] | None, known: Collection[str]) -> bool:
    """Whether a file, or a link, lies there that FleetHub did not write."""
    return there is not None and there.get("kind") in (None, "link") and there.get("fingerprint") not in known


def _ending(locked: Locked) -> tuple[tuple[str, ...], tuple[str, ...], str]:
    """How a removed node's process is ended: the command, what tells whether it can be run there, what a human does
    where it is not run. Nothing for a folder: no process is known of it.
    """
    if "://" not in locked.source.at:
        return (), (), ""
    begun = locked.pending.attrs if locked.pending else {}
    down = nodetypes.removal(str(locked.attrs.get("project") or begun.get("project") or ""))
    says = f"end it there by hand: {shlex.join(down)}" if down else "end its gateway there by hand"
    return ((), (), says) if locked.by_hand or not down else (down, nodetypes.removable(), says)


def _host_attrs(node: Node) -> dict[str, Any]:
    if not is_host(node):
        return {}
    kind = nodetypes.get(node.type)
    project = kind.project(node) if kind else ""
    return {"activated": True, **({"project": project} if project else {})}


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


def machine_findings(resource: Resource, reading: HostReading, locked: Locked | None) -> tuple[Finding, ...]:
    """What on the node's machine is in its way."""
    node: Node = resource.material["node"]
    kind = nodetypes.get(node.type)
    if kind is None or not is_host(node):
        return ()
    known = fingerprints(locked)
    others = tuple(name for name in reading.compose if name not in known)
    return kind.machine(node, replace(reading, compose=others), applied=locked is not None)


def _tools(node: Node) -> tuple[str, ...]:
    """The programs of its machine that are asked for their version and what they run."""
    kind = nodetypes.get(node.type)
    return tuple(f"tool:{name}" for name in kind.tools) if kind and is_host(node) else ()


def _marks(mark: Mapping[str, Any] | None, files: Mapping[str, Any]) -> bool:
    """Whether the mark is of this very set: a delivery that broke off before its mark is not one that has settled."""
    digests = mark.get("digests") if mark else None
    there = {path: file["fingerprint"] for path, file in files.items() if "fingerprint" in file}
    return isinstance(digests, Mapping) and {p: f for p, f in digests.items() if p in there} == there


def _chain(want: Resource, reading: HostReading) -> tuple[str, ...] | None:
    """What the config on the node calls; nothing where there is none, None where it cannot be understood."""
    kind = nodetypes.get(want.material["node"].type)
    for file in want.material["files"]:
        there = reading.files.get(file.path)
        if file.role == "openclaw" and kind is not None and there is not None and there.content is not None:
            return kind.chain(there.content.reveal())
    return ()


def _trusted(applied: Mapping[str, Blob], locked: Locked | None, fingerprinter: Fingerprinter) -> dict[str, Blob]:
    """Of the last applied set, the files that really are what the lockfile says: only those may be shown."""
    files = locked.attrs.get("files", {}) if locked else {}
    return {
        path: blob
        for path, blob in applied.items()
        if files.get(path, {}).get("fingerprint") == fingerprinter.sha256(blob.sha256())
    }
