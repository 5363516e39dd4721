"""A fleet's document at a TangleClaw: registered by its path, described, found again, taken back.

It is registered with its description in the same call. TangleClaw's own ``sync`` would take in every other ``.md``
beside it too, and newer versions let nobody but the operator describe a document afterwards.
"""

from __future__ import annotations

import os
from pathlib import Path

from fleethub import folders
from fleethub.integrations.tangleclaw.client import TangleClaw, TangleClawError
from fleethub.integrations.tangleclaw.groups import shares
from fleethub.integrations.tangleclaw.result import StepOutcome, StepResult
from fleethub.integrations.tangleclaw.shapes import Document, Group
from fleethub.integrations.tangleclaw.shared_document import SharedDocument
from fleethub.model.text import flat

FILE = "FLEETHUB.md"
NAME = "FLEETHUB"


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
        return StepResult("document", StepOutcome.ALREADY, f"{listed.name}: {flat(listed.path)}"), listed
    if not written(root):
        hint = "fleethub apply writes it; then register again"
        return StepResult("document", StepOutcome.MISSING, f"there is no {FILE} in {root} yet", hint=hint), None
    try:
        made = client.add_document(found.id, _free_name(there, root, None), path, description(root))
    except TangleClawError as error:
        listed = _at(client.documents(found.id), path) if error.status == 409 else None
        if listed is None:
            raise
        return StepResult("document", StepOutcome.ALREADY, f"{listed.name}: {flat(listed.path)}"), listed
    return StepResult("document", StepOutcome.REGISTERED, f"{made.name}: {flat(made.path)}"), made


def describe(client: TangleClaw, one: Document, made: bool, root: Path) -> tuple[StepResult, bool]:
    """Newer versions print nothing but the description: it says what to run. ``made``: it came with the document.

    A name that another fleet's document of the group has is made this fleet's own.
    """
    name, says = _free_name(client.documents(one.group), root, one), description(root)
    if (one.name, one.description) == (name, says):
        return StepResult("description", StepOutcome.REGISTERED if made else StepOutcome.ALREADY), True
    client.describe(one.id, name, says)
    return StepResult("description", StepOutcome.REGISTERED, f"as {name}" if name != one.name else ""), True


def known_document(client: TangleClaw, found: Group, root: Path) -> tuple[StepResult, Document | None]:
    """The fleet's document in a group."""
    one = _at(client.documents(found.id), _path(found, root))
    if one is None:
        hint = "fleethub tangleclaw register"
        return StepResult("document", StepOutcome.MISSING, f"{FILE} is not registered in {found.name}", hint=hint), None
    told = "" if one.description == description(root) else ", with another description"
    return StepResult("document", StepOutcome.REGISTERED, f"{one.name}: {flat(one.path)}{told}"), one


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
        detail = f"the document leads to {flat(one.path)} by now, which is not what was registered from here"
        return StepResult(
            "document", StepOutcome.REFUSED, detail, "NOT_OURS", "remove it in TangleClaw, if it is to go"
        ), False
    client.remove_document(one.id)
    return StepResult("document", StepOutcome.UNREGISTERED, f"{flat(one.path)}; the file and the group stay"), True


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
    return flat(name if isinstance(name, str) and name else root.name)[:63]


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
    names = ", ".join(flat(name) for name in others)
    return [f"TangleClaw shows every .md of its directory to the sessions: {names} too; a subfolder keeps them out"]


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


def _path(found: Group, root: Path) -> str:
    """As TangleClaw itself writes it when it looks through the directory: else there would be two documents."""
    if shares(found, root) and Path(found.shared_dir or "").is_absolute():
        return os.path.normpath(f"{found.shared_dir}/{FILE}")
    return str(root / FILE)


def _at(documents: list[Document], path: str) -> Document | None:
    exact = next((d for d in documents if d.path == path), None)
    return exact or next((d for d in documents if os.path.realpath(d.path) == os.path.realpath(path)), None)
