"""The endpoints that write teams: enough of one to hold keys, and to allow them less than their own lists do."""

from __future__ import annotations

import uuid
from typing import Any

from fleethub.testing.litellm import rows
from fleethub.testing.litellm.access import authenticate, may, require_admin
from fleethub.testing.litellm.body import Body, read
from fleethub.testing.litellm.database import ADMIN, Row
from fleethub.testing.litellm.errors import denied, detail, error, invalid
from fleethub.testing.litellm.replica import Replica
from fleethub.testing.server import Answer, Refused, Request


def new_team(replica: Replica, request: Request) -> Answer:
    """POST /team/new."""
    require_admin(replica, request)
    body = read(replica, request)
    if body.get("team_id") in replica.database.teams:
        text = f"Team id = {body['team_id']} already exists. Please use a different team id."
        raise detail(400, text, replica.bad_request, "None" if replica.old else None)
    team: dict[str, Any] = {
        "team_alias": body.get("team_alias"),
        "team_id": body.get("team_id") or str(uuid.uuid4()),
        "metadata": body.get("metadata") or {},
        "models": body.get("models") or [],
        "blocked": False,
        "spend": 0.0,
        "max_budget": body.get("max_budget"),
        "members_with_roles": [{"user_id": ADMIN, "user_email": None, "role": "admin"}],
    }
    with replica.database.lock:
        replica.database.teams[team["team_id"]] = team
    return Answer(team)


def update_team(replica: Replica, request: Request) -> Answer:
    """POST /team/update: a list that gets shorter leaves the lists of its keys as they are."""
    require_admin(replica, request)
    body = _named(replica, request)
    with replica.database.lock:
        team = replica.database.teams.get(body["team_id"])
        if team is None:
            param = "None" if replica.old else None
            raise detail(404, f"Team not found, passed team_id={body.get('team_id')}", "internal_server_error", param)
        team.update({name: body[name] for name in ("team_alias", "models", "max_budget") if name in body})
        return Answer({"team_id": team["team_id"], "data": dict(team)})


def team_info(replica: Replica, request: Request) -> Answer:
    """GET /team/info?team_id=: the team inside ``team_info``."""
    caller, given = authenticate(replica, request), request.query.get("team_id")
    replica.require_database()
    kind, param = ("invalid_request_error", None) if replica.newest else ("auth_error", "None")
    if given is None:
        raise error(422, "{'message': 'Malformed request. No team id passed in.'}", kind, param)
    team = replica.database.teams.get(given)
    if team is None:
        raise error(404, f"{{'message': 'Team not found, passed team id: {given}.'}}", kind, param)
    if caller.row is not None and caller.row["team_id"] != given:
        whose = f"Team key for team={caller.row['team_id'] or ''}"
        raise detail(403, f"{whose} not authorized to access this team={given}", kind, param)
    with replica.database.lock:
        keys = [rows.listed(row, replica.version) for row in replica.database.keys.values() if row["team_id"] == given]
    return Answer({"team_id": given, "team_info": dict(team), "keys": keys, "team_memberships": []})


def _named(replica: Replica, request: Request) -> Body:
    """A body that names a team."""
    body = read(replica, request)
    if body.get("team_id") is None:
        raise invalid(replica.version, "missing", ["body", "team_id"], "Field required", body)
    return body


def block_team(replica: Replica, request: Request) -> Answer:
    """POST /team/block and /team/unblock."""
    require_admin(replica, request)
    body = _named(replica, request)
    with replica.database.lock:
        team = replica.database.teams.get(body["team_id"])
        if team is None:
            raise Refused(Answer({"detail": {"error": f"Team not found, passed team_id={body['team_id']}"}}, 404))
        team["blocked"] = request.path == "/team/block"
        return Answer(dict(team))


def delete_teams(replica: Replica, request: Request) -> Answer:
    """POST /team/delete: the keys of a team go with it."""
    require_admin(replica, request)
    body = read(replica, request)
    if body.get("team_ids") is None:
        raise invalid(replica.version, "missing", ["body", "team_ids"], "Field required", body)
    asked = body["team_ids"]
    database = replica.database
    with database.lock:
        for team in asked:
            if team not in database.teams:
                raise Refused(Answer({"detail": {"error": f"Team not found, passed team_id={team}"}}, 404))
        for team in asked:
            del database.teams[team]
            for token in [t for t, row in database.keys.items() if row["team_id"] == team]:
                replica.archive(token, forget=not replica.old)  # 1.82.0 goes on with the keys that it remembers
    return Answer({"deleted_teams": asked})


def check_joining(replica: Replica, row: Row, body: Body) -> None:
    """An update that puts a key into a team; a new key is not held to its team's list, nor is a later change."""
    if body.get("team_id") is None:
        return
    team = replica.database.teams.get(body["team_id"])
    if team is None:
        text = f"Team doesn't exist in db. Team={body['team_id']}. Create team via `/team/new` call."
        raise detail(404, text, "auth_error")
    for model in body.get("models") or row["models"]:
        if model != "all-team-models" and not may(replica, team["models"], None, model):
            raise denied(replica.version, "team", team["models"], model)
