"""TangleClaw's API of groups, shared documents, connections and ports, v5.14 and later. Nothing else of it is asked.

Never asked is ``/api/service-token`` (the token is the operator's to give). An answer of another shape than in
``shapes`` is an error with a reason.
"""

from __future__ import annotations

from typing import Any, TypeVar
from urllib.parse import quote

from pydantic import BaseModel, ValidationError

from fleethub.clients.http import Http
from fleethub.clients.http_answer import HttpAnswer, HttpError
from fleethub.integrations.tangleclaw.result import Binding, StepOutcome
from fleethub.integrations.tangleclaw.shapes import (
    Connection,
    ConnectionsAnswer,
    Document,
    DocumentsAnswer,
    Group,
    GroupsAnswer,
    LeasesAnswer,
    Member,
    MembersAnswer,
    Notified,
    PortLease,
    Project,
    ProjectsAnswer,
    Rule,
    RulesAnswer,
)
from fleethub.model.secret import Secret
from fleethub.model.text import flat

SECONDS = 5.0  # for one call; TangleClaw runs on this machine, or near
T = TypeVar("T", bound=BaseModel)


class TangleClawError(Exception):
    """A call did not do what it should; the message is fit to be shown.

    ``status`` is 0 without an answer; ``code`` is TangleClaw's, empty where it gave none.
    """

    def __init__(self, message: str, outcome: StepOutcome, status: int = 0, code: str = "") -> None:
        self.outcome, self.status, self.code = outcome, status, code
        super().__init__(message)


class TangleClaw:
    """One TangleClaw. All methods raise TangleClawError; ``seconds`` bounds each call."""

    def __init__(
        self,
        http: Http,
        base: str,
        token: Secret | None = None,
        binding: Binding | None = None,
        seconds: float = SECONDS,
    ) -> None:
        self._http, self._base, self._token, self._seconds = http, base, token, seconds
        self._headers = (
            {"x-tangleclaw-project-id": binding.project, "x-tangleclaw-launch-id": binding.launch} if binding else {}
        )

    def groups(self) -> list[Group]:
        """All project groups."""
        return _shape(GroupsAnswer, self._call("GET", "/api/groups")).groups

    def connections(self) -> list[Connection]:
        """All gateways that it knows, without their tokens."""
        return _shape(ConnectionsAnswer, self._call("GET", "/api/openclaw/connections")).connections

    def leases(self) -> list[PortLease]:
        """All leases of ports, on any host."""
        return _shape(LeasesAnswer, self._call("GET", "/api/ports")).leases

    def lease(self, host: str, port: int, project: str, service: str, description: str) -> PortLease:
        """A lease until it is released; again is a renewal, and 409 where it is another project's."""
        body = {"host": host, "port": port, "project": project, "service": service}
        body |= {"permanent": True, "description": description}
        return _shape(PortLease, self._call("POST", "/api/ports/lease", body))

    def release(self, host: str, port: int, project: str) -> None:
        """Give it back; 409 where it is another project's by now."""
        self._call("POST", "/api/ports/release", {"host": host, "port": port, "project": project})

    def create_group(self, name: str, shared_dir: str) -> Group:
        """A new group; 409 where the name is taken."""
        return _shape(Group, self._call("POST", "/api/groups", {"name": name, "sharedDir": shared_dir}))

    def add_member(self, group: str, project: int) -> None:
        """Make a project a member; again is fine."""
        self._call("POST", f"/api/groups/{_part(group)}/members", {"projectId": project})

    def members(self, group: str) -> list[Member]:
        """The projects of a group."""
        return _shape(MembersAnswer, self._call("GET", f"/api/groups/{_part(group)}/members")).members

    def projects(self) -> list[Project]:
        """All projects, with their live sessions; those that are mere folders too."""
        return _shape(ProjectsAnswer, self._call("GET", "/api/projects")).projects

    def rules(self, project: int) -> list[Rule]:
        """The startup rules of a project."""
        asked = {"projectId": project, "kind": "startup"}
        return _shape(RulesAnswer, self._call("GET", "/api/session-rules", params=asked)).rules

    def add_rule(self, project: int, content: str) -> Rule:
        """A new startup rule, in force at once: it is the operator who runs this."""
        body = {"projectId": project, "content": content, "kind": "startup", "createdBy": "fleethub"}
        return _shape(Rule, self._call("POST", "/api/session-rules", body))

    def change_rule(self, rule: int, content: str) -> None:
        """Another text; TangleClaw keeps the one before as a version."""
        self._call("PUT", f"/api/session-rules/{rule}", {"content": content, "changedBy": "fleethub"})

    def remove_rule(self, rule: int) -> None:
        """Take it away."""
        self._call("DELETE", f"/api/session-rules/{rule}")

    def documents(self, group: str) -> list[Document]:
        """The documents of a group."""
        return _shape(DocumentsAnswer, self._call("GET", "/api/shared-docs", params={"groupId": group})).docs

    def document(self, document: str) -> Document:
        """One document."""
        return _shape(Document, self._call("GET", f"/api/shared-docs/{_part(document)}"))

    def add_document(self, group: str, name: str, path: str, description: str) -> Document:
        """Register a file by its absolute path, to be referred to; 409 where the group has it."""
        body = {
            "groupId": group,
            "name": name,
            "filePath": path,
            "injectIntoConfig": True,
            "injectMode": "reference",
            "description": description,
        }
        return _shape(Document, self._call("POST", "/api/shared-docs", body))

    def describe(self, document: str, name: str, description: str) -> None:
        """Change a document's name and description."""
        self._call("PUT", f"/api/shared-docs/{_part(document)}", {"name": name, "description": description})

    def remove_document(self, document: str) -> None:
        """Unregister a document; its file stays."""
        self._call("DELETE", f"/api/shared-docs/{_part(document)}")

    def notify(self, document: str) -> int:
        """Tell live sessions that a document changed; returns how many were told."""
        return _shape(Notified, self._call("POST", f"/api/shared-docs/{_part(document)}/notify", {})).count

    def _call(self, method: str, path: str, json: Any = None, params: dict[str, Any] | None = None) -> Any:
        try:
            answer = self._http.request(
                method,
                self._base + path,
                token=self._token,
                headers=self._headers,
                json=json,
                params=params,
                limit=self._seconds,
            )
        except HttpError as error:
            code = "CERTIFICATE" if error.why == "certificate" else ""
            raise TangleClawError(str(error), StepOutcome.UNREACHABLE, code=code) from None
        if answer.status in (200, 201):
            return answer.body
        raise _refusal(answer)


def _refusal(answer: HttpAnswer) -> TangleClawError:
    body = answer.body if isinstance(answer.body, dict) else {}
    code = flat(str(body.get("code") or ""))[:60]
    if answer.status == 401:
        outcome = StepOutcome.AUTH_REQUIRED
    elif code == "SHARED_DOCS_BINDING_REQUIRED":
        outcome = StepOutcome.BINDING_REQUIRED
    else:
        outcome = StepOutcome.REFUSED
    return TangleClawError(answer.reason(), outcome, answer.status, code)


def _part(name: str) -> str:
    return quote(name, safe="")


def _shape(kind: type[T], body: Any) -> T:
    try:
        return kind.model_validate(body)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the answer"
        raise TangleClawError(
            f"an unexpected answer, so it may be no TangleClaw: {where}: {first['msg']}", StepOutcome.REFUSED
        ) from None
