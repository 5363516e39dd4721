"""The steps of a registration with a TangleClaw, each ending in a typed result."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from fleethub import folders
from fleethub.integrations.tangleclaw.audience import Projects
from fleethub.integrations.tangleclaw.client import TangleClaw, TangleClawError
from fleethub.integrations.tangleclaw.result import StepOutcome, StepResult, TangleClawReport
from fleethub.integrations.tangleclaw.shapes import Document, Group
from fleethub.integrations.tangleclaw.shared_document import SharedDocument
from fleethub.model.text import flat, same_name

FILE = "FLEETHUB.md"
NAME = "FLEETHUB"
GROUP = "AI Inference"  # what a group is called that is made here
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
        shut = {step.name for step in self.steps if step.outcome in (StepOutcome.BINDING_REQUIRED, StepOutcome.REFUSED)}
        closed = not shut.isdisjoint(("group", "document", "description"))
        drop = [_drop(self.root)] if closed else []
        return TangleClawReport(self.base, tuple(self.steps), (*self.notes, *drop))


def group(client: TangleClaw, name: str | None, root: Path, before: SharedDocument | None) -> tuple[StepResult, Group]:
    """The operator's own group, else a new one that shares the fleet's folder. None is ever repointed.

    ``name`` None: the one that was registered with, then the one that shares the folder, then the one of the usual
    name. Names are the operator's to change: what is remembered is the id.
    """
    listed = client.groups()
    found, why = _chosen(listed, name, root, before)
    if found is None:
        try:
            made = client.create_group(name or GROUP, str(root))
        except TangleClawError as error:
            found = _named(client.groups(), name or GROUP) if error.status == 409 else None
            if found is None:
                raise
        else:
            return StepResult("group", StepOutcome.REGISTERED, f"{made.name}, which shares {root}"), made
    others = [one.name for one in listed if one.id != found.id and shares(one, root)]
    also = f"; {', '.join(others)} shares it too: --group names another" if others and shares(found, root) else ""
    if shares(found, root):
        return StepResult("group", StepOutcome.ALREADY, f"{found.name}, which shares {root}{why}{also}"), found
    other = f"shares {_shown(found.shared_dir)}" if found.shared_dir else "shares no directory"
    return StepResult(
        "group", StepOutcome.ALREADY, f"{found.name} {other}, and keeps to that: registered by path{why}"
    ), found


def _chosen(
    listed: list[Group], name: str | None, root: Path, before: SharedDocument | None
) -> tuple[Group | None, str]:
    """The group that is meant, and what to say of why."""
    if name is not None:
        return _named(listed, name), ""
    if before is not None and (known := next((g for g in listed if g.id == before.group), None)) is not None:
        return known, "; registered with it before"
    sharing = [one for one in listed if shares(one, root)]
    return _named(sharing, GROUP) or next(iter(sharing), None) or _named(listed, GROUP), ""


def member(client: TangleClaw, found: Group, asked: str, projects: Projects) -> tuple[StepResult, bool]:
    """Make a project a member; ``asked``: its id, or its name as letters and digits."""
    step = f"member {_shown(asked)}"
    number = project(step, asked, projects)
    if isinstance(number, StepResult):
        return number, False
    client.add_member(found.id, number)
    return StepResult(step, StepOutcome.REGISTERED, f"of {found.name}"), True


def project(step: str, asked: str, projects: Projects) -> int | StepResult:
    """The id of the project that is meant, or the step that says why there is none."""
    if asked.isdecimal():
        return int(asked)
    known = projects()
    alike = [one for one in known if same_name(one.name, asked)]
    exact = [one for one in alike if one.name == asked] or alike
    if len(exact) == 1 and exact[0].id is not None:
        return exact[0].id
    says = "several projects are called so" if len(exact) > 1 else "no project is called so"
    if len(exact) == 1:
        says = "it is a folder that is no project of TangleClaw's yet"
    names = ", ".join(one.name for one in (known if len(exact) < 2 else alike) if one.id is not None) or "none"
    return StepResult(step, StepOutcome.REFUSED, says, "NOT_FOUND", f"projects: {names}")


def written(root: Path) -> bool:
    """Whether the file is there; one that cannot be looked at will be refused by TangleClaw, with its reason."""
    try:
        return folders.is_file(root / FILE)
    except OSError:
        return True


def document(client: TangleClaw, found: Group, root: Path) -> tuple[StepResult, Document | None]:
    """Register the file, where there is one."""
    path = _path(found, root)
    there = client.documents(found.id)
    listed = _at(there, path)
    if listed is not None:
        return StepResult("document", StepOutcome.ALREADY, f"{listed.name}: {_shown(listed.path)}"), listed
    if not written(root):
        hint = "fleethub apply writes it; then register again"
        return StepResult("document", StepOutcome.MISSING, f"there is no {FILE} in {root} yet", hint=hint), None
    try:
        made = client.add_document(found.id, _free_name(there, root, None), path, description(root))
    except TangleClawError as error:
        listed = _at(client.documents(found.id), path) if error.status == 409 else None
        if listed is None:
            raise
        return StepResult("document", StepOutcome.ALREADY, f"{listed.name}: {_shown(listed.path)}"), listed
    return StepResult("document", StepOutcome.REGISTERED, f"{made.name}: {_shown(made.path)}"), made


def describe(client: TangleClaw, one: Document, made: bool, root: Path) -> tuple[StepResult, bool]:
    """Newer versions print nothing but the description: it says what to run. ``made``: it came with the document.

    A name that another fleet's document of the group has is made this fleet's own.
    """
    name, says = _free_name(client.documents(one.group), root, one), description(root)
    if (one.name, one.description) == (name, says):
        return StepResult("description", StepOutcome.REGISTERED if made else StepOutcome.ALREADY), True
    client.describe(one.id, name, says)
    return StepResult("description", StepOutcome.REGISTERED, f"as {name}" if name != one.name else ""), True


def _free_name(there: list[Document], root: Path, own: Document | None) -> str:
    """What the document is called: two fleets in one group have two names, and the operator's own name stays."""
    taken = {one.name.casefold() for one in there if own is None or one.id != own.id}
    if own is not None and own.name.casefold() not in taken:
        return own.name
    if NAME.casefold() not in taken:
        return NAME
    fleet = fleet_name(root)
    tried = (f"{NAME}-{fleet}", *(f"{NAME}-{fleet}-{number}" for number in range(2, 100)))
    return next((name for name in tried if name.casefold() not in taken), NAME)


def description(root: Path) -> str:
    """What is said of the document wherever its name stands."""
    return (
        f"Live state of the inference fleet {fleet_name(root)} (FleetHub). Run `fleethub status` before using or "
        "changing an inference endpoint; never edit by hand."
    )


def fleet_name(root: Path) -> str:
    """The fleet's name as its spec has it, whatever else is wrong there; else its folder's."""
    import tomllib

    try:
        name = tomllib.loads((root / "fleet.toml").read_text(encoding="utf-8"))["fleet"]["name"]
    except (OSError, ValueError, KeyError, TypeError):
        name = None
    return _shown(name if isinstance(name, str) and name else root.name)[:63]


def known_group(
    client: TangleClaw, name: str | None, root: Path, before: SharedDocument | None
) -> tuple[StepResult, Group | None]:
    """The group that ``group`` would find."""
    found, _ = _chosen(client.groups(), name, root, before)
    if found is None:
        hint = "fleethub tangleclaw register makes it"
        says = f"there is no group {_shown(name or GROUP)}" + ("" if name else f", and none shares {root}")
        return StepResult("group", StepOutcome.MISSING, says, hint=hint), None
    shared = f"shares {_shown(found.shared_dir)}" if found.shared_dir else "shares no directory"
    return StepResult("group", StepOutcome.REGISTERED, f"{found.name}, which {shared}"), found


def known_document(client: TangleClaw, found: Group, root: Path) -> tuple[StepResult, Document | None]:
    """The fleet's document in a group."""
    one = _at(client.documents(found.id), _path(found, root))
    if one is None:
        hint = "fleethub tangleclaw register"
        return StepResult("document", StepOutcome.MISSING, f"{FILE} is not registered in {found.name}", hint=hint), None
    told = "" if one.description == description(root) else ", with another description"
    return StepResult("document", StepOutcome.REGISTERED, f"{one.name}: {_shown(one.path)}{told}"), one


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
    if error.code == "CERTIFICATE":
        return (
            f"name the certificate of {base}, or of the authority that made it, with --ca FILE; "
            'mkcert\'s is "$(mkcert -CAROOT)/rootCA.pem"'
        )
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
