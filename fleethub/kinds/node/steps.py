"""What must be done for a node: deliver, activate and settle; remove what a dropped block left."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from fleethub import nodetypes
from fleethub.kinds.compare import record
from fleethub.kinds.node import moving
from fleethub.kinds.node.actions import Activate, Deliver, Merge, NodeFile, RemoveNode, Settle, StopNode
from fleethub.kinds.node.attributes import FileAttrs, NodeState, NodeTelemetry, files_of, is_wired
from fleethub.kinds.node.completion import digest_of
from fleethub.kinds.node.delivery import (
    by_hand,
    changed_files,
    ending,
    is_host,
    knows_its_key,
    needs_restart,
    own_files,
    restart_by_hand,
    stale_paths,
    telling,
    to_deliver,
    unused_until_restart,
)
from fleethub.kinds.node.ignored import projection_left
from fleethub.kinds.node.restoring import still_ours
from fleethub.kinds.node.staged import staged
from fleethub.kinds.values import RenderedFile, Work
from fleethub.model.plan import Phase, Step
from fleethub.model.secret import Blob, Text
from fleethub.nodetypes.interface import Probe


def steps(item: NodeState) -> Work:
    """Deliver and settle; a removed block removes its files."""
    if item.want is None:
        locked = item.locked
        if locked is None:
            return Work()
        seen = item.seen.telemetry.files if item.seen else {}
        found = still_ours(locked, seen) if is_wired(locked.attrs) else {}
        modes = item.seen.telemetry.modes if item.seen and found else {}
        # on the machine of its new place it was ended before that started, and what would end it ends the new one
        ends = ((), (), "") if item.moved and moving.ends_on(item.moved.source.at, item) else ending(locked)
        do = RemoveNode(locked.source, own_files(item), *ends, there=seen, found=found, modes=modes)
        return Work((Step(f"{item.address}/remove", item.address, Phase.CONTRACT, do, removes=True),))
    node = item.want.material.node
    since = item.seen.telemetry.activated if item.seen else None
    settle = f"{item.address}/settle"
    # how it is to be ended one day is a word of the record: the node itself has nothing of it
    if item.seen is not None and item.want.attrs == replace(item.seen.attrs, stop=item.want.attrs.stop):
        wait = Settle(node.settle, None, since)
        return Work((Step(settle, item.address, Phase.SETTLE, wait, locked=record(item.want)),))
    kind = nodetypes.of(node)
    files = tuple(_file(item, file) for file in item.want.material.files)
    probe = kind.probe(node) if kind else Probe()
    host = is_host(node)
    restart = host and needs_restart(item)
    changed = {file.path for file in changed_files(item)}
    tell = None if knows_its_key(item) else telling(item.want)
    activate = Activate(
        item.want.source,
        kind.activation(node) if kind else (),
        probe.port,
        node.timeout,
        node.generation,
        files,
        hot=not restart and all(file.of.hot or file.of.told for file in changed_files(item)),
        fresh=restart,
        path=probe.path,
        tell=tell,
        turns=kind.turns(node) if kind and tell else (),
        found=item.want.found,
    )
    start = Step(f"{item.address}/activate", item.address, Phase.ACTIVATE, activate, locked=record(item.want))
    if not to_deliver(item):
        before = moving.steps(item, ())
        start = _after(start, before)
        wait = Settle(node.settle, start.id)
        return Work((*before, start, Step(settle, item.address, Phase.SETTLE, wait, after=(start.id,))))
    there: Mapping[str, Blob] = item.seen.telemetry.files if item.seen else {}
    mine = own_files(item)
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
            expects={path: there.get(path) for path in item.want.attrs.files},
            stale={path: mine[path] for path in stale_paths(item)},
            keep=frozenset(item.want.attrs.files) - changed,
            private=frozenset(file.path for file in item.want.material.files if file.of.process),
            owners=_owners(item) & there.keys(),
            checks=kind.validation(node) if kind and host else (),
            restart=restart,
            activated=not host,
            port=probe.port if host else 0,
            found=item.want.found,
        ),
        locked=None if host else record(item.want),
    )
    if not host:
        wait = Settle(node.settle, deliver.id)
        return Work((deliver, Step(settle, item.address, Phase.SETTLE, wait, after=(deliver.id,))))
    listening = item.seen is not None and item.seen.telemetry.listening
    if by_hand(item.want) and not (tell and listening and not restart):
        waits = unused_until_restart(item) or bool(tell)  # what can be told of its key is to prove it once it runs
        deliver = deliver if waits else replace(deliver, locked=record(item.want))
        return Work((deliver,), (restart_by_hand(item.want),) if waits else ())
    before = moving.steps(item, (deliver.id,))
    start = _after(start, (deliver, *before))
    ways = (deliver, *before, start) if before else staged(item, deliver, start)
    last = ways[-1].id
    return Work((*ways, Step(settle, item.address, Phase.SETTLE, Settle(node.settle, last), after=(last,))))


def _after(start: Step, before: Iterable[Step]) -> Step:
    """The start after what comes before it, and with where it was ended."""
    before = tuple(before)
    ended = tuple(step.do.source.at for step in before if isinstance(step.do, StopNode))
    do = replace(start.do, ended=ended) if isinstance(start.do, Activate) else start.do
    return replace(start, do=do, after=tuple(step.id for step in before))


def _owners(item: NodeState) -> frozenset[str]:
    """The files of the set that are somebody else's, or were: a node that becomes FleetHub's is not up yet."""
    wanted = item.want.attrs.files if item.want else {}
    sides = files_of(*(side.attrs for side in (item.want, item.locked) if side))
    return frozenset(path for side in sides for path, file in side.items() if file.owned is not None and path in wanted)


def _file(item: NodeState, file: RenderedFile) -> NodeFile:
    """A rendered file as it is delivered; of one that is somebody else's FleetHub's part, and what is there."""
    if file.projection is None:
        return NodeFile(file.path, file.text, file.mode)
    told = item.seen.telemetry if item.seen else NodeTelemetry()
    merge = Merge(file.of.format, projection_left(file, told.left), told.files.get(file.path))
    wanted = item.want.attrs.files[file.path] if item.want else FileAttrs()
    digest = digest_of(item.want, file.path, wanted) or ""
    return NodeFile(file.path, Text(()), told.modes.get(file.path, file.mode), merge, digest)
