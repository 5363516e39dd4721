"""The guards, each judged before a body is read, and in their order."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from fleethub.model.secret import Secret
from fleethub.server.access import ALWAYS, LARGEST, AccessGuard, AccessPolicy, hostname

TOKEN = "fhsk_" + "a" * 43
ANYBODY = AccessPolicy()
WRITE = {"project": "Volta"}


async def echo(request: Request) -> Response:
    return JSONResponse({"method": request.method, "body": (await request.body()).decode()})


def served(policy: AccessPolicy = ANYBODY, host: str = "localhost:3310") -> TestClient:
    methods = ["GET", "POST", "PUT", "DELETE", "PATCH"]
    routes = [Route(path, echo, methods=methods) for path in ("/", "/healthz", "/api/fleet")]
    return TestClient(AccessGuard(Starlette(routes=routes), policy), base_url=f"http://{host}")


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json().get("code", "")


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:1", "localhost.", "127.0.0.1:3310", "[::1]:3310", "192.168.1.5"]
)
def test_loopback_and_addresses_are_served(host: str) -> None:
    assert served().get("/api/fleet", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "evil@127.0.0.1", ""]
)
def test_a_foreign_host_is_refused(host: str) -> None:
    assert code(served().get("/api/fleet", headers={"Host": host})) == (403, "HOST_NOT_SERVED")


def test_the_name_given_with_host_is_served() -> None:
    policy = AccessPolicy(frozenset({"monad-1.example.ts.net"}))
    assert served(policy).get("/api/fleet", headers={"Host": "Monad-1.example.ts.net:3310"}).status_code == 200


def test_names_in_host_headers() -> None:
    assert [hostname(h) for h in ("a:1", "[::1]:2", "A.b.", "a/b", "u@a", "a:b", "[::1")] == [
        *("a", "::1", "a.b", "", "", "", ""),
    ]


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:3000"},  # another program on this machine
        {"Origin": "http://[broken"},
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_another_site_does_not_write(headers: dict[str, str], method: str) -> None:
    assert code(served().request(method, "/api/fleet", json=WRITE, headers=headers)) == (403, "CROSS_SITE_FORBIDDEN")
    assert served().get("/api/fleet", headers=headers).status_code == 200


def test_the_page_itself_writes_json_and_nothing_else() -> None:
    own = {"Origin": "http://localhost:3310", "Sec-Fetch-Site": "same-origin"}
    assert served().post("/api/fleet", json=WRITE, headers=own).status_code == 200
    form = served().post("/api/fleet", data={"project": "x"}, headers=own)
    assert code(form) == (415, "JSON_BODY_REQUIRED")


def test_a_programs_body_is_json_whatever_it_calls_it() -> None:
    answer = served().post("/api/fleet", content=b'{"a": 1}', headers={"Content-Type": "text/plain"})
    assert answer.json()["body"] == '{"a": 1}'


@pytest.mark.parametrize(
    "body", [b"{", b"\xff", b'{"a": NaN}', b"[" * 20_000, b'{"project": "Volta", "project": "TiltClaw"}']
)
def test_what_is_not_json(body: bytes) -> None:
    assert code(served().post("/api/fleet", content=body)) == (400, "BAD_REQUEST")


def test_a_large_body_is_refused_whether_or_not_it_says_so() -> None:
    large = b'"' + b"a" * LARGEST + b'"'
    assert code(served().post("/api/fleet", content=large)) == (413, "BODY_TOO_LARGE")
    taken = []

    def chunks() -> Iterator[bytes]:
        for _ in range(64):
            taken.append(1)
            yield b"a" * 4096

    assert code(served().post("/api/fleet", content=chunks())) == (413, "BODY_TOO_LARGE")
    exact = b'"' + b"a" * (LARGEST - 2) + b'"'
    assert served().post("/api/fleet", content=exact).status_code == 200


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def basic(token: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"me:{token}".encode()).decode()}


@pytest.mark.parametrize("shape", [bearer, basic])
def test_the_token_lets_in(shape: Callable[[str], dict[str, str]]) -> None:
    policy = AccessPolicy(token=Secret(TOKEN))
    assert served(policy).get("/api/fleet", headers=shape(TOKEN)).status_code == 200
    wrong = served(policy).get("/api/fleet", headers=shape(TOKEN[:-1] + "b"))
    assert code(wrong) == (401, "INVALID_SERVICE_TOKEN")
    assert TOKEN not in wrong.text


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": TOKEN},
        {"Authorization": "Bearer"},
        {"Authorization": "Basic !"},
        {"Authorization": "Digest x"},
    ],
)
def test_no_token_or_none_that_can_be_read(headers: dict[str, str]) -> None:
    answer = served(AccessPolicy(token=Secret(TOKEN))).get("/api/fleet", headers=headers)
    assert code(answer) == (401, "UNAUTHORIZED")
    assert answer.json()["error"] == "Missing or malformed Authorization: Bearer header"
    assert "www-authenticate" not in answer.headers


def test_a_token_that_is_not_ascii_is_wrong_and_no_bug() -> None:
    client = served(AccessPolicy(token=Secret(TOKEN)))
    answer = client.get("/api/fleet", headers={"Authorization": "Bearer é".encode()})
    assert code(answer) == (401, "INVALID_SERVICE_TOKEN")
    answer = client.get("/api/fleet", headers={"Authorization": "Basic é".encode()})
    assert code(answer) == (401, "UNAUTHORIZED")


def test_the_page_asks_a_browser_for_the_token() -> None:
    answer = served(AccessPolicy(token=Secret(TOKEN))).get("/")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Basic ")


def test_healthz_needs_no_token() -> None:
    assert served(AccessPolicy(token=Secret(TOKEN))).get("/healthz").status_code == 200


def test_the_order_host_then_site_then_token_then_body() -> None:
    client, large = served(AccessPolicy(token=Secret(TOKEN))), b"{" * (LARGEST + 1)
    everything = {"Host": "evil.example", "Sec-Fetch-Site": "cross-site", "Content-Type": "text/plain"}
    assert code(client.post("/api/fleet", content=large, headers=everything))[1] == "HOST_NOT_SERVED"
    del everything["Host"]
    assert code(client.post("/api/fleet", content=large, headers=everything))[1] == "CROSS_SITE_FORBIDDEN"
    everything["Sec-Fetch-Site"] = "same-origin"
    assert code(client.post("/api/fleet", content=large, headers=everything))[1] == "UNAUTHORIZED"
    everything |= bearer(TOKEN)
    assert code(client.post("/api/fleet", content=b"{", headers=everything))[1] == "JSON_BODY_REQUIRED"


async def asked(*messages: dict[str, Any], **headers: str) -> list[int]:
    """Status of the answer to a POST with these messages; 200 where it came past the guards."""
    sent: list[int] = []
    coming = iter(messages)

    async def receive() -> Any:
        return next(coming)

    async def send(message: Any) -> None:
        sent.append(message.get("status", 0))

    lines = [
        (b"host", b"localhost"),
        *((name.replace("_", "-").encode(), text.encode()) for name, text in headers.items()),
    ]
    scope = {"type": "http", "method": "POST", "path": "/api/fleet", "headers": lines}
    app = Starlette(routes=[Route("/api/fleet", echo, methods=["POST"])])
    await AccessGuard(app, ANYBODY)(scope, receive, send)
    return sent[:1]


@pytest.mark.anyio
async def test_a_body_that_breaks_off_is_no_order() -> None:
    whole = {"type": "http.request", "body": b'{"a": 1}', "more_body": False}
    assert await asked(whole) == [200]
    assert await asked({**whole, "more_body": True}, {"type": "http.disconnect"}) == [400]


@pytest.mark.anyio
async def test_a_length_of_thousands_of_digits_is_too_large() -> None:
    assert await asked(content_length="9" * 5000) == [413]


@pytest.mark.anyio
async def test_a_refusal_reads_nothing_of_the_body() -> None:
    async def receive() -> Any:
        raise AssertionError("the body was read")

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/api/fleet", "headers": [(b"host", b"evil.example")]}
    await AccessGuard(Starlette(), AccessPolicy())(scope, receive, send)
    assert sent[0]["status"] == 403


def test_a_bug_is_told_without_what_is_inside(caplog: pytest.LogCaptureFixture) -> None:
    async def breaks(*_: Any) -> None:
        raise RuntimeError(TOKEN)

    answer = TestClient(AccessGuard(breaks, AccessPolicy()), base_url="http://localhost").get("/")
    assert code(answer) == (500, "INTERNAL_ERROR")
    assert TOKEN not in answer.text + caplog.text
    assert "RuntimeError at test_access.py:" in caplog.text


def test_a_path_forges_no_line_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    async def breaks(*_: Any) -> None:
        raise RuntimeError

    TestClient(AccessGuard(breaks, AccessPolicy()), base_url="http://localhost").get("/x%0aforged")
    assert len(caplog.messages) == 1
    assert "\n" not in caplog.messages[0]


def test_every_answer_has_the_headers() -> None:
    for answer in (served().get("/"), served().get("/", headers={"Host": "evil.example"})):
        for name, value in ((name.decode(), value.decode()) for name, value in ALWAYS):
            assert answer.headers[name] == value
