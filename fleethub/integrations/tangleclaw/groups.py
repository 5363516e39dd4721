"""The operator's project group that a fleet's document is registered in, and its members. None is ever repointed."""

from __future__ import annotations

import os
from pathlib import Path

from fleethub.integrations.tangleclaw.audience import Projects
from fleethub.integrations.tangleclaw.client import TangleClaw, TangleClawError
from fleethub.integrations.tangleclaw.result import StepOutcome, StepResult
from fleethub.integrations.tangleclaw.shapes import Group
from fleethub.integrations.tangleclaw.shared_document import SharedDocument
from fleethub.model.text import flat, same_name

GROUP = "AI Inference"  # what a group is called that is made here


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
    other = f"shares {flat(found.shared_dir or '')}" if found.shared_dir else "shares no directory"
    return StepResult(
        "group", StepOutcome.ALREADY, f"{found.name} {other}, and keeps to that: registered by path{why}"
    ), found


def known_group(
    client: TangleClaw, name: str | None, root: Path, before: SharedDocument | None
) -> tuple[StepResult, Group | None]:
    """The group that ``group`` would find."""
    found, _ = _chosen(client.groups(), name, root, before)
    if found is None:
        hint = "fleethub tangleclaw register makes it"
        says = f"there is no group {flat(name or GROUP)}" + ("" if name else f", and none shares {root}")
        return StepResult("group", StepOutcome.MISSING, says, hint=hint), None
    shared = f"shares {flat(found.shared_dir or '')}" if found.shared_dir else "shares no directory"
    return StepResult("group", StepOutcome.REGISTERED, f"{found.name}, which {shared}"), found


def member(client: TangleClaw, found: Group, asked: str, projects: Projects) -> tuple[StepResult, bool]:
    """Make a project a member; ``asked``: its id, or its name as letters and digits."""
    step = f"member {flat(asked)}"
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


def shares(found: Group, root: Path) -> bool:
    """Whether a group's directory is the fleet's folder, by whatever path."""
    return bool(found.shared_dir) and os.path.realpath(Path(found.shared_dir or "").expanduser()) == str(root)


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


def _named(groups: list[Group], name: str) -> Group | None:
    """By exact name first: two that differ in case only would be two owners of one thing."""
    exact = next((g for g in groups if g.name == name), None)
    return exact or next((g for g in groups if g.name.casefold() == name.casefold()), None)
