"""The client of TangleClaw over real sockets: what each refusal becomes, and that no token is ever said."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleethub.clients.http import Http
from fleethub.integrations.tangleclaw.client import TangleClaw, TangleClawError
from fleethub.integrations.tangleclaw.result import Binding, StepOutcome
from fleethub.model.secret import Secret
from fleethub.testing import tangleclaw as standin
from fleethub.testing.server import Answer

TOKEN = "tcsk_" + "Canary7" * 6 + "z"
PROJECT = standin.Project(7, "alpha", listening=True)


@pytest.fixture
def http() -> Iterator[Http]:
    found = Http()
    yield found
    found.close()


@pytest.fixture
def server() -> Iterator[standin.TangleClaw]:
    with standin.TangleClaw(projects=[PROJECT]) as found:
        yield found
        assert found.faults == []


def raised(call: object, *args: object) -> TangleClawError:
    with pytest.raises(TangleClawError) as caught:
        call(*args)  # type: ignore[operator]
    assert TOKEN not in str(caught.value)
    return caught.value


def test_all_calls(http: Http, server: standin.TangleClaw, tmp_path: Path) -> None:
    client = TangleClaw(http, server.url)
    assert client.groups() == []
    group = client.create_group("AI Inference", str(tmp_path))
    assert (group.name, group.shared_dir) == ("AI Inference", str(tmp_path))
    assert client.groups() == [group]
    client.add_member(group.id, 7)
    assert [(one.id, one.name) for one in client.members(group.id)] == [(7, "alpha")]
    one = client.add_document(group.id, "FLEETHUB", "/f/FLEETHUB.md", "how")
    assert client.documents(group.id) == [one] == [client.document(one.id)]
    stored = server.state.documents[one.id]
    assert (stored.inject, stored.mode, stored.description) == (True, "reference", "how")
    client.describe(one.id, "FLEETHUB", "other")
    assert client.document(one.id).description == "other"
    assert client.notify(one.id) == 1
    client.remove_document(one.id)
    assert client.documents(group.id) == []


def test_refusals_have_their_code(http: Http, server: standin.TangleClaw) -> None:
    client = TangleClaw(http, server.url)
    client.create_group("g", "/g")
    error = raised(client.create_group, "g", "/g")
    assert (error.outcome, error.status, error.code) == (StepOutcome.REFUSED, 409, "CONFLICT")
    error = raised(client.document, "../groups")  # one part of a path, whatever it holds
    assert (error.status, error.code) == (404, "NOT_FOUND")
    error = raised(client.create_group, "x" * 10_240, "/g")
    assert (error.status, error.code) == (413, "BODY_TOO_LARGE")


def test_the_gate(http: Http) -> None:
    with standin.TangleClaw(token=TOKEN) as server:
        group = TangleClaw(http, server.url).create_group("g", "/g")
        error = raised(TangleClaw(http, server.url).documents, group.id)
        assert (error.outcome, error.code) == (StepOutcome.AUTH_REQUIRED, "UNAUTHORIZED")
        error = raised(TangleClaw(http, server.url, Secret("tcsk_other")).documents, group.id)
        assert (error.outcome, error.code) == (StepOutcome.AUTH_REQUIRED, "INVALID_SERVICE_TOKEN")
        assert TangleClaw(http, server.url, Secret(TOKEN)).documents(group.id) == []
        server.token = ""
        error = raised(TangleClaw(http, server.url, Secret(TOKEN)).documents, group.id)
        assert (error.outcome, error.code) == (StepOutcome.REFUSED, "SERVICE_TOKEN_MISCONFIGURED")


def test_newer_ones(http: Http) -> None:
    with standin.TangleClaw("newer", launches=[("7", "L1")]) as server:
        assert raised(TangleClaw(http, server.url).groups).outcome is StepOutcome.BINDING_REQUIRED
        client = TangleClaw(http, server.url, binding=Binding("7", "L1"))
        group = client.create_group("g", "/g")
        one = client.add_document(group.id, "FLEETHUB", "/g/FLEETHUB.md", "how")
        for error in (raised(client.describe, one.id, "n", "other"), raised(client.remove_document, one.id)):
            assert (error.outcome, error.code) == (StepOutcome.REFUSED, "OPERATOR_ONLY")


def test_nobody_there(http: Http, server: standin.TangleClaw) -> None:
    server.stop()
    assert raised(TangleClaw(http, server.url).groups).outcome is StepOutcome.UNREACHABLE


def test_one_that_never_answers_is_left_after_the_limit(http: Http) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        client = TangleClaw(http, f"http://127.0.0.1:{mute.getsockname()[1]}", seconds=0.2)
        assert raised(client.groups).outcome is StepOutcome.UNREACHABLE


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}", b'{"groups": [{"id": 1, "name": "n"}]}', b"[" * 99_999])
def test_something_else_than_a_tangleclaw(http: Http, server: standin.TangleClaw, body: bytes) -> None:
    server.mangle = lambda path, data: body
    error = raised(TangleClaw(http, server.url).groups)
    assert error.outcome is StepOutcome.REFUSED
    assert "may be no TangleClaw" in str(error)


def test_a_token_that_is_said_back_is_not_passed_on(http: Http, server: standin.TangleClaw) -> None:
    server.serve = lambda request: Answer(  # type: ignore[method-assign]
        {"error": f"bad {request.headers['authorization']}", "code": "UNAUTHORIZED"}, 401
    )
    assert raised(TangleClaw(http, server.url, Secret(TOKEN)).groups).outcome is StepOutcome.AUTH_REQUIRED


def test_names_cannot_move_the_cursor(http: Http, server: standin.TangleClaw) -> None:
    TangleClaw(http, server.url).create_group("a\x1b[2Jb", "/g")
    assert TangleClaw(http, server.url).groups()[0].name == "a b"


def test_a_client_is_used_from_many_threads(http: Http, server: standin.TangleClaw) -> None:
    client = TangleClaw(http, server.url)
    group = client.create_group("g", "/g")
    found: list[object] = []
    threads = [threading.Thread(target=lambda: found.append(client.documents(group.id))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [[]] * 8
