"""Edits of the spec by command or by HTTP: propose, show, write. Nothing here applies anything.

``propose`` reads and judges, and changes nothing. ``write`` writes what was proposed if the spec is still the one that
it was proposed for; ``refuse`` remembers that somebody wanted what belongs to somebody else.
"""

from __future__ import annotations

import json
import secrets
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from difflib import unified_diff
from pathlib import Path
from typing import Any
from unicodedata import normalize

from fleethub import folders
from fleethub.atomic import create
from fleethub.atomic import replace as write_file
from fleethub.fleetspec import Loaded, load
from fleethub.fleetspec.edit import edited
from fleethub.fleetspec.report import redacted, shown
from fleethub.model.address import node as node_address
from fleethub.model.edit import (
    ACTIONS,
    Assign,
    Edit,
    EditError,
    NotCommitted,
    Proposal,
    Register,
    Release,
    SetFields,
    SpecChanged,
    Written,
)
from fleethub.model.facts import Facts
from fleethub.model.finding import Finding, Severity, SourceLocation
from fleethub.model.fleet import Fleet, Node
from fleethub.operations import Planned, SpecError, Workplace
from fleethub.operations.allowed import target_finding
from fleethub.operations.trust import Trusting
from fleethub.placement.assess import assess, planned_sets
from fleethub.stores.history import History
from fleethub.stores.history import read as history
from fleethub.stores.interface import LockedError
from fleethub.stores.lock import local_lock, who

__all__ = [
    "Assign", "EditError", "LockedError", "NotCommitted", "Proposal", "Register", "Release", "SetFields", "SpecChanged",
    "Written", "entry_of", "finish", "propose", "refuse", "uncommitted", "write",
]  # fmt: skip

#: Below the fleet's folder.
HISTORY = ".fleethub/history.ndjson"
LOCK = ".fleethub/edit.lock"
#: The edit that is being written.
BEGUN = ".fleethub/edit.json"


def propose(
    path: Path,
    edit: Edit,
    project: str = "",
    force: bool = False,
    facts: Facts | None = None,
    trusting: Trusting | None = None,
    api: bool = False,
) -> Proposal:
    """What an edit would do, judged as a whole; writes nothing. ``api``: it comes by HTTP.

    ``project`` is who asks: an entry with an owner may only be edited by that owner (case does not count), or with
    ``force``, which hands the entry over to ``project``. ``facts``: what to plan with; without them it is read now.
    Raises SpecError when the spec as it is does not hold together, and EditError.
    """
    project = _project(project)
    spec = load(path)
    if spec.fleet is None:
        raise SpecError(spec.findings)
    fleet = spec.fleet
    node = fleet.nodes.get(edit.node)
    proposal = Proposal(
        action="set" if isinstance(edit, Register) and node is not None else ACTIONS[type(edit)],
        says=redacted(_says(edit)),
        address=node_address(redacted(edit.node)),
        project=redacted(project),
        force=force,
        root=spec.fleet.root,
        main=next(iter(spec.texts)),
        before=spec.fleet.digest,
        after=spec.fleet.digest,
        overcommit=spec.fleet.policy.overcommit,
    )
    if node is not None:
        proposal = _owned(proposal, node, project)
        if isinstance(edit, Release) and node.protected and not proposal.findings:
            message = f"{node_address(node.name)} is protected, so it is not released"
            hint = f"fleethub node set {node.name} protected=false, and apply that, first"
            protected = Finding("resource.protected", message, node_address(node.name), node.place, hint)
            proposal = replace(proposal, findings=(protected,))
        if proposal.findings:
            return proposal
    elif isinstance(edit, Register) and project and not edit.fields.get("owner"):
        edit = Register(edit.node, {**edit.fields, "owner": project})
    taker = project if proposal.displaced else ""
    proposal = _shared(proposal, spec.fleet, edit, project)
    if proposal.findings:
        return proposal
    made = edited(spec, edit, taker)
    proposal = replace(proposal, files=made.files, notes=made.notes)
    if not made.files:
        return proposal
    says = isinstance(edit, SetFields | Register) and "target" in edit.fields
    return _judged(path, spec, proposal, facts, trusting, lambda node: target_finding(fleet, node, says, api))


def _judged(
    path: Path,
    spec: Loaded,
    proposal: Proposal,
    facts: Facts | None,
    trusting: Trusting | None,
    policy: Callable[[Node], Finding | None],
) -> Proposal:
    """The proposal with what the policy, the new spec's validation and its plan say of it."""
    try:
        after = Workplace(path, proposal.files, trusting)
    except SpecError as error:
        return replace(proposal, findings=tuple(f for f in error.findings if f.severity is Severity.ERROR))
    node = after.fleet.nodes.get(proposal.address.name)
    refused = policy(node) if node is not None else None
    if refused is not None:  # before anything is read there
        after.__exit__()
        return replace(proposal, findings=(refused,))
    with after:
        made = _planned(spec, after, facts)
    return replace(
        proposal,
        after=after.fleet.digest,
        diff=tuple(_diff(spec.texts, proposal.files)),
        plan=made.plan,
        conflicts=tuple(_added(spec, made)),
    )


def _planned(spec: Loaded, after: Workplace, facts: Facts | None) -> Planned:
    """The plan with the edit; what is read now is read of the models without it too, to tell what it adds."""
    from fleethub.planning.sources import merged, sources

    if facts is None and spec.fleet is not None and after.refused() is None:
        wanted = sources(after.fleet, after.wanted(after.fleet), after.store.read().lockfile)
        facts = after.read(merged((*wanted, *sources(spec.fleet, {}, None))))
    return after.plan(facts=facts)


def _added(spec: Loaded, made: Planned) -> Iterable[Finding]:
    """Capacity errors that the edit brings: those of backends that had none, or whose sum it makes larger."""
    if spec.fleet is None or not (found := _capacity(made.plan.findings)):
        return
    fleet, planned = spec.fleet, made.lockfile.planned if made.lockfile else {}
    sets = planned_sets(fleet)
    was = {
        name: assess(fleet, backend, made.facts, planned.get(name, ()), sets.get(name, ()))
        for name, backend in fleet.backends.items()
    }
    now = {load.backend: load.after for load in made.plan.loads}
    for finding in found:
        name = finding.address.name if finding.address else ""
        had = _capacity(was[name].findings) if name in was else []
        sums = (was[name].load.after, now.get(name)) if name in was else (None, None)
        before, after = sums
        grew = finding not in had if before is None or after is None else after > before
        if not had or grew:
            yield finding


def _capacity(findings: Iterable[Finding]) -> list[Finding]:
    return [f for f in findings if f.code.startswith("capacity.") and f.severity is Severity.ERROR]


def entry_of(node: Node) -> dict[str, Any]:
    """A node's whole entry as plain values, for whoever is told that it is not theirs."""
    return {
        "node": node.name,
        "owner": node.owner,
        "host": node.host,
        "type": node.type,
        "target": node.target,
        "model": str(node.chain[0]),
        "fallbacks": [str(hop) for hop in node.chain[1:]],
        "key": node.key,
        "port": node.port,
        "labels": dict(node.labels),
        "protected": node.protected,
        "place": str(node.place) if node.place else None,
    }


def _owned(proposal: Proposal, node: Node, project: str) -> Proposal:
    """Judge who asks. Self-declared: it keeps sessions out of each other's way, and is no authentication."""
    if not node.owner or _one(project) == _one(node.owner):
        return proposal
    if project and proposal.force:
        return replace(proposal, entry=entry_of(node), displaced=node.owner)
    return _refused(proposal, f"{node_address(node.name)} belongs to", node.owner, project, entry_of(node), node.place)


def _shared(proposal: Proposal, fleet: Fleet, edit: Edit, project: str) -> Proposal:
    """Judge who takes others' key for a node: it would call with their limits, and widen their scope by its chain."""
    name = edit.fields.get("key") if isinstance(edit, SetFields | Register) else None
    node = fleet.nodes.get(edit.node)
    if not isinstance(name, str) or (node is not None and node.key == name):
        return proposal
    key = fleet.keys.get(name)
    users = [n for n in fleet.nodes.values() if n.key == name and n.name != edit.node]
    entries = [{"key": name, "owner": key.owner, "place": str(key.place)}] if key else []
    owned = [entry for entry in (*entries, *map(entry_of, users)) if entry["owner"]]
    if not owned or _one(project) in {_one(entry["owner"]) for entry in owned}:
        return proposal
    entry, owner = owned[0], owned[0]["owner"]
    if project and proposal.force:
        return replace(proposal, entry=entry, displaced=proposal.displaced or owner)
    place = key.place if key else users[0].place
    return _refused(proposal, f"the key {name} belongs to", owner, project, entry, place)


def _one(name: str) -> str:
    """A name of a project as it is compared: case, blanks around it and the way accents are encoded do not count."""
    return normalize("NFC", name.strip().casefold())


def _refused(
    proposal: Proposal, whose: str, owner: str, project: str, entry: Mapping[str, Any], place: SourceLocation | None
) -> Proposal:
    mine = f"--project {shlex.quote(owner)} (or FLEETHUB_PROJECT) if it is yours"
    if project:
        message = f"{whose} {owner}, not to {shown(project)}"
        hint = f"ask {owner}; or take it over with --force, which is recorded"
    elif proposal.force:
        message = f"{whose} {owner}, and no project is named that takes it over"
        hint = f"{mine}; else --project YOURS --force"
    else:
        message, hint = f"{whose} {owner}, and no project is named", mine
    finding = Finding("node.owned", message, proposal.address, place, hint)
    return replace(proposal, findings=(finding,), entry=entry)


def _project(name: str) -> str:
    name = name.strip()
    if len(name) > 128 or not name.isprintable():
        raise EditError("bad-project", "a project's name is at most 128 visible characters on one line")
    return name


def _says(edit: Edit) -> str:
    if isinstance(edit, Assign):
        return f"assign {edit.model} to {edit.node}"
    if isinstance(edit, SetFields):
        return f"set {', '.join(edit.fields)} of {edit.node}"
    return f"{ACTIONS[type(edit)]} {edit.node}"


def _diff(before: Mapping[str, bytes], after: Mapping[str, bytes | None]) -> Iterable[str]:
    """Unified diff lines, without what a comment may hold of secrets or of what a terminal obeys."""
    for name, data in after.items():
        old, new = (text.decode().replace("\r\n", "\n").split("\n") for text in (before.get(name, b""), data or b""))
        names = (name if name in before else "/dev/null", name if data is not None else "/dev/null")
        for side in (old, new):
            if side[-1] == "":
                side.pop()
        yield from (redacted(line.replace("\t", "    ")) for line in unified_diff(old, new, *names, lineterm=""))


def write(proposal: Proposal, commit: bool = False, by: str = "") -> Written:
    """Write a proposal, whole file by whole file, and record it; ``by``: who does (user@host of this process).

    Raises SpecChanged (nothing was written), NotCommitted (all was written), LockedError, OSError; ValueError for a
    proposal that is refused. One that changes nothing writes nothing.
    """
    from fleethub.clients import git

    if proposal.refused:
        raise ValueError("a refused edit is not written")
    if not proposal.files:
        return Written((), proposal.before)
    root = Path(proposal.root)
    names = tuple(proposal.files)
    with local_lock(root / LOCK, proposal.says), History(root / HISTORY) as log:
        _finish(root, log)
        spec = load(root / proposal.main)
        if spec.digest != proposal.before:
            raise SpecChanged("the spec was changed meanwhile, so nothing was written; do it again on what it says now")
        notes = uncommitted(proposal) if commit else ()
        edit = secrets.token_hex(6)
        begun = {"main": proposal.main, "line": _line(proposal, by, says=proposal.says, edit=edit)}
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
            log.append(_line(proposal, by, says=proposal.says, commit=made, edit=edit))
        except OSError:
            if not made:  # what cannot be recorded is not written; a commit is a record of its own
                _put_back(root, names, spec.texts)
            (root / BEGUN).unlink(missing_ok=True)
            raise
        (root / BEGUN).unlink(missing_ok=True)
    removed = tuple(name for name, data in proposal.files.items() if data is None)
    written = Written(names, proposal.after, removed, made, notes)
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
    except (ValueError, KeyError, TypeError):
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
    """Write them one by one, each whole; when one cannot be written, those before it are put back."""
    done: list[str] = []
    try:
        for name, data in files.items():
            if name not in before and data is not None:
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                create(root / name, data, 0o644)
            else:
                _replace(root / name, data)
            done.append(name)
    except OSError as error:
        _put_back(root, done, before)
        if isinstance(error, FileExistsError):
            raise SpecChanged(f"{error.filename} is there already, so nothing was written") from None
        raise


def _put_back(root: Path, names: Sequence[str], before: Mapping[str, bytes]) -> None:
    for name in reversed(names):
        _replace(root / name, before.get(name))


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
