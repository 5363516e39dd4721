"""The stand-in itself: gates, bodies and routes, with TangleClaw's error shapes."""

from __future__ import annotations

import hmac
import json
import re
import ssl
from collections.abc import Callable, Sequence
from typing import Any, Literal

from fleethub.testing.server import Answer, Record, Refused, Request, Server
from fleethub.testing.tangleclaw import documents, groups, ports, rules
from fleethub.testing.tangleclaw.errors import refuse
from fleethub.testing.tangleclaw.state import Project, State

Generation = Literal["5.14", "newer"]
Route = Callable[[State, dict[str, Any], Request, str, str], Answer]

BODY, RULE_BODY = 10 << 10, 256 << 10  # bytes of a request's body
GATED = re.compile(r"/api/(ports|shared-docs)(/.*)?|/api/groups/[^/]+/sync")
BOUND = re.compile(r"/api/(groups|shared-docs)(/.*)?")
#: (method, path) -> handler; the path's groups are ids.
ROUTES: tuple[tuple[str, str, Route], ...] = (
    ("GET", r"/api/groups()()", groups.list_groups),
    ("POST", r"/api/groups()()", groups.create),
    ("GET", r"/api/groups/([^/]+)()", groups.show),
    ("PUT", r"/api/groups/([^/]+)()", groups.change),
    ("DELETE", r"/api/groups/([^/]+)()", groups.delete),
    ("GET", r"/api/groups/([^/]+)/members()", groups.members),
    ("POST", r"/api/groups/([^/]+)/members()", groups.add_member),
    ("DELETE", r"/api/groups/([^/]+)/members/([^/]+)", groups.remove_member),
    ("POST", r"/api/groups/([^/]+)/sync()", groups.sync),
    ("GET", r"/api/shared-docs()()", documents.list_documents),
    ("POST", r"/api/shared-docs()()", documents.create),
    ("GET", r"/api/shared-docs/([^/]+)()", documents.show),
    ("PUT", r"/api/shared-docs/([^/]+)()", documents.change),
    ("DELETE", r"/api/shared-docs/([^/]+)()", documents.delete),
    ("POST", r"/api/shared-docs/([^/]+)/notify()", documents.notify),
    ("POST", r"/api/shared-docs/([^/]+)/lock()", documents.lock),
    ("GET", r"/api/projects()()", groups.list_projects),
    ("GET", r"/api/ports()()", ports.list_leases),
    ("POST", r"/api/ports/lease()()", ports.lease),
    ("POST", r"/api/ports/release()()", ports.release),
    ("GET", r"/api/session-rules()()", rules.list_rules),
    ("POST", r"/api/session-rules()()", rules.create),
    ("PUT", r"/api/session-rules/([^/]+)()", rules.change),
    ("DELETE", r"/api/session-rules/([^/]+)()", rules.delete),
)


class TangleClaw(Server):
    """A TangleClaw. ``token`` turns the service-token gate on; an empty one is a gate without a token behind it.

    ``newer``: groups and documents are for panes only (``launches``: their project and launch ids), and what is PUT or
    DELETEd there is the operator's. ``connections`` are OpenClaw gateways, whose tokens are told to whoever asks.
    """

    def __init__(
        self,
        generation: Generation = "5.14",
        *,
        token: str | None = None,
        projects: Sequence[Project] = (),
        launches: Sequence[tuple[str, str]] = (),
        connections: Sequence[dict[str, Any]] = (),
        port: int = 0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(port, tls)
        self.generation, self.token = generation, token
        self.launches, self.connections = set(launches), list(connections)
        self.state = State(tuple(projects))
        self._routes = [(method, re.compile(path), handler) for method, path, handler in ROUTES]
        self.start()

    @property
    def writes(self) -> list[Record]:
        """The requests that change something when they succeed, in order."""
        return [r for r in self.requests if r.method != "GET"]

    def launch(self, project: int) -> None:
        """What the launch of a project's session does to documents: the shared directories are looked through."""
        for group in self.state.groups.values():
            if project in group.members and group.shared_dir:
                self.state.sync(group)

    def serve(self, request: Request) -> Answer:
        """Gates first, then the body, then the route."""
        try:
            self._gate(request)
            self._bind(request)
            body = self._body(request)
            return self._route(request, body)
        except Refused as refused:
            return refused.answer
        except Exception as fault:
            self.faults.append(fault)
            return Answer({"error": "Internal server error", "code": "INTERNAL_ERROR"}, 500)

    def _gate(self, request: Request) -> None:
        if self.token is None or not GATED.fullmatch(request.path):
            return
        if not self.token:
            raise refuse(500, "SERVICE_TOKEN_MISCONFIGURED", "The service token gate is on, and no token is set")
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or not value:
            raise refuse(401, "UNAUTHORIZED", "Missing or malformed Authorization: Bearer header")
        if not hmac.compare_digest(value.encode(), self.token.encode()):
            raise refuse(401, "INVALID_SERVICE_TOKEN", "Invalid service token")

    def _bind(self, request: Request) -> None:
        if self.generation != "newer" or not BOUND.fullmatch(request.path):
            return
        names = ("x-tangleclaw-project-id", "x-tangleclaw-launch-id")
        if tuple(request.headers.get(name, "") for name in names) not in self.launches:
            raise refuse(403, "SHARED_DOCS_BINDING_REQUIRED", "Shared documents are bound to a launched session")
        if request.method in ("PUT", "DELETE"):
            raise refuse(403, "OPERATOR_ONLY", "Only the operator may do this")

    def _body(self, request: Request) -> dict[str, Any]:
        limit = RULE_BODY if request.path.startswith("/api/session-rules") else BODY
        if len(request.body) > limit:
            raise refuse(413, "BODY_TOO_LARGE", f"Request body exceeds {limit} bytes")
        if not request.body:
            return {}
        try:
            body = json.loads(request.body)
        except ValueError:
            raise refuse(400, "BAD_REQUEST", "Invalid JSON body") from None
        if not isinstance(body, dict):
            raise refuse(400, "BAD_REQUEST", "The body must be a JSON object")
        return body

    def _connect(self, body: dict[str, Any]) -> Answer:
        """A new connection, whose tunnel's port is leased for it at once."""
        if any(not body.get(name) for name in ("name", "host", "sshUser", "sshKeyPath")):
            raise refuse(400, "BAD_REQUEST", "name, host, sshUser, and sshKeyPath are required")
        number, place = str(len(self.connections) + 1), ("localhost", body.get("localPort") or 18789)
        if owner := self.state.leases.get(place):
            raise refuse(409, "PORT_CONFLICT", f"Port {place[1]} is already in use by {owner['project']}")
        one = {"id": number, "port": 18789, **body, "localPort": place[1]}
        whose = {"project": f"oc-direct-{number}", "service": "openclaw-tunnel"}
        self.state.leases[place] = {
            "host": place[0], "port": place[1], **whose, "status": "permanent", "permanent": True,
        }  # fmt: skip
        self.connections.append(one)
        return Answer(one, 201)

    def _route(self, request: Request, body: dict[str, Any]) -> Answer:
        if (request.method, request.path) == ("GET", "/api/service-token"):
            if not self.token:
                raise refuse(404, "NO_SERVICE_TOKEN", "No service token is set")
            return Answer({"token": self.token})
        if (request.method, request.path) == ("GET", "/api/openclaw/connections"):
            return Answer({"connections": self.connections})
        if (request.method, request.path) == ("POST", "/api/openclaw/connections"):
            return self._connect(body)
        for method, path, handler in self._routes:
            match = path.fullmatch(request.path)
            if match and method == request.method:
                return handler(self.state, body, request, *match.groups())
        raise refuse(404, "NOT_FOUND", f"No route for {request.method} {request.path}")
