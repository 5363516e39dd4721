"""Routes of groups and their members."""

from __future__ import annotations

from typing import Any

from fleethub.testing.server import Answer, Request
from fleethub.testing.tangleclaw.errors import optional, refuse, required
from fleethub.testing.tangleclaw.state import Group, State


def find(state: State, number: str) -> Group:
    """The group, or 404."""
    if number not in state.groups:
        raise refuse(404, "NOT_FOUND", "Group not found")
    return state.groups[number]


def list_groups(state: State, body: dict[str, Any], request: Request, *_: str) -> Answer:
    """GET /api/groups."""
    groups = sorted(state.groups.values(), key=lambda group: group.name)
    return Answer({"groups": [state.group_data(group) for group in groups]})


def create(state: State, body: dict[str, Any], request: Request, *_: str) -> Answer:
    """POST /api/groups; a name is there once."""
    (name,) = required(body, "name")
    _free(state, name)
    group = Group(name, optional(body, "description", str), optional(body, "sharedDir", str))
    state.groups[group.id] = group
    counts = ("memberCount", "docCount")  # told in the list alone
    return Answer({name: value for name, value in state.group_data(group).items() if name not in counts}, 201)


def show(state: State, body: dict[str, Any], request: Request, number: str, _: str) -> Answer:
    """GET /api/groups/:id."""
    return Answer(state.group_data(find(state, number)))


def change(state: State, body: dict[str, Any], request: Request, number: str, _: str) -> Answer:
    """PUT /api/groups/:id, partial."""
    group = find(state, number)
    if "name" in body:
        (name,) = required(body, "name")
        _free(state, name, group)
        group.name = name
    group.description = optional(body, "description", str, group.description)
    group.shared_dir = optional(body, "sharedDir", str, group.shared_dir)
    return Answer(state.group_data(group))


def delete(state: State, body: dict[str, Any], request: Request, number: str, _: str) -> Answer:
    """DELETE /api/groups/:id: its documents go with it, their files stay."""
    group = find(state, number)
    del state.groups[group.id]
    state.documents = {i: d for i, d in state.documents.items() if d.group != group.id}
    return Answer({"ok": True})


def members(state: State, body: dict[str, Any], request: Request, number: str, _: str) -> Answer:
    """GET /api/groups/:id/members."""
    group = find(state, number)
    gone = {"name": None, "path": None}
    shown = {i: {"name": p.name, "path": p.path} for i, p in state.projects.items()}
    return Answer({"members": [{"id": i, **shown.get(i, gone)} for i in sorted(group.members)]})


def list_projects(state: State, body: dict[str, Any], request: Request, *_: str) -> Answer:
    """GET /api/projects: the registered ones, and folders that are none."""
    found = sorted((*state.projects.values(), *state.folders), key=lambda project: project.name)
    return Answer({"projects": [project.data() for project in found], "scan": {"complete": True}})


def add_member(state: State, body: dict[str, Any], request: Request, number: str, _: str) -> Answer:
    """POST /api/groups/:id/members; again is fine."""
    group, project = find(state, number), body.get("projectId")
    if not isinstance(project, int) or isinstance(project, bool):
        raise refuse(400, "BAD_REQUEST", "projectId must be a number")
    if project not in state.projects:
        raise refuse(404, "NOT_FOUND", "Project not found")
    group.members.add(project)
    return Answer({"ok": True})


def remove_member(state: State, body: dict[str, Any], request: Request, number: str, project: str) -> Answer:
    """DELETE /api/groups/:id/members/:projectId."""
    group = find(state, number)
    group.members.discard(int(project) if project.isdecimal() else -1)
    return Answer({"ok": True})


def sync(state: State, body: dict[str, Any], request: Request, number: str, _: str) -> Answer:
    """POST /api/groups/:id/sync."""
    group = find(state, number)
    if not group.shared_dir:
        raise refuse(400, "BAD_REQUEST", "The group has no shared directory")
    return Answer(state.sync(group))


def _free(state: State, name: str, itself: Group | None = None) -> None:
    if any(group.name == name and group is not itself for group in state.groups.values()):
        raise refuse(409, "CONFLICT", f'A group named "{name}" already exists')
