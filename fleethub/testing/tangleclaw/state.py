"""What the stand-in keeps in its database: projects, groups with members, documents, rules."""

from __future__ import annotations

import itertools
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TIME = "2026-11-26 12:00:00"  # as TangleClaw writes one


@dataclass(slots=True)
class Project:
    """A project; ``listening``: a session of it is live and takes events. ``id`` None: a folder that is none yet.

    ``live`` None: its session's pane could not be asked for.
    """

    id: int | None
    name: str
    path: str = ""
    listening: bool = False
    live: bool | None = False

    def data(self) -> dict[str, Any]:
        """As the API shows it."""
        active = True if self.listening else self.live
        session = None if active is False else {"active": active, "status": "active", "tmuxSession": self.name}
        return {
            "id": self.id,
            "name": self.name,
            "path": self.path,
            "registered": self.id is not None,
            "session": session,
            "archived": False,
        }


@dataclass(slots=True)
class Group:
    """A group of projects."""

    name: str
    description: str | None
    shared_dir: str | None
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    members: set[int] = field(default_factory=set)
    created: str = TIME


@dataclass(slots=True)
class Document:
    """A shared document; the pair of group and path is unique."""

    group: str
    name: str
    path: str
    inject: bool = False
    mode: str = "reference"
    description: str | None = None
    lock: dict[str, str] | None = None
    id: str = field(default_factory=lambda: str(uuid.uuid4()))

    def data(self) -> dict[str, Any]:
        """As the API shows it."""
        return {
            "id": self.id,
            "groupId": self.group,
            "name": self.name,
            "filePath": self.path,
            "injectIntoConfig": self.inject,
            "injectMode": self.mode,
            "description": self.description,
            "createdAt": TIME,
        }


@dataclass(slots=True)
class Rule:
    """A session rule of one project."""

    id: int
    project: int
    content: str
    kind: str
    created_by: str
    enabled: bool = True
    versions: int = 1

    @property
    def status(self) -> str:
        """What an AI writes waits for the operator."""
        return "proposed" if self.created_by == "ai" else "active"

    def data(self) -> dict[str, Any]:
        """As the API shows it."""
        return {
            "id": self.id,
            "projectId": self.project,
            "content": self.content,
            "enabled": self.enabled,
            "createdBy": self.created_by,
            "kind": self.kind,
            "status": self.status,
            "owner": None,
            "sourceLearningId": None,
            "createdAt": TIME,
            "updatedAt": TIME,
        }


class State:
    """Everything, by id."""

    def __init__(self, projects: tuple[Project, ...]) -> None:
        self.projects = {project.id: project for project in projects if project.id is not None}
        self.folders = [project for project in projects if project.id is None]
        self.groups: dict[str, Group] = {}
        self.documents: dict[str, Document] = {}
        self.rules: dict[int, Rule] = {}
        self.leases: dict[tuple[str, int], dict[str, Any]] = {}
        self.rule_ids = itertools.count(1)
        self.notified: list[str] = []

    def group_data(self, group: Group) -> dict[str, Any]:
        """As the API answers with it to whoever writes it."""
        return {
            "id": group.id,
            "name": group.name,
            "description": group.description,
            "sharedDir": group.shared_dir,
            "createdAt": group.created,
        }

    def counted(self, group: Group) -> dict[str, Any]:
        """As the API lists it."""
        documents = sum(d.group == group.id for d in self.documents.values())
        return {**self.group_data(group), "memberCount": len(group.members), "docCount": documents}

    def members(self, group: Group) -> list[dict[str, Any]]:
        """The projects of a group, those too that are gone."""
        known = {i: {"name": p.name, "path": p.path} for i, p in self.projects.items()}
        return [{"id": i, **known.get(i, {"name": None, "path": None})} for i in sorted(group.members)]

    def registered(self, group: str, path: str) -> bool:
        """Whether a group has a document of that path, compared as text."""
        return any(d.group == group and d.path == path for d in self.documents.values())

    def sync(self, group: Group) -> dict[str, Any]:
        """Register each ``*.md`` of the shared directory: not below it, and nothing is ever updated or removed."""
        added, skipped = [], []
        folder = Path(group.shared_dir or "")
        try:
            names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".md") and entry.is_file())
        except OSError as error:
            return {"ok": True, "added": [], "skipped": [], "errors": [str(error.strerror)]}
        for name in names:
            path = str(folder / name)
            if self.registered(group.id, path):
                skipped.append(name)
                continue
            one = Document(group.id, name.removesuffix(".md"), path, inject=True)
            self.documents[one.id] = one
            added.append(name)
        return {"ok": True, "added": added, "skipped": skipped, "errors": []}

    def listeners(self, document: Document) -> int:
        """How many sessions hear of a change: the group's that listen, without the project that holds the file."""
        return sum(
            project.listening and not (project.path and Path(document.path).is_relative_to(project.path))
            for number in self.groups[document.group].members
            if (project := self.projects.get(number)) is not None
        )
