"""Every error is ``{error, code, …}``: a sentence for people, a word for programs."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from starlette.responses import Response

from fleethub.model.errors import FleetHubError, SpecError
from fleethub.views.commands import AS_WRITTEN, Commands
from fleethub.views.data import finding_data

#: code -> HTTP status, when it is answered. The documentation's table is made from this one.
CODES: dict[str, tuple[int, str]] = {
    "BAD_REQUEST": (400, "the body is not JSON, ended early, or has a key twice"),
    "VALIDATION": (400, "a field is missing, unknown, of the wrong type or out of range; `problems` say where"),
    "QUESTION": (
        409,
        "a question whose parts do not go together, or not with this fleet (a cloud model)",
    ),
    "UNAUTHORIZED": (401, "no `Authorization: Bearer` header, or a malformed one"),
    "INVALID_SERVICE_TOKEN": (401, "another token than the server's"),
    "HOST_NOT_SERVED": (403, "a Host header that is neither loopback, an address, nor the name given with --host"),
    "CROSS_SITE_FORBIDDEN": (403, "a browser asks to write on behalf of another site"),
    "NO_PERSON": (403, "a decision about a proposal without the token of a person"),
    "NOT_FOUND": (404, "no such route, node, model or backend"),
    "METHOD_NOT_ALLOWED": (405, "the route is there, for another method"),
    "OWNED": (409, "the entry is another project's; `owner` is the whole entry"),
    "CAPACITY_CONFLICT": (409, "the backend would not hold it; `capacity` is the arithmetic"),
    "REFUSED": (409, "the edited spec would not hold together, or what it edits is protected; `findings` say why"),
    "STALE": (409, "the spec was changed by somebody else meanwhile; read it and ask again"),
    "LOCKED": (409, "another edit is being written; ask again"),
    "BODY_TOO_LARGE": (413, "more than 64 KiB"),
    "JSON_BODY_REQUIRED": (415, "a browser's write that is not application/json"),
    "INTERNAL_ERROR": (500, "a bug of FleetHub's; the server's log says where"),
    "SPEC_BROKEN": (503, "the spec does not hold together; `findings` say where"),
    "STOPPING": (503, "the server was stopped meanwhile; whether a write was done shows in the spec"),
    "UNWRITABLE": (503, "a file of the fleet's cannot be read or written: a full disk, no permission"),
}


class Refusal(Exception):
    """An answer that is an error. ``more`` is spread beside ``error`` and ``code``, which it cannot override."""

    def __init__(self, code: str, message: str, headers: Mapping[str, str] | None = None, **more: Any) -> None:
        super().__init__(message)
        self.code, self.message, self.more, self.headers = code, message, more, headers

    def response(self, commands: Commands = AS_WRITTEN) -> Response:
        """As JSON, with the code's own status."""
        return json_response(commands.within(self.body), CODES[self.code][0], self.headers)

    @property
    def body(self) -> dict[str, Any]:
        """What is answered."""
        return {**self.more, "error": self.message, "code": self.code}


#: FleetHubError.code -> code here. Whatever else stops an operation is REFUSED.
WORDS = {
    "spec.broken": "SPEC_BROKEN",
    "spec.changed": "STALE",
    "plan.stale": "STALE",
    "lockfile.stale": "STALE",
    "locked": "LOCKED",
    "unknown-node": "NOT_FOUND",
    "plan.unknown": "NOT_FOUND",
    "by-hand": "REFUSED",
    "bad-name": "VALIDATION",
    "bad-field": "VALIDATION",
    "bad-project": "VALIDATION",
    "absent": "NOT_FOUND",
    "unknown-backend": "NOT_FOUND",
    "unknown-project": "NOT_FOUND",
    "input": "QUESTION",
}


def invalid(errors: Sequence[Mapping[str, Any]]) -> Refusal:
    """What pydantic found wrong with a request: every field at once, never its value."""
    problems = [{"at": ".".join(map(str, one["loc"])), "problem": _problem(one)} for one in errors]
    first = problems[0] if problems else {"at": "body", "problem": "invalid"}
    return Refusal("VALIDATION", f"{first['at']}: {first['problem']}", problems=problems)


def _problem(error: Mapping[str, Any]) -> str:
    """In words; a pattern is for programs, which have it in the schema."""
    if error["type"] == "string_pattern_mismatch":
        return "has a character that may not stand there, or is empty"
    return str(error["msg"])


def refusal_of(error: FleetHubError | OSError) -> Refusal:
    """What stopped an operation, as an answer."""
    if isinstance(error, OSError):
        name = f"{Path(os.fsdecode(error.filename)).name}: " if isinstance(error.filename, str | bytes) else ""
        why = f"{name}{error.strerror or type(error).__name__}"
        return Refusal(
            "UNWRITABLE", f"a file of this fleet's folder cannot be read or written ({why}), so it was not done"
        )
    if isinstance(error, SpecError):
        says = "the spec does not hold together, so it is not edited"
        return Refusal("SPEC_BROKEN", says, findings=[finding_data(f) for f in error.findings])
    return Refusal(WORDS.get(error.code, "REFUSED"), str(error))


BUG = Refusal("INTERNAL_ERROR", "FleetHub has a bug; the server's log says where")
STOPPING = Refusal("STOPPING", "the server was stopped meanwhile; look at the spec before you ask again")


def json_response(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """JSON that no cache keeps: what is observed changes."""
    content = json.dumps(body, ensure_ascii=False, default=list).encode()
    return Response(content, status, {"Cache-Control": "no-store", **(headers or {})}, "application/json")
