"""The steps of a registration with a TangleClaw, each ending in a typed result."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from fleethub import folders
from fleethub.integrations.tangleclaw.client import Document, Group, TangleClaw, TangleClawError
from fleethub.integrations.tangleclaw.result import StepOutcome, StepResult, TangleClawReport
from fleethub.integrations.tangleclaw.shared_document import SharedDocument
from fleethub.model.text import flat, plural

FILE = "FLEETHUB.md"
NAME = "FLEETHUB"
DESCRIPTION = (
    "Live inference-fleet state (FleetHub). Run `fleethub status` before using or changing an inference endpoint; "
    "never edit by hand."
)
T = TypeVar("T")


class Log:
    """Steps as they are made; after one that found nobody, none is tried."""

    def __init__(self, base: str, root: Path) -> None:
        self.base, self.root = base, root
        self.steps: list[StepResult] = []
        self.notes: list[str] = []

    def run(self, name: str, step: Callable[[], tuple[StepResult, T]]) -> T | None:
        """Make one step; None where it did not lead on."""
        if any(made.outcome is StepOutcome.UNREACHABLE for made in self.steps):
            self.skip(name)
            return None
        try:
            made, value = step()
        except TangleClawError as error:
            hint = _hint(error, self.root, self.base)
            self.steps.append(StepResult(name, error.outcome, str(error), error.code, hint))
            return None
        self.steps.append(made)
        return value

    def skip(self, *names: str) -> None:
        """Steps that cannot be made without the one before."""
        self.steps += [StepResult(name, StepOutcome.SKIPPED) for name in names]

    def report(self) -> TangleClawReport:
        """All of it."""
        closed = any(step.outcome in (StepOutcome.BINDING_REQUIRED, StepOutcome.REFUSED) for step in self.steps)
        drop = [_drop(self.root)] if closed else []
        return TangleClawReport(self.base, tuple(self.steps), (*self.notes, *drop))


def group(client: TangleClaw, name: str, root: Path) -> tuple[StepResult, Group]:
    """Find the group by its name, or make one that shares the fleet's folder. None is ever repointed."""
    found = _named(client.groups(), name)
    if found is None:
        try:
            made = client.create_group(name, str(root))
        except TangleClawError as error:
            found = _named(client.groups(), name) if error.status == 409 else None
            if found is None:
                raise
        else:
            return StepResult("group", StepOutcome.REGISTERED, f"{made.name}, which shares {root}"), made
    if shares(found, root):
        return StepResult("group", StepOutcome.ALREADY, f"{found.name}, which shares {root}"), found
    other = f"shares {_shown(found.shared_dir)}" if found.shared_dir else "shares no directory"
    return StepResult(
        "group", StepOutcome.ALREADY, f"{found.name} {other}, and keeps to that: registered by path"
    ), found


def member(client: TangleClaw, found: Group, number: int) -> tuple[StepResult, bool]:
    """Make a project a member."""
    client.add_member(found.id, number)
    return StepResult(f"member {number}", StepOutcome.REGISTERED, f"of {found.name}"), True


def written(root: Path) -> bool:
    """Whether the file is there; one that cannot be looked at will be refused by TangleClaw, with its reason."""
    try:
        return folders.is_file(root / FILE)
    except OSError:
        return True


def document(client: TangleClaw, found: Group, root: Path) -> tuple[StepResult, Document | None]:
    """Register the file, where there is one."""
    path = _path(found, root)
    listed = _at(client.documents(found.id), path)
    if listed is not None:
        return StepResult("document", StepOutcome.ALREADY, _shown(listed.path)), listed
    if not written(root):
        hint = "fleethub apply writes it; then register again"
        return StepResult("document", StepOutcome.MISSING, f"there is no {FILE} in {root} yet", hint=hint), None
    try:
        made = client.add_document(found.id, NAME, path, DESCRIPTION)
    except TangleClawError as error:
        listed = _at(client.documents(found.id), path) if error.status == 409 else None
        if listed is None:
            raise
        return StepResult("document", StepOutcome.ALREADY, _shown(listed.path)), listed
    return StepResult("document", StepOutcome.REGISTERED, _shown(made.path)), made


def describe(client: TangleClaw, one: Document, made: bool) -> tuple[StepResult, bool]:
    """Newer versions print nothing but the description: it says what to run. ``made``: it came with the document."""
    if one.description == DESCRIPTION:
        return StepResult("description", StepOutcome.REGISTERED if made else StepOutcome.ALREADY), True
    client.describe(one.id, DESCRIPTION)
    return StepResult("description", StepOutcome.REGISTERED), True


def known_group(client: TangleClaw, name: str, before: SharedDocument | None) -> tuple[StepResult, Group | None]:
    """The group that was registered with, else the one of that name."""
    listed = client.groups()
    found = next((g for g in listed if before and g.id == before.group), None) or _named(listed, name)
    if found is None:
        hint = "fleethub tangleclaw register makes it"
        return StepResult("group", StepOutcome.MISSING, f"there is no group {_shown(name)}", hint=hint), None
    shared = f"shares {_shown(found.shared_dir)}" if found.shared_dir else "shares no directory"
    count = "" if found.members is None else f", {plural(found.members, 'member')}"
    return StepResult("group", StepOutcome.REGISTERED, f"{found.name}, which {shared}{count}"), found


def known_document(client: TangleClaw, found: Group, root: Path) -> tuple[StepResult, Document | None]:
    """The fleet's document in a group."""
    one = _at(client.documents(found.id), _path(found, root))
    if one is None:
        hint = "fleethub tangleclaw register"
        return StepResult("document", StepOutcome.MISSING, f"{FILE} is not registered in {found.name}", hint=hint), None
    told = "" if one.description == DESCRIPTION else ", with another description"
    return StepResult("document", StepOutcome.REGISTERED, _shown(one.path) + told), one


def remove(client: TangleClaw, before: SharedDocument, base: str) -> tuple[StepResult, bool]:
    """Unregister the document of that id, if it still is the one of that path. ``base``: where it is looked for."""
    try:
        one = client.document(before.document)
    except TangleClawError as error:
        if error.status != 404:
            raise
        if base != before.base:  # another TangleClaw's not having it says nothing of the one that has
            hint = f"it was registered at {before.base}: leave --api out"
            return StepResult("document", StepOutcome.MISSING, "it is not there", error.code, hint), False
        return StepResult("document", StepOutcome.UNREGISTERED, "it was gone already"), True
    if one.path != before.path:
        detail = f"the document leads to {_shown(one.path)} by now, which is not what was registered from here"
        return StepResult(
            "document", StepOutcome.REFUSED, detail, "NOT_OURS", "remove it in TangleClaw, if it is to go"
        ), False
    client.remove_document(one.id)
    return StepResult("document", StepOutcome.UNREGISTERED, f"{_shown(one.path)}; the file and the group stay"), True


def shares(found: Group, root: Path) -> bool:
    """Whether a group's directory is the fleet's folder, by whatever path."""
    return bool(found.shared_dir) and os.path.realpath(Path(found.shared_dir or "").expanduser()) == str(root)


def beside(found: Group | None, root: Path) -> list[str]:
    """What else TangleClaw would show to every session, for it takes each ``.md`` of a shared directory."""
    if found is None or not shares(found, root):
        return []
    try:
        listed = folders.listing(root)
    except OSError as error:
        return [f"what else of {root} TangleClaw shows to the sessions is not known: {error.strerror}"]
    others = [name for name in listed if name.endswith(".md") and name != FILE]
    if not others:
        return []
    names = ", ".join(_shown(name) for name in others)
    return [f"TangleClaw shows every .md of its directory to the sessions: {names} too; a subfolder keeps them out"]


def _named(groups: list[Group], name: str) -> Group | None:
    """By exact name first: two that differ in case only would be two owners of one thing."""
    exact = next((g for g in groups if g.name == name), None)
    return exact or next((g for g in groups if g.name.casefold() == name.casefold()), None)


def _path(found: Group, root: Path) -> str:
    """As TangleClaw itself writes it when it looks through the directory: else there would be two documents."""
    if shares(found, root) and Path(found.shared_dir or "").is_absolute():
        return os.path.normpath(f"{found.shared_dir}/{FILE}")
    return str(root / FILE)


def _at(documents: list[Document], path: str) -> Document | None:
    exact = next((d for d in documents if d.path == path), None)
    return exact or next((d for d in documents if os.path.realpath(d.path) == os.path.realpath(path)), None)


def _hint(error: TangleClawError, root: Path, base: str) -> str:
    if error.outcome is StepOutcome.UNREACHABLE:
        return f"is TangleClaw running at {base}? --api URL or TANGLECLAW_API names another place"
    if error.outcome is StepOutcome.AUTH_REQUIRED:
        return "its service-token gate is on: give the token by reference, --token env:NAME or file:PATH"
    if error.outcome is StepOutcome.BINDING_REQUIRED:
        return (
            "run this in a pane of a session that TangleClaw launched (TANGLECLAW_PROJECT_ID and "
            "TANGLECLAW_LAUNCH_ID are set there); or in TangleClaw's page open the group and set its shared "
            f"directory to {root}"
        )
    if error.code == "OPERATOR_ONLY":
        return f"only the operator may, in TangleClaw's page: open the group, then the shared document {NAME}"
    return ""


def _drop(root: Path) -> str:
    return (
        f"the file works without it: TangleClaw registers {FILE} by itself when a session of a member project starts, "
        f"where the group's shared directory is {root}"
    )


def _shown(text: str | None) -> str:
    return flat(text or "")
