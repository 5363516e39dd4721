"""The proof of a key at an endpoint that answers its list, and a call now and then with an error of its own."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from fleethub.clients.http_answer import HttpAnswer
from fleethub.kinds.execution import Context, StepError
from fleethub.kinds.key.actions import ProveKey
from fleethub.kinds.key.proving import execute as keys
from fleethub.model.secret import Derived, Secret

ENDPOINT = "http://door"
LIST = HttpAnswer(200, {"data": [{"id": "one"}]})
TAKEN = HttpAnswer(
    400, {"error": {"message": "Missing required parameter: 'messages'.", "type": "invalid_request_error"}}
)
AWAY = HttpAnswer(502, {"error": {"message": "Bad Gateway"}})
BLOCKED = HttpAnswer(401, {"error": {"message": "Key is blocked.", "type": "auth_error"}})


def proved(monkeypatch: pytest.MonkeyPatch, *answers: HttpAnswer) -> tuple[tuple[str, ...], int]:
    """The notes of a proof, and how many calls it took; the last answer is given again and again."""
    clock, calls = [0.0], [0]

    def request(method: str, url: str, **_: Any) -> HttpAnswer:
        if method == "GET":
            return LIST
        calls[0] += 1
        return answers[min(calls[0], len(answers)) - 1]

    monkeypatch.setattr(keys, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    monkeypatch.setattr(Context, "pause", lambda _, seconds: clock.__setitem__(0, clock[0] + seconds))
    http, resolver = SimpleNamespace(request=request), SimpleNamespace(open=lambda _: Secret("sk-x"))
    context = Context(http, resolver, None, "l", 1, "a", "f", lambda _: None, 1, 0)  # type: ignore[arg-type]
    do = ProveKey((ENDPOINT,), "a", Derived("key", "f", "main", "a", 1), ("one",), 8.0, 1, None, created=True)
    return keys.prove(do, context), calls[0]


def test_an_error_of_the_doors_own_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    assert proved(monkeypatch, TAKEN) == ((), 1)
    assert proved(monkeypatch, AWAY, TAKEN) == ((), 2)


def test_one_that_stays_leaves_the_list_alone_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    (note,), calls = proved(monkeypatch, AWAY)
    assert "its list alone counts" in note
    assert calls == keys.TRIES


def test_a_key_that_is_refused_behind_it_is_never_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StepError, match="refuses a call with it"):
        proved(monkeypatch, AWAY, BLOCKED)
