"""Write a proposed edit into the spec, whole or not at all, and record it in the fleet's history."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from fleethub import folders
from fleethub.atomic import create
from fleethub.atomic import replace as write_file
from fleethub.fleetspec import load
from fleethub.fleetspec.report import redacted
from fleethub.model.edit import NotCommitted, Proposal, SpecChanged, WrittenEdit
from fleethub.stores.history import History
from fleethub.stores.history import read as history
from fleethub.stores.interface import LockedError
from fleethub.stores.lock import local_lock, who

#: Below the fleet's folder.
HISTORY = ".fleethub/history.ndjson"
LOCK = ".fleethub/edit.lock"
#: The edit that is being written.
BEGUN = ".fleethub/edit.json"
#: Seconds that an edit waits for another that is being written, and how often it is made anew on what that one left.
WAIT, TRIES = 5.0, 5
T = TypeVar("T")


def anew(edit: Callable[[], T]) -> T:
    """Propose, judge and write, from the start again where the spec was changed in between: of sessions that edit at
    once each comes to its turn. For who said yes to whatever it does; raises what ``edit`` raises.
    """
    for _ in range(TRIES - 1):
        with suppress(SpecChanged):
            return edit()
    return edit()


def write(
    proposal: Proposal, commit: bool = False, by: str = "", proposed: Mapping[str, str] = MappingProxyType({})
) -> WrittenEdit:
    """Write a proposal, whole file by whole file, and record it; ``by``: who does (user@host of this process).
    ``proposed``: which agent's proposal it was.

    Raises SpecChanged (nothing was written), NotCommitted (all was written), LockedError, OSError; ValueError for a
    proposal that is refused. One that changes nothing writes nothing.
    """
    from fleethub.clients import git

    if proposal.refused:
        raise ValueError("a refused edit is not written")
    if not proposal.files:
        return WrittenEdit((), proposal.before)
    root = Path(proposal.root)
    names = tuple(proposal.files)
    with local_lock(root / LOCK, proposal.says, WAIT), History(root / HISTORY) as log:
        _finish(root, log)
        spec = load(root / proposal.main)
        if spec.digest != proposal.before:
            raise SpecChanged("the spec was changed meanwhile, so nothing was written; do it again on what it says now")
        notes = uncommitted(proposal) if commit else ()
        edit = secrets.token_hex(6)
        begun = {"main": proposal.main, "line": _line(proposal, by, says=proposal.says, edit=edit, **proposed)}
        write_file(root / BEGUN, json.dumps(begun).encode(), 0o600)
        try:
            _put(root, proposal.files, spec.texts)
        except Exception:  # all was put back; whoever is killed or interrupted leaves it to the next
            (root / BEGUN).unlink(missing_ok=True)
            raise
        made, problem = "", ""
        if commit:
            try:
                made = git.commit_only(root, names, f"fleethub: {proposal.says}")
            except git.GitError as error:
                problem = str(error)
        try:
            log.append(_line(proposal, by, says=proposal.says, commit=made, edit=edit, **proposed))
        except OSError:
            if not made:  # what cannot be recorded is not written; a commit is a record of its own
                _put_back(root, names, spec.texts)
            (root / BEGUN).unlink(missing_ok=True)
            raise
        (root / BEGUN).unlink(missing_ok=True)
    removed = tuple(name for name, data in proposal.files.items() if data is None)
    written = WrittenEdit(names, proposal.after, removed, made, notes)
    if problem:
        raise NotCommitted(written, problem)
    return written


def finish(root: Path) -> None:
    """Record an edit whose writer was killed between the spec and the history; never raises, for it is nobody's task.

    Somebody who edits just now does it themselves.
    """
    with suppress(OSError):
        if not folders.exists(root / BEGUN):
            return
    says = "record an edit that was broken off"
    with suppress(OSError, LockedError), local_lock(root / LOCK, says), History(root / HISTORY) as log:
        _finish(root, log)


def _finish(root: Path, log: History) -> None:
    """What was begun is in the history when the spec is no longer as it was before: whole, or as far as it came."""
    try:
        begun = json.loads((root / BEGUN).read_bytes())
        line, now = dict(begun["line"]), load(root / str(begun["main"])).digest
    except FileNotFoundError:
        return
    except (ValueError, KeyError, TypeError, RecursionError):
        (root / BEGUN).unlink(missing_ok=True)  # not one that was written here
        return
    known = any(one.get("edit") == line.get("edit") for one in history(root / HISTORY))
    if now != line.get("before") and not known:
        log.append({**line, "broken_off": "recorded later" if now == line.get("after") else "perhaps not whole"})
    (root / BEGUN).unlink(missing_ok=True)


def refuse(proposal: Proposal, by: str = "") -> None:
    """Record that the owner of an entry stood against an edit; for one that is refused otherwise, nothing is recorded.

    Raises OSError.
    """
    if proposal.owned:
        owner = redacted((proposal.entry or {}).get("owner", ""))
        with History(Path(proposal.root) / HISTORY) as log:
            log.append(_line(proposal, by, refused="node.owned", owner=owner))


def _line(proposal: Proposal, by: str, **more: str) -> dict[str, Any]:
    """A line of the history. What was refused is named by its action alone: its words were never judged."""
    return {
        "by": by or who(),
        "project": proposal.project,
        "action": proposal.action,
        "address": str(proposal.address),
        "force": proposal.force,
        "displaced": redacted(proposal.displaced),
        "before": proposal.before,
        "after": proposal.after,
        **more,
    }


def _put(root: Path, files: Mapping[str, bytes | None], before: Mapping[str, bytes]) -> None:
    """Write them one by one, each whole; when one cannot be written, all are as before."""
    done: list[str] = []
    try:
        for name, data in files.items():
            if name not in before and data is not None:
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                create(root / name, data, 0o644)
            else:
                done.append(name)  # it may be there, and the disk not take its name
                _replace(root / name, data)
                continue
            done.append(name)
    except OSError as error:
        _put_back(root, [name for name in done if _there(root / name) != before.get(name)], before)
        if isinstance(error, FileExistsError):
            raise SpecChanged(f"{error.filename} is there already, so nothing was written") from None
        raise


def _put_back(root: Path, names: Sequence[str], before: Mapping[str, bytes]) -> None:
    for name in reversed(names):
        _replace(root / name, before.get(name))


def _there(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _replace(path: Path, data: bytes | None) -> None:
    """The file with new bytes and its old mode; behind a link it is the link's file. None: it goes."""
    if data is None:
        path.unlink()
        return
    there = path.resolve()
    write_file(there, data, there.stat().st_mode & 0o7777 if folders.exists(there) else 0o644)


def uncommitted(proposal: Proposal) -> tuple[str, ...]:
    """What a commit of this proposal would take along: changes of the same files that nobody has committed."""
    from fleethub.clients import git

    try:
        dirty = git.uncommitted(Path(proposal.root), tuple(proposal.files))
    except git.GitError:
        return ()  # the commit itself says what is wrong with git
    return tuple(f"{name} had changes that were not committed; the commit takes them along" for name in dirty)
