"""The pure part: from answers to findings, without any server."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fleethub.model.address import Address
from fleethub.model.endpoint import Call, Failure, Reply
from fleethub.model.readings.proxy import Deployment, KeyRow, ProxyReading
from fleethub.verifying import diagnose
from fleethub.verifying.scope import KeyContext
from fleethub.verifying.text import _TEXTS, Diagnosis, findings
from fleethub.verifying.values import KeyState, MasterView, ModelCheck, NodeAnswers, Origin
from fleethub.verifying.view import verify_text
from fleethub.views.style import Style

ONE, TWO = "http://one", "http://two"
FULL = Reply(200, names=frozenset({"a", "b"}))
GOOD = Reply(200, names=frozenset())
DENIED = Reply(403, kind="key_model_access_denied", says="not available")
GONE = Reply(failure=Failure.CONNECT, says="cannot connect")


def row(*models: str, **fields: object) -> KeyRow:
    return replace(KeyRow("volta", "t" * 64, models, {}, {}), **fields)  # type: ignore[arg-type]


def master(*rows: KeyRow, models: tuple[str, ...] = ("a", "b"), wild: str = "") -> MasterView:
    deployments = (Deployment(wild, "x/*", "id"),) if wild else ()
    return MasterView(ProxyReading(frozenset(models), deployments, {"volta": rows}), 60.0, "t" * 64)


BLIND = MasterView(None, 60.0)
WHOLE = master(row("a", "b"))


def asked(
    one: Reply = FULL, two: Reply = FULL, lives: tuple[Reply | None, ...] = (None,) * 4, **more: object
) -> NodeAnswers:
    """Models a and b at two endpoints; ``lives`` in the order a one, a two, b one, b two."""
    replies = [one, two, *(live for live in lives if live)]
    index = iter(range(2, len(replies)))
    places = [(m, endpoint) for m in "ab" for endpoint in (0, 1)]
    checks = tuple(
        ModelCheck(m, m, "main", "KEY", (ONE, TWO)[d], d == 0, d, next(index) if live else None)
        for (m, d), live in zip(places, lives, strict=True)
    )
    calls = tuple(Call("models", "http://x", "KEY", 1.0) for _ in replies)
    found = NodeAnswers(
        Address("node", "volta"), "volta", "", checks, calls, tuple(replies), (Origin.NODE,) * len(replies)
    )
    return replace(found, **{"keys": {"KEY": KeyState("ok", True)}, **more})  # type: ignore[arg-type]


def lives(*, b_two: Reply) -> tuple[Reply, ...]:
    return (GOOD, GOOD, GOOD, b_two)


def lists(*names: str) -> Reply:
    return Reply(200, names=frozenset(names))


@pytest.mark.parametrize(
    ("given", "proxy", "expected"),
    [
        (asked(), WHOLE, []),
        (asked(lives=(GOOD,) * 4), WHOLE, []),
        (asked(), BLIND, []),
        # scope
        (asked(lists("a"), lists("a")), master(row("a")), ["key-scope"]),
        (asked(lists("a"), lists("a")), BLIND, ["key-scope"]),
        (asked(lives=(GOOD, GOOD, DENIED, DENIED)), master(row("a")), ["key-scope"]),
        (asked(lives=(GOOD, GOOD, replace(DENIED, status=401), DENIED)), master(row("a")), ["key-scope"]),
        (asked(lives=lives(b_two=Reply(401))), master(row("a")), ["key-scope"]),  # wget: no body of a 401
        (asked(lives=lives(b_two=replace(DENIED, kind="team_model_access_denied"))), WHOLE, ["team-scope"]),
        (asked(lives=lives(b_two=replace(DENIED, kind="user_model_access_denied"))), WHOLE, ["team-scope"]),
        (asked(lists("a"), lists("a")), master(row("a", "b", team="t")), ["team-scope"]),
        (asked(lists("a"), lists("a")), master(row("all-team-models", team="t")), ["team-scope"]),
        (asked(lists("a"), lists("a")), master(row("a", team="t")), ["key-scope"]),
        # is the model there at all?
        (asked(), master(row("a", "b"), models=("a",)), ["model-missing"]),
        (asked(), master(row("a", "b"), models=("a",), wild="b*"), []),
        (asked(lists("a"), lists("a")), master(row("a"), models=("a",)), ["model-missing"]),
        (asked(lives=lives(b_two=Reply(400, says="Invalid model name passed in"))), BLIND, ["model-missing"]),
        (asked(lives=lives(b_two=Reply(400, says="max_tokens is too large"))), WHOLE, ["model-error"]),
        (asked(lives=lives(b_two=Reply(404, says="model 'b' not found"))), WHOLE, ["model-error"]),
        # caches
        (asked(FULL, lists("a")), WHOLE, ["cache-stale"]),
        (asked(FULL, lists("a")), BLIND, ["cache-stale"]),
        (asked(lives=lives(b_two=DENIED)), WHOLE, ["cache-stale"]),
        (asked(FULL, lists("a")), master(row()), ["cache-stale"]),
        (asked(FULL, lists("a")), master(), ["key-refused"]),
        (asked(FULL, lists("a")), master(row("a", "b", token="f" * 64)), ["key-refused"]),
        # the key
        (asked(Reply(401), Reply(401)), WHOLE, ["key-refused"]),
        (asked(Reply(400, kind="expired_key"), Reply(400, kind="expired_key")), WHOLE, ["key-refused"]),
        (asked(Reply(401), Reply(401), keys={"KEY": KeyState("ok", False)}), WHOLE, ["wrong-key"]),
        (asked(lists(), lists(), keys={"KEY": KeyState("ok", False)}), WHOLE, ["wrong-key"]),
        (asked(keys={"KEY": KeyState("ok", None)}), WHOLE, []),
        (asked(Reply(422, kind="budget_exceeded"), FULL), WHOLE, ["budget"]),
        (asked(Reply(400, kind="budget_exceeded"), FULL), WHOLE, ["budget"]),
        (asked(lives=lives(b_two=Reply(429))), WHOLE, ["rate-limited"]),
        # endpoints
        (asked(FULL, GONE), WHOLE, ["replica-dead"]),
        (asked(GONE, FULL), WHOLE, ["proxy-down"]),
        (asked(GONE, FULL, here=frozenset({ONE})), WHOLE, ["no-route"]),
        (asked(FULL, GONE, here=frozenset({TWO})), WHOLE, ["no-route"]),
        (asked(GONE, GONE), BLIND, ["proxy-down", "replica-dead"]),
        (asked(FULL, Reply(failure=Failure.HANGS)), WHOLE, ["replica-dead"]),
        (asked(Reply(failure=Failure.HANGS), FULL), WHOLE, ["hangs"]),
        (asked(Reply(200, Failure.SHAPE), FULL), WHOLE, ["proxy-error"]),
        (asked(Reply(503, kind="no_db_connection"), FULL), WHOLE, ["proxy-error"]),
        (asked(lives=lives(b_two=Reply(failure=Failure.HANGS))), WHOLE, ["hangs"]),
        (asked(lives=lives(b_two=Reply(failure=Failure.OTHER))), WHOLE, ["model-error"]),
        (asked(lives=lives(b_two=Reply(500, says="out of memory"))), WHOLE, ["model-error"]),
    ],
)
def test_a_diagnosis(given: NodeAnswers, proxy: MasterView, expected: list[str]) -> None:
    found = diagnose(given, {"main": proxy})
    assert [f.code for f in found.findings] == [f"verify.{code}" for code in expected]


def test_what_was_not_asked_is_unknown() -> None:
    skipped = Reply(failure=Failure.SKIPPED)
    assert not diagnose(asked(), {"main": WHOLE}).unknown
    assert diagnose(asked(skipped, skipped), {"main": WHOLE}).unknown
    found = diagnose(asked(unread="volta: no answer within 5 s", keys={}), {"main": WHOLE})
    assert found.unknown
    assert [f.code for f in found.findings] == ["verify.node-unread"]


def test_one_finding_names_all_models_and_endpoints_of_one_cause() -> None:
    (found,) = diagnose(asked(lists(), lists()), {"main": master(row("x"))}).findings
    assert found.message == "the key volta on main may not call a, b"
    assert str(found.address) == "node.volta"


def test_every_text_can_be_filled_in() -> None:
    """With what a server says, braces and all."""
    problems = [Diagnosis(code, "{where}", "{item}", "{says} {0}", "main") for code in _TEXTS]
    found = findings(Address("node", "volta"), "volta", {"main": 60.0}, problems)
    assert [f.code for f in found] == list(_TEXTS)
    assert all(f.hint for f in found)


def test_a_key_is_known_by_its_value_while_an_older_one_has_its_alias() -> None:
    """The new value has another alias until the old one goes: its own list is asked of, not that of the alias."""
    reading = WHOLE.reading
    assert reading is not None
    beside = {"volta": (row("a", token="0" * 64),), "volta--g2": (row("a", "b", alias="volta--g2"),)}
    context = KeyContext("volta", replace(WHOLE, reading=replace(reading, keys=beside)), True)
    assert context.row is not None
    assert (context.row.alias, context.row.models) == ("volta--g2", ("a", "b"))
    assert KeyContext("volta", replace(WHOLE, token=None), True).row == row("a", "b")


def test_consumers_are_counted_as_what_they_are() -> None:
    of = [diagnose(asked(node=address), {}) for address in (Address("node", "a"), Address("consumer", "b"))]
    text = verify_text([*of, of[1]], (), Style())
    assert text.splitlines()[-1].startswith("1 node and 2 consumers verified: 3 ")
    assert verify_text((), (), Style()) == "The fleet has no nodes and no consumers."
