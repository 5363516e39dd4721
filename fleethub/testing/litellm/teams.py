"""The endpoints that write teams: enough of one to hold keys, and to allow them less than their own lists do."""

from __future__ import annotations

import uuid
from typing import Any

from fleethub.testing.litellm.access import may, require_admin
from fleethub.testing.litellm.body import Body, read
from fleethub.testing.litellm.database import ADMIN, Row
from fleethub.testing.litellm.errors import denied, detail
from fleethub.testing.litellm.replica import Replica
from fleethub.testing.server import Answer, Refused, Request


def new_team(replica: Replica, request: Request) -> Answer:
    """POST /team/new."""
    require_admin(replica, request)
    body = read(replica, request)
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
    body = read(replica, request)
    with replica.database.lock:
        team = replica.database.teams.get(body.get("team_id", ""))
        if team is None:
            param = "None" if replica.old else None
            raise detail(404, f"Team not found, passed team_id={body.get('team_id')}", "internal_server_error", param)
        team.update({name: body[name] for name in ("team_alias", "models", "max_budget") if name in body})
        return Answer({"team_id": team["team_id"], "data": dict(team)})


def team_info(replica: Replica, request: Request) -> Answer:
    """GET /team/info?team_id=: the team inside ``team_info``."""
    require_admin(replica, request)
    team = replica.database.teams.get(request.query.get("team_id", ""))
    if team is None:
        raise detail(404, f"Team not found, passed team id: {request.query.get('team_id')}.", "not_found_error", None)
    return Answer({"team_id": team["team_id"], "team_info": dict(team), "keys": [], "team_memberships": []})


def block_team(replica: Replica, request: Request) -> Answer:
    """POST /team/block and /team/unblock."""
    require_admin(replica, request)
    body = read(replica, request)
    with replica.database.lock:
        team = replica.database.teams.get(body.get("team_id", ""))
        if team is None:
            raise detail(404, f"Team not found, passed team_id={body.get('team_id')}", "internal_server_error", None)
        team["blocked"] = request.path == "/team/block"
        return Answer(dict(team))


def delete_teams(replica: Replica, request: Request) -> Answer:
    """POST /team/delete: the keys of a team go with it."""
    require_admin(replica, request)
    asked = read(replica, request).get("team_ids") or []
    database = replica.database
    with database.lock:
        for team in asked:
            if team not in database.teams:
                raise Refused(Answer({"detail": {"error": f"Team not found, passed team_id={team}"}}, 404))
        for team in asked:
            del database.teams[team]
            for token in [t for t, row in database.keys.items() if row["team_id"] == team]:
                replica.archive(token)
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
