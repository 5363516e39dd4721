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
    return Answer({"groups": [state.counted(group) for group in groups]})


def create(state: State, body: dict[str, Any], request: Request, *_: str) -> Answer:
    """POST /api/groups; a name is there once."""
    if not body.get("name"):
        raise refuse(400, "BAD_REQUEST", "name is required")
    name = body["name"].strip() if isinstance(body["name"], str) else ""
    if not name:  # nobody foresaw it
        raise refuse(500, "INTERNAL_ERROR", "Internal server error")
    _free(state, name)
    group = Group(name, optional(body, "description", str), optional(body, "sharedDir", str))
    state.groups[group.id] = group
    return Answer(state.group_data(group), 201)


def show(state: State, body: dict[str, Any], request: Request, number: str, _: str) -> Answer:
    """GET /api/groups/:id, with its members and documents."""
    group = find(state, number)
    documents = [d.data() for d in state.documents.values() if d.group == group.id]
    return Answer({**state.counted(group), "members": state.members(group), "docs": documents})


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
    return Answer({"ok": True, "id": group.id})


def members(state: State, body: dict[str, Any], request: Request, number: str, _: str) -> Answer:
    """GET /api/groups/:id/members."""
    return Answer({"members": state.members(find(state, number))})


def list_projects(state: State, body: dict[str, Any], request: Request, *_: str) -> Answer:
    """GET /api/projects: the registered ones, and folders that are none."""
    found = sorted((*state.projects.values(), *state.folders), key=lambda project: project.name)
    return Answer({"projects": [project.data() for project in found], "scan": {"complete": True}})


def add_member(state: State, body: dict[str, Any], request: Request, number: str, _: str) -> Answer:
    """POST /api/groups/:id/members; again is fine."""
    group, given = find(state, number), body.get("projectId")
    if not given:
        raise refuse(400, "BAD_REQUEST", "projectId is required")
    project = int(given) if isinstance(given, int | str) and str(given).isdecimal() else None
    if project not in state.projects:
        raise refuse(404, "NOT_FOUND", f'Project "{given}" not found')
    group.members.add(project)
    return Answer({"ok": True, "groupId": group.id, "projectId": given})


def remove_member(state: State, body: dict[str, Any], request: Request, number: str, project: str) -> Answer:
    """DELETE /api/groups/:id/members/:projectId."""
    group = find(state, number)
    number_of = int(project) if project.isdecimal() else None
    group.members.discard(-1 if number_of is None else number_of)
    return Answer({"ok": True, "groupId": group.id, "projectId": number_of})


def sync(state: State, body: dict[str, Any], request: Request, number: str, _: str) -> Answer:
    """POST /api/groups/:id/sync."""
    group = find(state, number)
    if not group.shared_dir:
        raise refuse(400, "BAD_REQUEST", "The group has no shared directory")
    return Answer(state.sync(group))


def _free(state: State, name: str, itself: Group | None = None) -> None:
    if any(group.name == name and group is not itself for group in state.groups.values()):
        raise refuse(409, "CONFLICT", f'A group named "{name}" already exists')
