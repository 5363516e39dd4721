"""What counts as one origin, and as one command."""

from __future__ import annotations

import pytest

from fleethub.model.secret import SecretRef
from fleethub.model.trust import CommandUse, Guard, OriginUse, TrustRecord, digest, origin_of


@pytest.mark.parametrize(
    ("at", "origin"),
    [
        ("http://llm", "http://llm"),
        ("http://llm:80/v1", "http://llm"),
        ("https://llm:443/", "https://llm"),
        ("https://llm:80", "https://llm:80"),
        ("http://llm:443", "http://llm:443"),
        ("HTTP://LLM:4000/v1?a=b#c", "http://llm:4000"),
        ("http://user:pass@llm:4000", "http://llm:4000"),
        ("http://[::1]:4000/x", "http://[::1]:4000"),
        ("http://llm:port", "http://llm:port"),  # no URL: it is nothing but itself
        ("ssh://ops@volta:22/srv/x", "ssh://ops@volta:22"),
        ("ssh://volta", "ssh://volta"),
        ("nodes/volta", ""),
        ("local", ""),
    ],
)
def test_an_origin(at: str, origin: str) -> None:
    assert origin_of(at) == origin


def test_an_origin_is_known_with_the_credential_that_is_to_go_there() -> None:
    one, other = SecretRef(("env:ONE",)), SecretRef(("env:OTHER",))
    record = TrustRecord().with_uses([OriginUse("http://llm", "proxy.main url"), OriginUse("http://llm", "admin", one)])
    assert [record.knows(OriginUse("http://llm", "x", ref)) for ref in (None, one, other)] == [True, True, False]
    assert not record.knows(OriginUse("http://llm:81", "x"))
    again = record.with_uses([OriginUse("http://llm", "admin", other)])
    assert [again.knows(OriginUse("http://llm", "x", ref)) for ref in (one, other)] == [False, True]


def test_a_command_is_known_by_its_words() -> None:
    record = TrustRecord().with_uses([], [CommandUse("op  read 'op://a b'", "x")])
    assert record.runs('op read "op://a b"')
    assert not record.runs("op read op://a b")
    assert not record.runs("op read 'op://a b' --force")
    assert digest("an open ' quote") != digest("an open  quote")


def test_a_guard_lets_this_machine_and_what_it_names() -> None:
    guard = Guard(frozenset({"http://llm:4000"}), frozenset({digest("op read x")}))
    assert [
        guard.allows(at) for at in ("local", "nodes/a", "http://llm:4000/v1", "http://llm", "https://llm:4000")
    ] == [
        *(True, True, True),
        *(False, False),
    ]
    assert (guard.runs("op  read x"), guard.runs("op read")) == (True, False)
