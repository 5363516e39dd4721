"""Routes of session rules."""

from __future__ import annotations

from typing import Any

from fleethub.testing.server import Answer, Request
from fleethub.testing.tangleclaw.errors import optional, refuse
from fleethub.testing.tangleclaw.state import Rule, State

KINDS = ("startup", "master")


def find(state: State, number: str) -> Rule:
    """The rule, or 404."""
    rule = state.rules.get(int(number)) if number.isdecimal() else None
    if rule is None:
        raise refuse(404, "NOT_FOUND", "Rule not found")
    return rule


def list_rules(state: State, body: dict[str, Any], request: Request, *_: str) -> Answer:
    """GET /api/session-rules?projectId=&kind=&status=."""
    rules = [rule.data() for rule in state.rules.values()]
    wanted = {name: request.query[name] for name in ("projectId", "kind", "status") if name in request.query}
    return Answer({"rules": [r for r in rules if all(str(r[n]) == value for n, value in wanted.items())]})


def create(state: State, body: dict[str, Any], request: Request, *_: str) -> Answer:
    """POST /api/session-rules; what an AI writes is only proposed."""
    content, given, kind = body.get("content"), body.get("projectId"), body.get("kind", "startup")
    if not isinstance(content, str) or not content.strip():
        raise refuse(400, "BAD_REQUEST", "content (non-empty string) is required")
    if not given:
        raise refuse(400, "BAD_REQUEST", "projectId is required")
    project = int(given) if str(given).isdecimal() else 0
    if project not in state.projects:  # it is the database that says so, and nobody foresaw it
        raise refuse(500, "INTERNAL_ERROR", "Internal server error")
    if kind not in KINDS:
        raise refuse(400, "BAD_REQUEST", f"kind must be one of {', '.join(KINDS)}")
    by = optional(body, "createdBy", str) or "operator"
    rule = Rule(next(state.rule_ids), project, content, kind, by)
    state.rules[rule.id] = rule
    return Answer(rule.data(), 201)


def change(state: State, body: dict[str, Any], request: Request, number: str, _: str) -> Answer:
    """PUT /api/session-rules/:id; each one is a new version."""
    rule = find(state, number)
    content = optional(body, "content", str, rule.content)
    if not content.strip():
        raise refuse(400, "BAD_REQUEST", "content cannot be empty")
    rule.content = content
    rule.enabled = bool(optional(body, "enabled", bool, rule.enabled))
    rule.versions += 1
    return Answer(rule.data())


def delete(state: State, body: dict[str, Any], request: Request, number: str, _: str) -> Answer:
    """DELETE /api/session-rules/:id."""
    rule = find(state, number)
    del state.rules[rule.id]
    return Answer({"ok": True, "id": rule.id})
