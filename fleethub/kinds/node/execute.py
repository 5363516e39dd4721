"""Node steps: deliver the files, activate them, wait until the node has settled, remove what a dropped block left."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from fleethub.clients.host import Activation, Bundle, HostError, Target, ask, copy
from fleethub.clients.resolver import SecretError
from fleethub.kinds.compare import marked
from fleethub.kinds.execution import Context, Handler, NotActivated, StepError
from fleethub.kinds.node.actions import Activate, CopyFolders, Deliver, NodeFile, RemoveNode, Settle, StopNode
from fleethub.kinds.node.merging import merged
from fleethub.kinds.node.projection import Unreadable, guessed, said_in
from fleethub.kinds.node.restoring import restored
from fleethub.model.secret import SENSITIVE, Blob

HOT = 5.0  # seconds in which a gateway that runs answers
ANSWERS = ("healthy", "unasked")


def deliver(do: Deliver, context: Context) -> tuple[str, ...]:
    """Fill the secrets in, let the node check the set, put the files in place, the mark last."""
    try:
        files = [(file.path, _bytes(file, context), file.mode) for file in do.files]
        mark = _mark(do, context, activated=do.activated)
        bundle = Bundle(
            files=files,
            mark=mark,
            folders=do.folders,
            uid=do.uid,
            expects=do.expects,
            stale=do.stale,
            keep=do.keep,
            private=do.private,
            owners=do.owners,
            checks=do.checks,
            restart=do.restart,
            port=do.port,
        )
        done = context.hosts.at(do.source.at).deliver(bundle)
    except (HostError, SecretError, Unreadable) as error:
        raise StepError(_safe(str(error), do.files, context)) from None
    unchecked = [f"{name}: not at hand on every node; FleetHub's own checks were made" for name in done.unchecked]
    return (*unchecked, *_kept(do.source.at, done.kept))


def _bytes(file: NodeFile, context: Context) -> bytes:
    """A rendered file with its secrets; or FleetHub's part put into what is there. Raises Unreadable."""
    if file.merge is None:
        return context.resolver.fill(file.text)
    there = file.merge.there.reveal() if file.merge.there is not None else b""
    try:
        return merged(
            file.merge.format, file.merge.projection, there, lambda text: context.resolver.fill(text).decode()
        )
    except Unreadable as error:
        raise Unreadable(f"{file.path}: {error}") from None


def _kept(target: str, kept: Iterable[str]) -> Iterable[str]:
    """``ssh://…/volta: .env as it was is kept there in .fleethub/overwritten/20260102T030405Z``."""
    folders: dict[str, list[str]] = {}
    for path in kept:
        parts = path.split("/")
        folders.setdefault("/".join(parts[:3]), []).append("/".join(parts[3:]))
    for folder, paths in folders.items():
        yield f"{target}: what somebody else wrote into {', '.join(paths)} is kept there in {folder}"


def activate(do: Activate, context: Context) -> tuple[str, ...]:
    """Make the node use its set, and write so into its mark; a node that does not come up gets its old set back."""
    try:
        target = context.hosts.at(do.source.at)
        problem = _start(do, target) or _told(do, target) or _proved(do, target)
        if problem:
            back = "".join(f"; at {at} it is ended, and whole: that target again starts it there" for at in do.ended)
            raise NotActivated(_safe(f"{problem}; {_back(do, target)}{back}", do.files, context))
        target.stamp(_mark(do, context, activated=True))
    except HostError as error:
        raise StepError(str(error)) from None
    return ()


def _mark(do: Deliver | Activate, context: Context, activated: bool) -> dict[str, object]:
    digests = {file.path: file.digest or context.resolver.text(file.text) for file in do.files}
    mark = {**context.mark(do.generation), "digests": digests, **marked(do.found)}
    return {**mark, "activated": _now()} if activated else mark


def _safe(message: str, files: Iterable[NodeFile], context: Context) -> str:
    """A message with words of a program that read the node's secrets: not passed on when one of FleetHub's is in it,
    and without any value of files that are somebody else's.
    """
    files = tuple(files)
    secrets = {context.resolver.open(slot).reveal() for file in files for slot in file.slots}
    if any(secret in message for secret in secrets if len(secret) > 3):
        return "a program on the node failed, and what it said holds a secret: run it there by hand"
    merges = (file.merge for file in files if file.merge)
    return _masked(message, {t for m in merges if m.there for t in said_in(m.format, m.there.reveal())})


def _masked(message: str, values: Iterable[str]) -> str:
    """A message without any of these values; the longest first, for one may stand in another."""
    for text in sorted((text for text in values if len(text) > 3), key=len, reverse=True):
        message = message.replace(text, SENSITIVE)
    return message


def _start(do: Activate, target: Target) -> str:
    """What is wrong; empty when the gateway answers."""
    if do.hot:
        done = target.activate((), do.port, HOT, fresh=False, path=do.path)
        if done.health in ANSWERS:
            return ""
        if not do.argv:
            return f"the gateway does not answer at 127.0.0.1:{do.port}{do.path}"
        return _problem(target.activate(do.argv, do.port, do.timeout, fresh=False, path=do.path), do)
    return _problem(target.activate(do.argv, do.port, do.timeout, do.fresh, do.path), do)


def _told(do: Activate, target: Target) -> str:
    """What is wrong with telling the process of what it does not see by itself."""
    return ask(target, do.tell) if do.tell is not None else ""


def _proved(do: Activate, target: Target) -> str:
    """Why no turn of the running process succeeds; empty when one does, or none is to be made."""
    problems = []
    for turn in do.turns:
        if not (problem := ask(target, turn)):
            return ""
        problems.append(problem)
    return "; ".join(problems)


def _problem(done: Activation, do: Activate) -> str:
    if done.code:
        return f"{do.argv[0]} ended with {done.code}{f' ({done.said})' if done.said else ''}"
    if done.health == "silent":
        return f"the gateway did not answer at 127.0.0.1:{do.port}{do.path} within {do.timeout:g} s"
    if done.health == "old":
        return f"the process at port {do.port} is still the one from before, which does not know the new set"
    return ""


def _back(do: Activate, target: Target) -> str:
    """Put the old set back and activate it; says what became of it."""
    try:
        back = target.back(do.port)
        if back is None:
            return "there is no older set to put back: its files stay, and the next apply activates them again"
        problem = _start(do, target) or _told(do, target)
        mark = target.read(()).mark
        if problem or mark is None:
            return f"the old set is back, and does not work either ({problem}): look at it by hand"
        target.stamp({**mark, "activated": _now()})
    except HostError as error:
        return f"and the old set could not be put back ({error}): look at it by hand"
    return "; ".join(("the old set is back, and answers", *_kept(do.source.at, back.kept)))


def stop(do: StopNode, context: Context) -> tuple[str, ...]:
    """End what runs at an old place; its files stay."""
    try:
        context.hosts.at(do.source.at).stop(do.argv, do.when, context.lineage, context.serial)
    except HostError as error:
        raise StepError(_masked(str(error), _values(do.there))) from None
    return ()


def copy_folders(do: CopyFolders, context: Context) -> tuple[str, ...]:
    """Take along what a node keeps itself; says how much that is."""
    old, new = context.hosts.at(do.origin.at), context.hosts.at(do.source.at)
    folders = ", ".join(do.folders)
    context.say(f"{folders} of {do.origin.at} are copied to {do.source.at}", 0)
    try:
        done = copy(old, new, do.folders, do.own, context.lineage, context.serial)
    except HostError as error:
        raise StepError(str(error)) from None
    if not done.things:
        return (f"{do.origin.at}: there was nothing in {folders} to copy",)
    how = "copied to" if done.anew else "had been copied before to"
    return (f"{do.origin.at}: {folders} ({done.things} files and folders, {done.bytes} bytes) {how} {do.source.at}",)


def _values(there: Mapping[str, Blob]) -> set[str]:
    """What is said in these files."""
    return {text for path, blob in there.items() for text in said_in(guessed(path), blob.reveal())}


def settle(do: Settle, context: Context) -> tuple[str, ...]:
    """Wait until ``seconds`` have passed since the delivery; nodes that settle together share the wait."""
    passed = 0.0 if do.delivered is not None else _age(do.since)
    context.outlast(do.delivered, do.seconds - passed, "nodes settle on their new config")
    return ()


def remove(do: RemoveNode, context: Context) -> tuple[str, ...]:
    """Remove what is still as applied; what somebody changed, and OpenClaw's own data, stays and is named.

    What somebody else's files were before FleetHub is put back first.
    """
    try:
        target = context.hosts.at(do.source.at)
        before = restored(do.found, {path: blob.reveal() for path, blob in do.there.items()}) if do.found else {}
        if before:
            expects: dict[str, Blob | None] = {path: do.there[path] for path in before}
            files = [(path, data, do.modes.get(path, 0o600)) for path, data in before.items()]
            mark = {**context.mark(0), "digests": {}}
            target.deliver(Bundle(files, mark, expects=expects, owners=frozenset(before), restart=False))
        done = target.remove(do.files, do.argv, do.when, context.lineage, context.serial)
    except (HostError, Unreadable) as error:
        raise StepError(_masked(str(error), _values(do.there))) from None
    stays = [f"{do.source.at}: {', '.join(done.stays)} stays"] if done.stays else []
    runs_on = do.by_hand and (done.unstopped or not do.argv)
    return (*stays, *([f"{do.source.at}: what runs there was not ended; {do.by_hand}"] if runs_on else []))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _age(since: str | None) -> float:
    """Seconds since a node said it was activated; not known counts as just now."""
    if since is None:
        return 0.0
    try:
        return max(0.0, (datetime.now(UTC) - datetime.fromisoformat(since)).total_seconds())
    except (TypeError, ValueError):
        return 0.0


HANDLERS: dict[type, Handler] = {
    Deliver: deliver,
    Activate: activate,
    Settle: settle,
    RemoveNode: remove,
    StopNode: stop,
    CopyFolders: copy_folders,
}
