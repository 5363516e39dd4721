"""Routes of shared documents. Nobody looks whether a path leads to a file."""

from __future__ import annotations

from typing import Any

from fleethub.testing.server import Answer, Request
from fleethub.testing.tangleclaw.errors import refuse, required
from fleethub.testing.tangleclaw.state import Document, State

MODES = ("reference", "inline")


def find(state: State, number: str) -> Document:
    """The document, or 404."""
    if number not in state.documents:
        raise refuse(404, "NOT_FOUND", "Shared document not found")
    return state.documents[number]


def list_documents(state: State, body: dict[str, Any], request: Request, *_: str) -> Answer:
    """GET /api/shared-docs[?groupId=]."""
    wanted = request.query.get("groupId")
    return Answer({"docs": [d.data() for d in state.documents.values() if wanted in (None, "", d.group)]})


def create(state: State, body: dict[str, Any], request: Request, *_: str) -> Answer:
    """POST /api/shared-docs; a path is there once in a group."""
    group, name, path = required(body, "groupId", "name", "filePath")
    if group not in state.groups:
        raise refuse(404, "NOT_FOUND", "Group not found")
    one = Document(group, name, path)
    _take(one, body)
    if state.registered(group, path):
        raise refuse(409, "CONFLICT", "A document with this path is already registered in the group")
    state.documents[one.id] = one
    return Answer(one.data(), 201)


def show(state: State, body: dict[str, Any], request: Request, number: str, _: str) -> Answer:
    """GET /api/shared-docs/:id, with its lock."""
    document = find(state, number)
    return Answer({**document.data(), "lock": document.lock})


def lock(state: State, body: dict[str, Any], request: Request, number: str, _: str) -> Answer:
    """POST /api/shared-docs/:id/lock: advice to others, for a session of a project."""
    document = find(state, number)
    session, project = required(body, "sessionId", "projectName")
    if document.lock is not None and document.lock["lockedBySession"] != session:
        raise refuse(409, "LOCK_CONFLICT", f"Locked by {document.lock['lockedByProject']}")
    times = {"lockedAt": "2026-11-28 05:16:11", "expiresAt": "2026-11-28T05:46:11.385Z"}
    held = {"documentId": document.id, "lockedBySession": session, "lockedByProject": project, **times}
    document.lock = held
    return Answer(held)


def change(state: State, body: dict[str, Any], request: Request, number: str, _: str) -> Answer:
    """PUT /api/shared-docs/:id, partial."""
    document = find(state, number)
    _take(document, body)
    return Answer(document.data())


def delete(state: State, body: dict[str, Any], request: Request, number: str, _: str) -> Answer:
    """DELETE /api/shared-docs/:id; the file stays."""
    del state.documents[find(state, number).id]
    return Answer({"ok": True, "id": number})


def notify(state: State, body: dict[str, Any], request: Request, number: str, _: str) -> Answer:
    """POST /api/shared-docs/:id/notify."""
    document = find(state, number)
    state.notified.append(document.name)
    return Answer({"success": True, "notifiedCount": state.listeners(document)})


def _take(document: Document, body: dict[str, Any]) -> None:
    """The fields that a body gives, all of them judged before the first is taken."""
    mode = body.get("injectMode", document.mode)
    if mode not in MODES:
        raise refuse(400, "BAD_REQUEST", f"injectMode must be one of {', '.join(MODES)}")
    document.inject = bool(body.get("injectIntoConfig", document.inject))  # a text is yes as well
    description = body.get("description", document.description)
    document.description = description if description is None else str(description)
    document.name, document.mode = body.get("name", document.name), mode
    document.path = body.get("filePath", document.path)
