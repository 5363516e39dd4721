"""Routes of PortHub: leases of ports by (host, port), each a project's."""

from __future__ import annotations

from typing import Any

from fleethub.testing.server import Answer, Request
from fleethub.testing.tangleclaw.errors import refuse
from fleethub.testing.tangleclaw.state import TIME, State


def list_leases(state: State, body: dict[str, Any], request: Request, *_: str) -> Answer:
    """GET /api/ports[?host=]."""
    host = request.query.get("host")
    leases = [one for one in state.leases.values() if host in (None, one["host"])]
    grouped: dict[str, list[Any]] = {}
    for one in leases:
        grouped.setdefault(one["project"], []).append(one)
    return Answer({"totalLeases": len(leases), "systemPortCount": 0, "leases": leases, "grouped": grouped})


def lease(state: State, body: dict[str, Any], request: Request, *_: str) -> Answer:
    """POST /api/ports/lease; again by the same project is a renewal. The port's own form is not looked at."""
    if any(not body.get(name) for name in ("port", "project", "service")):
        raise refuse(400, "BAD_REQUEST", "port, project and service are required")
    place = (body.get("host", "localhost"), int(body["port"]))
    owner = state.leases.get(place)
    if owner is not None and owner["project"] != body["project"] and not body.get("force"):
        message = f'Port {place[1]} on {place[0]} is leased by "{owner["project"]}" ({owner["service"]}).'
        raise refuse(409, "PORT_CONFLICT", message, owner=owner)
    permanent = bool(body.get("permanent"))
    state.leases[place] = {
        "host": place[0],
        "port": place[1],
        "project": body["project"],
        "service": body["service"],
        "status": "permanent" if permanent else "active",
        "permanent": permanent,
        "ttlMs": body.get("ttl"),
        "expiresAt": None,
        "description": body.get("description"),
        "autoRenew": False,
        **dict.fromkeys(("lastHeartbeat", "createdAt", "updatedAt"), TIME),
    }
    return Answer(state.leases[place], 201)


def release(state: State, body: dict[str, Any], request: Request, *_: str) -> Answer:
    """POST /api/ports/release; whose it is is only looked at where a project is sent."""
    if not body.get("port"):
        raise refuse(400, "BAD_REQUEST", "port is required")
    place: tuple[Any, Any] = (body.get("host", "localhost"), body["port"])
    owner = state.leases.get(place)
    if owner is not None and body.get("project") not in (None, owner["project"]) and not body.get("force"):
        raise refuse(409, "PORT_CONFLICT", f'Port {place[1]} is leased by "{owner["project"]}"', owner=owner)
    state.leases.pop(place, None)
    return Answer({"ok": True, "host": place[0], "port": place[1]})
