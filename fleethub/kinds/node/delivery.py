"""What a node's delivery changes on it, what of what lies there is ours, and whether its process must be a new one."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import replace

from fleethub import nodetypes
from fleethub.kinds.compare import in_use
from fleethub.kinds.node.attributes import FileAttrs, NodeAttrs, NodeLocked, NodeResource, NodeState, files_of, is_wired
from fleethub.kinds.values import RenderedFile
from fleethub.model.actions import Query
from fleethub.model.consuming import Node
from fleethub.model.observation import Pending
from fleethub.model.plan import Blocker, Why
from fleethub.model.secret import Blob


def is_host(node: Node) -> bool:
    """Whether the node lies on a machine where its process can be started; else it is a folder."""
    return "://" in node.target


def to_deliver(item: NodeState) -> bool:
    """Whether files or mark are not those that are wanted; otherwise only the process is behind."""
    unmarked = item.seen is None or (not item.seen.attrs.marked and (item.want is None or bool(item.want.attrs.marked)))
    return unmarked or bool(changed_files(item) or stale_paths(item))


def foreign_paths(item: NodeState) -> list[str]:
    """Files of somebody else in the place of one that the node gets only now."""
    if item.seen is None or item.want is None or item.locked is None or not item.locked.attrs:
        return []
    there, known = item.seen.attrs.files, fingerprints(item.locked)
    wanted = {path: file for path, file in item.want.attrs.files.items() if file.owned is None}
    return [path for path in wanted if path in there and path not in known and there[path] != wanted[path]]


def stale_paths(item: NodeState) -> set[str]:
    """Files of ours that are no longer part of the node; one that is left to its operator keeps them, but no consumer:
    its key would lie there for good.
    """
    if item.want is not None and _is_operators(item.want):
        return set()
    return set(own_files(item)) - set(item.want.attrs.files if item.want else ())


def _is_operators(want: NodeResource) -> bool:
    """Whether it is a node that its operator set up, with all that was FleetHub's there before."""
    return is_wired(want.attrs) and not want.material.node.consumer


def own_files(item: NodeState) -> dict[str, Blob]:
    """Of what lies there, the files that still are as FleetHub wrote them, for it or for what it takes the place of."""
    left = {path: blob for one in item.displaced for path, blob in own_files(one).items()}
    if item.seen is None:
        return left
    known, there = fingerprints(item.locked), item.seen.attrs.files
    blobs = item.seen.telemetry.files
    mine = {p: blobs[p] for p, ours in known.items() if p in blobs and p in there and there[p].fingerprint in ours}
    return {**left, **mine}


def telling(want: NodeResource | None) -> Query | None:
    """What makes its process take over a file that it must be told of; None: it has no such file, or nothing does."""
    if want is None or not is_host(want.material.node) or not any(file.of.told for file in want.material.files):
        return None
    kind = nodetypes.of(want.material.node)
    return kind.tell(want.material.node) if kind is not None else None


def knows_its_key(item: NodeState) -> bool:
    """Whether nothing changes of what its process must be told of, and an apply has told it of that.

    What was delivered, and its mark does not say is in use, was not told: the file alone lies there as it is wanted.
    """
    used = item.seen is not None and bool(item.seen.attrs.activated)
    return used and to_deliver(item) and all(file.of.hot for file in changed_files(item))


def needs_restart(item: NodeState) -> bool:
    """Whether its process must be a new one for what is wanted: a changed config is taken over while it runs, and
    files that are put back as they were applied are what it runs with, unless an apply that broke off began others.
    """
    if item.want is None:
        return True
    applied = item.locked.attrs if item.locked else None
    if applied is None and item.seen is not None and is_wired(item.want.attrs):
        if item.seen.attrs.marked and item.seen.attrs.activated is False:
            return True  # an apply brought it, and what was to make the process use it failed
        applied = item.seen.attrs  # it runs with what its operator wrote
    if applied is None:
        return True
    wanted = item.want.attrs.files
    begun = item.locked.pending.attrs if item.locked and item.locked.pending else None
    sides = [side.files for side in (applied, begun) if side is not None]
    if item.seen is not None and item.seen.attrs.marked and item.seen.attrs.activated and not by_hand(item.want):
        sides = [item.seen.attrs.files]  # it runs with what is there, whatever an apply that broke off meant to bring
    told = telling(item.want) is not None

    return any(
        not (file.of.hot or (told and file.of.told))
        and _other(item, file.path, side.get(file.path, FileAttrs()), wanted[file.path])
        for file in item.want.material.files
        for side in sides
    )


def _other(item: NodeState, path: str, one: FileAttrs, wanted: FileAttrs) -> bool:
    """Whether a process may have started with something else than is wanted; ``before``: what was begun earlier.

    What is wanted no more of somebody else's file is nothing else: it stays there, or nothing reads it, and a process
    that nothing is new for is not made a new one by its operator's command.
    """
    if {*(one.before or ())} - {wanted.fingerprint}:
        return True
    begun = one.owned_before or {}
    if any({*begun.get(name, ())} - {text} for name, text in (wanted.owned or {}).items()):
        return True
    if wanted.owned is None:
        return one.owned is not None or one.fingerprint != wanted.fingerprint
    had = _owned_then(item, path) if one.owned is None else one.owned
    return had is None or any(had.get(name) != text for name, text in wanted.owned.items())


def _owned_then(item: NodeState, path: str) -> Mapping[str, str] | None:
    """FleetHub's part of a file from when it was all FleetHub's; None where it is no longer as it was applied."""
    there = item.seen.attrs.files.get(path) if item.seen else None
    if item.seen is None or there is None:
        return None
    blob, applied = item.seen.telemetry.files.get(path), item.seen.telemetry.applied.get(path)
    same = blob is not None and applied is not None and blob.sha256() == applied.sha256()
    return there.owned if same else None


def by_hand(want: NodeResource | None) -> bool:
    """Whether somebody else restarts the node: the spec says never, or gives no command."""
    if want is None:
        return False
    node = want.material.node
    kind = nodetypes.of(node)
    return is_host(node) and (node.activate == "never" or kind is None or not kind.activation(node))


def unused_until_restart(item: NodeState) -> bool:
    """Whether a delivery leaves a process running that knows only the old set, until somebody restarts it."""
    runs = item.seen is not None and item.seen.telemetry.listening is not False
    return by_hand(item.want) and needs_restart(item) and runs


def restart_by_hand(want: NodeResource) -> Blocker:
    """What such a node waits for."""
    node = want.material.node
    kind = nodetypes.of(node)
    argv = kind.activation(node) if kind else ()
    folder = "/" + node.target.split("/", 3)[3]
    how = f"there: cd {shlex.quote(folder)} && {shlex.join(argv)}" if argv else "there, with its new variables"
    return Blocker(Why.WAITS, f"waits until {node.name} is seen restarted; restart it {how}", "activation")


def waits_for_hand(item: NodeState) -> Blocker | None:
    """Set when the node has what is wanted, and only its restart by hand is missing."""
    want, seen = item.want, item.seen
    behind = seen is not None and seen.attrs.activated is False
    if behind and seen is not None and telling(want) is not None:  # it can be told, once it is the one to be told
        behind = seen.telemetry.old or not seen.telemetry.listening
    return restart_by_hand(want) if want and behind and by_hand(want) and not to_deliver(item) else None


def outrun(item: NodeState) -> Blocker | None:
    """Set when the process would call models with a key that may not: another key, and models that the old one lacks.

    A gateway takes its new config over while it runs, and its new variables when it restarts: for as long as that
    takes (a crash in between, a restart by hand) it would be refused.
    """
    if item.want is None or item.locked is None or not is_host(item.want.material.node) or not rewires(item):
        return None
    applied = in_use(item)
    new = {a.owner: (a, models) for a, models in item.want.needs.items() if a.kind == "key"}
    for old, models in sorted(applied.items()):
        key, wanted = new.get(old.owner, (old, models))
        if old.kind == "key" and old not in item.want.needs and wanted - models:
            return Blocker(
                Why.POLICY,
                f"its key on {old.owner} changes from {old.alias} to {key.alias}, and its models to ones that "
                f"{old.alias} may not call ({', '.join(sorted(wanted - models))}): change its key in one apply, "
                "its models in the next",
            )
    return None


def lacks_wiring(item: NodeState) -> bool:
    """Whether a file that says what the node calls, where or with which key is not there: then it calls nothing."""
    there: Mapping[str, FileAttrs] = item.seen.attrs.files if item.seen else {}
    return item.want is None or any(f.of.wiring and f.path not in there for f in item.want.material.files)


def touches_wiring(item: NodeState) -> bool:
    """Whether a delivery changes what the node calls, where, or with which key: then it needs a proof."""
    return any(file.of.wiring for file in changed_files(item))


def changed_files(item: NodeState) -> list[RenderedFile]:
    """The rendered files that do not lie there as wanted."""
    if item.want is None:
        return []
    there: Mapping[str, FileAttrs] = item.seen.attrs.files if item.seen else {}
    return [file for file in item.want.material.files if there.get(file.path) != item.want.attrs.files[file.path]]


def rewires(item: NodeState) -> bool:
    """Whether a delivery changes what the node calls while its process runs."""
    return any(file.of.wiring and file.of.hot for file in changed_files(item))


def fingerprints(locked: NodeLocked | None) -> dict[str, frozenset[str]]:
    """What FleetHub wrote there, or began to write, by path: after a crash either may lie there."""
    begun = locked.pending.attrs if locked and locked.pending else None
    found: dict[str, frozenset[str]] = {}
    for side in files_of(locked.attrs if locked else None, begun):
        for path, file in side.items():
            ours = {file.fingerprint} if file.fingerprint else set()
            found[path] = found.get(path, frozenset()) | ours | frozenset(file.before or ())
    return found


def begun(attrs: NodeAttrs, before: Pending[NodeAttrs] | None) -> NodeAttrs:
    """What an apply begins of a node, with what one before it began and may have delivered: ``before`` of each file."""
    if before is None or before.attrs is None:
        return attrs
    files = dict(attrs.files)
    for path, file in before.attrs.files.items():
        mine = files.get(path, FileAttrs())
        known = {*(file.before or ()), *filter(None, [file.fingerprint])} - {mine.fingerprint}
        owned = _owned_before(mine, file)
        files[path] = replace(mine, before=tuple(sorted(known)) or mine.before, owned_before=owned or None)
    return replace(attrs, files=files)


def _owned_before(mine: FileAttrs, begun: FileAttrs) -> dict[str, tuple[str, ...]]:
    """By pointer, what applies before this one began to write of a file that is somebody else's, and it does not."""
    found = {name: {*texts} for name, texts in (begun.owned_before or {}).items()}
    for name, text in (begun.owned or {}).items():
        found.setdefault(name, set()).add(text)
    now = mine.owned or {}
    return {name: tuple(sorted(more)) for name, texts in sorted(found.items()) if (more := texts - {now.get(name)})}


def left_running(locked: NodeLocked, want: NodeResource) -> tuple[str, str] | None:
    """What an apply started where something of another project, or of no project, is to be, and nothing would end: its
    Compose project (empty: none), and why that must not be. None where nothing is left.
    """
    if locked.source.id != want.source.id or _is_operators(want):  # its operator's it is to run on
        return None
    down, has = ending(replace(locked, by_hand=False))[0], want.attrs.project
    sides = (locked.attrs, locked.pending.attrs if locked.pending else None)
    had = next((side.project for side in sides if side and side.project), "")
    if not down or had == has or not (had or has):
        return None
    runs = (
        f"the Compose project {had!r} runs at {want.source.at}" if had else f"{shlex.join(down)} ends what runs there"
    )
    if had and has:
        return had, f"{runs}, and would be {has!r}: a second stack beside the first"
    return had, f"{runs}, and nothing would end it as a node of type {want.material.node.type} comes there"


def ending(locked: NodeLocked) -> tuple[tuple[str, ...], tuple[str, ...], str]:
    """How a removed node's process is ended: the command, what tells whether it can be run there, what a human does
    where it is not run. Nothing for a folder or a consumer: no process of FleetHub's is known of it.
    """
    if "://" not in locked.source.at or locked.source.of.startswith("consumer."):
        return (), (), ""
    sides = (locked.attrs, locked.pending.attrs if locked.pending else None)
    if any(map(is_wired, sides)):
        return (), (), ""  # it was running before FleetHub knew of it
    project = next((side.project for side in sides if side and side.project), "")
    down = nodetypes.removal(project) or next((side.stop for side in sides if side and side.stop), ())
    says = f"end it there by hand: {shlex.join(down)}" if down else "end its gateway there by hand"
    return ((), (), says) if locked.by_hand or not down else (down, nodetypes.removable() if project else (), says)
