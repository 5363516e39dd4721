"""Rollback: an ordinary plan toward the spec of an earlier apply, which then is the spec again.

The spec's files get the text of then, so that the plan after it is empty and a diff shows what was taken back. Secrets
stay as they are now: a generation that was raised since is raised in that text too, for a value that was deleted never
comes back. What [[moved]] gave another name since gets its old one by [[moved]], so that no key is made anew for a
name. Templates, and files that the spec only names, are as they are now.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from fleethub import folders
from fleethub.fleetspec import Loaded, load
from fleethub.fleetspec.edit import with_values
from fleethub.model.address import Address
from fleethub.model.dataclass import dataclass
from fleethub.model.edit import EditError, Proposal, WrittenEdit
from fleethub.model.errors import SpecError
from fleethub.model.exit import Exit
from fleethub.model.finding import STOPS, Finding, Severity
from fleethub.model.fleet import Fleet
from fleethub.model.history import HistoryEntry
from fleethub.model.observation import Lockfile
from fleethub.model.plan import Result
from fleethub.model.text import moment
from fleethub.operations import apply, history
from fleethub.operations.apply import ApplyInput, Sink
from fleethub.operations.edit_write import write
from fleethub.operations.held import HeldPlan, StalePlan
from fleethub.operations.outcome import Outcome
from fleethub.operations.plan import plan_exit, read_and_plan
from fleethub.operations.stores import lockfile_of
from fleethub.operations.text_diff import diff_lines
from fleethub.operations.trust import Trusting
from fleethub.operations.workplace import Workplace

STATE = "put the spec of then into place by hand (fleethub log show SERIAL --full), with the [state] of now"


@dataclass(frozen=True, slots=True)
class _Kept:
    """What the store has: of a serial the entry and the spec, the lockfile of now, the digests of all specs."""

    made: HistoryEntry
    spec: history.SpecFiles | None
    lockfile: Lockfile | None
    specs: frozenset[str]


@dataclass(frozen=True, slots=True)
class Rollback:
    """What a rollback would do: ``proposal`` to the spec, ``held`` to the fleet; None where it is refused before."""

    serial: int
    proposal: Proposal
    held: HeldPlan | None = None

    @property
    def possible(self) -> bool:
        """Whether a yes would change anything."""
        if self.proposal.refused or self.held is None:
            return False
        plan = self.held.plan
        return bool(plan.doable or (self.proposal.files and not plan.changes))


def prepare(path: Path, serial: int, asked: ApplyInput, trusting: Trusting | None = None) -> Outcome[Rollback]:
    """The spec of then, and the plan toward it; writes nothing. It may start from a spec that does not hold together.

    Raises NotKept, EditError, SpecError, and what opening a fleet raises.
    """
    now = load(path)
    root = history.root_of(now, path)
    kept = _kept(now, root, serial, trusting)
    made, spec = kept.made, kept.spec
    if spec is None:
        known = f"; git may have it: git show {made.commit.removesuffix('-dirty')}:./fleet.toml" if made.commit else ""
        raise history.NotKept(f"the spec of apply {serial} is not kept here{known}")
    files = _files(path, root, now, spec, kept.lockfile)
    fleet = _fleet(path, files)
    if now.fleet is not None and fleet.state != now.fleet.state:
        raise EditError("by-hand", "[state] was another then, and the state is where it is now", STATE)
    proposal = Proposal(
        action="rollback",
        says=f"roll back to the spec of apply {serial} ({moment(made.at)} by {made.by or 'somebody'})",
        address=Address("fleet", fleet.name),
        project="",
        force=False,
        root=fleet.root,
        main=spec.main,
        before=now.digest,
        after=fleet.digest,
        overcommit=fleet.policy.overcommit,
        files=files,
        diff=tuple(diff_lines(now.texts, files)),
        notes=_notes(made.commit, made.part, files),
    )
    if lost := _lost(kept.specs, now, fleet, files):
        return Outcome(Rollback(serial, replace(proposal, findings=(lost,))), Exit.REFUSED, (lost,))
    with Workplace(path, files, trusting) as workplace:
        held = read_and_plan(workplace, apply.planned_as(workplace, asked))
    plan = replace(held.plan, findings=tuple(_meant(f, serial) for f in held.plan.findings))
    return Outcome(Rollback(serial, replace(proposal, plan=plan), held), plan_exit(plan), plan.findings)


def run(
    path: Path,
    made: Rollback,
    asked: ApplyInput,
    trusting: Trusting | None = None,
    sinks: tuple[Sink, ...] = (),
    wait: float = 0,
) -> tuple[WrittenEdit | None, Outcome[Result]]:
    """Under the fleet's lock (``wait``: seconds to wait for it): plan once more, write the spec, carry the plan out.

    Raises StalePlan and SpecChanged (nothing was written or done), and what ``apply.carry_out`` raises. Who is killed
    after the spec was written has the spec of then: the next plan says what is still to be done.
    """
    if made.held is None:
        raise ValueError("a refused rollback is not carried out")
    asked = replace(asked, action=f"rollback to {made.serial}")
    with Workplace(path, made.proposal.files, trusting, wait=wait) as before, before.lock("rollback"):
        now = read_and_plan(before, made.held.input)
        if moved := made.held.moved(now):
            raise StalePlan(moved)
        written = write(made.proposal) if made.proposal.files else None
        if not now.plan.doable:
            return written, Outcome(Result(now.plan, False, serial=now.plan.serial), plan_exit(now.plan))
        with Workplace(path, trusting=trusting, store=lambda *_: before.store) as after:
            return written, apply.carry_out(after, now, asked, sinks)


def _meant(finding: Finding, serial: int) -> Finding:
    """A stop with the command that lets this pass."""
    if finding.code not in STOPS:
        return finding
    return replace(finding, hint=finding.hint.replace("fleethub apply", f"fleethub rollback {serial}"))


def _kept(now: Loaded, root: Path, serial: int, trusting: Trusting | None) -> _Kept:
    """What the store has of a serial."""
    store = history.store_of(now, root, trusting)
    try:
        made, _ = history.of_serial(store, serial)
        return _Kept(made, history.spec_of(store, made), lockfile_of(store), frozenset(store.names("specs")))
    finally:
        store.close()


def _files(
    path: Path, root: Path, now: Loaded, spec: history.SpecFiles, lockfile: Lockfile | None
) -> Mapping[str, bytes | None]:
    """What changes on disk: the texts of then, and what an include would find now and did not find then goes."""
    if now.texts and next(iter(now.texts)) != spec.main:
        raise EditError("by-hand", f"the spec of then is {spec.main}, and this one is {next(iter(now.texts))}")
    wanted: dict[str, bytes | None] = {**spec.files}
    while more := {name: None for name in load(path, wanted).texts if name not in wanted}:
        wanted |= more
    then = load(path, wanted)
    if then.fleet is None:
        raise SpecError(tuple(f for f in then.findings if f.severity is Severity.ERROR))
    if higher := _generations(then.fleet, now.fleet, lockfile):
        wanted |= with_values(then, {(*block, "generation"): number for block, number in higher.items()}).files
    if back := _names_back(then.fleet, now.fleet):
        blocks = "".join(f'\n[[moved]]\nfrom = "{new}"\nto = "{old}"\n' for new, old in back.items())
        renamed = wanted | {spec.main: (wanted[spec.main] or b"") + blocks.encode()}
        if load(path, renamed).fleet is not None:
            wanted = renamed
    return {name: data for name, data in wanted.items() if _there(root, name, now) != data}


def _there(root: Path, name: str, now: Loaded) -> bytes | None:
    """What is in a file, also in one that the spec of now, where it is broken, was not read as far as."""
    if name in now.texts:
        return now.texts[name]
    return (root / name).read_bytes() if folders.is_file(root / name) else None


def _generations(then: Fleet, now: Fleet | None, lockfile: Lockfile | None) -> dict[tuple[str, ...], int]:
    """Of each key and node of then, the generation that it has reached, where that is higher."""
    reached: dict[tuple[str, ...], int] = {}
    for address, record in lockfile.resources.items() if lockfile else ():
        block = {"key": "keys", "node": "nodes"}.get(address.kind, "")
        name = (block, address.alias)
        reached[name] = max(reached.get(name, 1), record.generation)
    for block, named in (("keys", now.keys), ("nodes", now.nodes)) if now is not None else ():
        for name_, one in named.items():
            reached[block, name_] = max(reached.get((block, name_), 1), one.generation)
    written: dict[tuple[str, ...], int] = {("keys", k.name): k.generation for k in then.keys.values()}
    written |= {("nodes", n.name): n.generation for n in then.nodes.values()}
    return {name: reached[name] for name, generation in written.items() if reached.get(name, 1) > generation}


def _names_back(then: Fleet, now: Fleet | None) -> dict[Address, Address]:
    """Of what the spec of now renames, the new name -> the one that it had then, where the spec of then has that."""
    had = {Address("proxy", name) for name in then.proxies} | {Address("backend", name) for name in then.backends}
    had |= {node.address for node in then.nodes.values()}
    had |= {Address("key", name) for name in (*then.keys, *(node.key for node in then.nodes.values()))}
    moved = now.moved.items() if now is not None else ()
    return {new: old for old, new in moved if old in had and new not in had}


def _fleet(path: Path, files: Mapping[str, bytes | None]) -> Fleet:
    loaded = load(path, files)
    if loaded.fleet is None:
        raise SpecError(tuple(f for f in loaded.findings if f.severity is Severity.ERROR))
    return loaded.fleet


def _lost(specs: frozenset[str], now: Loaded, fleet: Fleet, files: Mapping[str, bytes | None]) -> Finding | None:
    """Why files must not be overwritten: neither git nor the history has what is in them."""
    from fleethub.clients import git

    there = tuple(name for name in files if name in now.texts)
    if not there or now.digest.removeprefix("sha256:") in specs:
        return None
    try:
        unknown = sorted(set(there) - git.committed(Path(fleet.root), there))
    except git.GitError as error:
        unknown, why = sorted(there), f" ({error})"
    else:
        why = ""
    if not unknown:
        return None
    says = f"{', '.join(unknown)} has edits that nobody committed and no apply carried, and they would be lost{why}"
    hint = f"commit them (git commit {' '.join(unknown)}) or put a copy aside, then run this again"
    return Finding("spec.uncommitted", says, Address("fleet", fleet.name), hint=hint)


def _notes(commit: str, part: bool, files: Mapping[str, bytes | None]) -> tuple[str, ...]:
    found = [f"that apply was of commit {commit}"] if commit else []
    found += ["that apply left a part of the fleet out; this is about all of it"] if part else []
    found += ["git diff shows what becomes of the spec"] if files and commit else []
    return tuple(found)
