"""Who sees a fleet's document: the members of its group, their sessions, and what stands in their CLAUDE.md."""

from __future__ import annotations

from pathlib import Path

from fleethub import folders
from fleethub.integrations.tangleclaw.client import TangleClaw, TangleClawError
from fleethub.integrations.tangleclaw.result import StepOutcome, StepResult
from fleethub.integrations.tangleclaw.shapes import Document, Group, Member, Project
from fleethub.model.text import plural

GAP = (
    'TangleClaw 5.14 writes no shared document into CLAUDE.md: it waits for an "id" in .tangleclaw/project.json, which '
    "nothing sets (and FleetHub leaves that committed file alone). What reaches those sessions is the hook: "
    "fleethub tangleclaw install-hook"
)


class Projects:
    """TangleClaw's projects, asked for once, where somebody needs them."""

    def __init__(self, client: TangleClaw) -> None:
        self._client = client
        self._known: list[Project] | None = None

    def __call__(self) -> list[Project]:
        """All of them; raises TangleClawError."""
        if self._known is None:
            self._known = self._client.projects()
        return self._known


def audience(client: TangleClaw, found: Group, projects: Projects) -> tuple[StepResult, list[Member]]:
    """Who sees the document: the group's members, and how many of them have a session now."""
    members = [one for one in client.members(found.id) if one.name is not None]
    if not members:
        hint = "fleethub tangleclaw register --member NAME, or add projects to the group in TangleClaw's page"
        return StepResult("audience", StepOutcome.NOBODY, "0 members; nobody sees it", hint=hint), members
    mine = {one.id for one in members}
    try:
        sessions = [one.session for one in projects() if one.id in mine and one.session is not None]
    except TangleClawError as error:  # it looks into every project's git for that, which may take long
        detail = f"{plural(len(members), 'member')}; how many sessions are live is not known: {error}"
        return StepResult("audience", StepOutcome.REGISTERED, detail), members
    live = sum(one.active is True for one in sessions)
    unsure = sum(one.active is None for one in sessions)
    told = f", of {plural(unsure, 'more')} it is not known" if unsure else ""
    detail = f"{plural(len(members), 'member')}, {plural(live, 'session')} live{told}"
    return StepResult("audience", StepOutcome.REGISTERED, detail), members


def locked(client: TangleClaw, one: Document) -> list[str]:
    """Who has it locked: FleetHub writes it all the same, for a lock is advice and the file is its own."""
    lock = client.document(one.id).lock
    if lock is None:
        return []
    return [f"{lock.by} has {one.name} locked until {lock.until}; an apply writes it all the same"]


def reaches(members: list[Member], one: Document) -> list[str]:
    """In whose CLAUDE.md the document stands, as far as their folders are on this machine."""
    here = [member for member in members if member.path and _is_here(Path(member.path))]
    names = [member.name or "" for member in here if _named_in(Path(member.path or "") / "CLAUDE.md", one.name)]
    if not here:
        return []
    if len(names) == len(here):
        return [f"{one.name} stands in the CLAUDE.md of every member that is on this machine"]
    some = f"only of {', '.join(names)}" if names else "of no member that is on this machine"
    return [f"{one.name} stands in the CLAUDE.md {some}. {GAP}"]


def _is_here(folder: Path) -> bool:
    try:
        return folders.is_folder(folder)
    except OSError:
        return False


def _named_in(file: Path, name: str) -> bool:
    try:
        return f"**{name}**" in file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
