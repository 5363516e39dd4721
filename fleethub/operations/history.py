"""A fleet's history: who did what, when, from where and with which spec; kept bounded.

A line is kept for each apply that wrote (and each order of its kind), with the spec of then beside it, by its digest.
An apply that was killed has no line: that it began is in the lockfile of its serial, and is told from there. The last
thousand lines are kept at least (``stores.interface.LINES``), and the specs of the last ``SPECS`` of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from fleethub import folders
from fleethub.fleetspec import Loaded
from fleethub.lockfile.errors import LockfileError
from fleethub.model.address import CALLERS, PARTS
from fleethub.model.dataclass import dataclass
from fleethub.model.edit import EditError
from fleethub.model.errors import FleetHubError, SpecError
from fleethub.model.exit import Exit
from fleethub.model.history import HistoryEntry, edit_entry, entry
from fleethub.model.observation import Lockfile
from fleethub.model.plan import Action, Result
from fleethub.operations.edit_write import HISTORY
from fleethub.operations.stores import opened
from fleethub.operations.trust import Trusting
from fleethub.stores import open_store
from fleethub.stores.history import read as read_lines
from fleethub.stores.interface import Store, StoreError

if TYPE_CHECKING:
    from fleethub.operations.trust import Trusting

#: Specs that are kept at least; they go when there are twice as many.
SPECS = 100
KILLED = "it was broken off, or done from another clone: how it ended is not recorded here"


class NotKept(FleetHubError):
    """Nothing is kept of a serial, or not what is asked for; the message says what is, and where else to look."""

    code = "history.unknown"


@dataclass(frozen=True, slots=True)
class SpecFiles:
    """The files of a spec by their names below the fleet's folder, the main file first."""

    main: str
    files: Mapping[str, bytes]


def root_of(spec: Loaded, path: Path) -> Path:
    """The fleet's folder, also of a spec that does not hold together."""
    return spec.files[0].parent if spec.files else path if folders.is_folder(path) else path.parent


def store_of(spec: Loaded, root: Path, trusting: Trusting | None = None) -> Store:
    """The store, which is the caller's to close; of a spec that does not hold together only where it is the file store.

    Raises SpecError where no fleet is, EditError, StoreError, and what ``operations.stores.opened`` raises.
    """
    if spec.fleet is not None:
        return opened(spec.fleet, trusting)
    if not spec.texts and not folders.exists(root / ".fleethub"):
        raise SpecError(spec.findings)
    if any(re.search(rb"^\s*\[state\]", text, re.MULTILINE) for text in spec.texts.values()):
        hint = "mend its text, or take it from git, then run this again"
        raise EditError("by-hand", "the spec does not hold together, and where the state is kept stands in it", hint)
    return open_store(root)


def keep_spec(store: Store, digest: str, texts: Mapping[str, bytes]) -> None:
    """Keep the spec that is applied, once. Raises OSError, StoreError."""
    name = _name(digest)
    if not texts or name in store.names("specs"):
        return
    files = {file: data.decode() for file, data in texts.items()}
    store.put("specs", name, {"digest": digest, "main": next(iter(texts)), "files": files})


def record(store: Store, made: HistoryEntry) -> tuple[str, ...]:
    """Add an entry, and let go of specs that only older ones have; says why that could not be done."""
    try:
        store.record(made.line())
        _thin_out(store)
    except (OSError, StoreError) as error:
        return (f"what was done is not in the history: {error}",)
    return ()


def of_result(result: Result, made: HistoryEntry, code: Exit) -> HistoryEntry:
    """What became of an apply, added to what is known of it."""
    undone = {name for name, _ in result.failed} | set(result.skipped)
    held = {step.address for step in result.plan.steps if step.id in undone}
    changes = {
        str(c.address): "not done" if c.address in held else c.action.value
        for c in result.plan.changes
        if c.action is not Action.BLOCKED
    }
    left = [(str(c.address), blocker.reason) for c in result.plan.changes for blocker in c.blockers[:1]]
    left += [(step.rpartition("/")[0], f"{step} was not tried") for step in result.skipped]
    return replace(
        made, says=result.plan.sentence, plan=result.plan.id, changes=changes, failed=result.failed, left=left,
        serial=result.serial, part=bool(result.plan.left_out), exit=int(code),
    )  # fmt: skip


def entries(store: Store, root: Path) -> list[HistoryEntry]:
    """All that is known, in order: applies and orders, edits of the spec, applies that are only in the lockfile."""
    lines = [entry(line) for line in store.history()]
    known = {one.serial for one in lines if one.serial is not None}
    edits = [edit_entry(line) for line in read_lines(root / HISTORY)]
    return sorted([*lines, *edits, *_untold(store, known)], key=lambda one: one.at)


def last_done(store: Store, root: Path, most: int, address: str = "") -> list[HistoryEntry]:
    """The latest entries of a fleet, newest first; ``address``: only what concerns it. Raises StoreError."""
    found = entries(store, root)
    return list(reversed(about(found, address) if address else found))[:most]


def meant(text: str, found: Iterable[HistoryEntry]) -> str:
    """The address that is asked about; a bare name is a caller's, else of what else has it in these entries. Raises
    InputError for what is none.
    """
    from fleethub.operations.show import address_of

    if "." in text and text.partition(".")[0] in PARTS:
        return str(address_of(text))
    for kind in (*CALLERS, *(kind for kind in PARTS if kind not in CALLERS)):
        ends = f".{text}"
        for one in found:
            for address in sorted(one.addresses):
                if address.startswith(f"{kind}.") and address.endswith(ends) and address_of(address).alias == text:
                    return address
    return str(address_of(text if "." in text else f"node.{text}"))


def about(found: Iterable[HistoryEntry], address: str) -> list[HistoryEntry]:
    """Those that concern an address, or what has that name; also those of which nobody knows what they changed."""
    return [one for one in found if one.concerns(address) or (one.broken_off and not one.changes)]


def of_serial(store: Store, serial: int) -> tuple[HistoryEntry, Lockfile | None]:
    """What was done under a serial, and the lockfile after it, None where that is not kept. Raises NotKept."""
    lines = [made for line in store.history() if (made := entry(line)).serial == serial]
    lockfile = store.at(serial)
    if lines:
        made = next((one for one in reversed(lines) if one.apply), lines[-1])  # what only names it is another thing
        return replace(made, spec=made.spec or (lockfile.applied.spec if lockfile else "")), lockfile
    if lockfile is not None:
        return _from(store, lockfile), lockfile
    raise NotKept(f"nothing is kept of apply {serial}; fleethub log shows what is")


def spec_of(store: Store, made: HistoryEntry) -> SpecFiles | None:
    """The spec of then; None where it is not kept."""
    document = store.get("specs", _name(made.spec)) if made.spec else None
    files = document.get("files") if document is not None else None
    if document is None or not isinstance(files, Mapping):
        return None
    return SpecFiles(str(document.get("main")), {str(name): str(text).encode() for name, text in files.items()})


def _untold(store: Store, known: set[int]) -> Iterable[HistoryEntry]:
    """Applies that the lockfiles tell of and the history does not."""
    try:
        now = store.read().lockfile
    except LockfileError:
        now = None
    serials = {*store.serials(), *([now.serial] if now is not None else [])}
    for serial in sorted(serials - known):
        try:
            lockfile = store.at(serial)
        except LockfileError:
            continue
        if lockfile is not None:
            yield _from(store, lockfile)


def _from(store: Store, lockfile: Lockfile) -> HistoryEntry:
    """What a lockfile tells of its apply: when and by whom, and which records are not as in the one before."""
    applied = lockfile.applied
    try:
        before = store.at(lockfile.serial - 1)
    except LockfileError:
        before = None
    now, then = lockfile.resources, before.resources if before is not None else {}
    known = before is not None or lockfile.serial == 1
    changed = [str(a) for a in sorted({*now, *then}) if now.get(a) != then.get(a)] if known else []
    return HistoryEntry(
        applied.at, "apply", applied.by, KILLED, lockfile.serial, lockfile.apply,
        spec=applied.spec, commit=applied.commit, version=applied.version, broken_off=True,
        changes=dict.fromkeys(changed, "changed"),
    )  # fmt: skip


def _thin_out(store: Store) -> None:
    names = store.names("specs")
    if len(names) < 2 * SPECS:
        return
    latest = dict.fromkeys(_name(made.spec) for line in reversed(store.history()) if (made := entry(line)).spec)
    kept = set(list(latest)[:SPECS])
    for name in names:
        if name not in kept:
            store.delete("specs", name)


def _name(digest: str) -> str:
    return digest.removeprefix("sha256:")
