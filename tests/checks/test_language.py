"""Expressions: what is wrong with one before it is asked, and what it answers."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleethub.checks.fields import FIELDS, LISTS
from fleethub.checks.language import Unanswerable, compiled, problem
from fleethub.checks.language import given as variables


def answer(expression: str, about: str = "node", **entry: Any) -> bool:
    assert problem(expression, about) is None
    return compiled(expression, about)(variables(about, entry, {name: [] for name in LISTS}))


@pytest.mark.parametrize(
    ("expression", "says", "at", "hint"),
    [
        ("node.ownr == ''", "there is no node.ownr", (1, 6), "did you mean owner?"),
        ("node.name != '' &&\n  node.primry.model == ''", "there is no node.primry", (2, 8), "did you mean primary?"),
        ("nodes.all(n, has(n.ownr))", ".ownr is no field of any entry", (1, 20), "did you mean owner?"),
        ("nodde.name == ''", "there is no nodde.name", (1, 6), "did you mean node?"),
        ("node == 1", "node alone is nothing", (1, 1), "say which field, like node.name"),
        ("change.action == 'x'", "there is no change.action", (1, 7), "did you mean changes?"),
        ("node.name == 1", "no matching overload", (1, 11), ""),
        ("node.name.lower() == 'a'", "there is no function lower", (1, 16), "functions are those of CEL"),
        ("node.name ==", "mismatched input its end", (1, 13), ""),
        ("'é' == nme", "there is no nme", (1, 8), ""),
        ("node.name", "gives text, and a check is true or false", (0, 0), "compare it"),
        ("has(node.owner)", "gives text", (0, 0), "has() is its value"),
        ("1" + "+1" * 100 + " > 0", "nested too deeply", (0, 0), ""),
        ("(" * 500, "nested too deeply", (0, 0), ""),
        ("__import__('os').system('id') == 0", "there is no function __import__", (1, 11), ""),
        ("node.name.__class__ == ''", "found no matching overload", None, ""),
        ("// nothing", "mismatched input its end", (1, 11), ""),
    ],
)
def test_what_is_wrong_has_a_line_a_column_and_a_hint(
    expression: str, says: str, at: tuple[int, int] | None, hint: str
) -> None:
    found = problem(expression, "node")
    assert found is not None
    assert at is None or (says in found.message and (found.line, found.column) == at)
    assert hint in found.hint


def test_a_key_of_a_map_that_is_written_there_and_a_label_are_no_fields() -> None:
    assert answer("{'mine': 1}.mine == 1")
    assert answer("node.labels.anything == 'x'", labels={"anything": "x"})
    assert answer('node.name == "a.mine.b" // node.mine', name="a.mine.b")


def test_what_is_not_known_is_unknown_unless_the_rest_decides() -> None:
    headroom = "backend.planned * 100 <= backend.vram * 80"
    assert answer(headroom, "backend", planned=8, vram=10)
    assert not answer(headroom, "backend", planned=9, vram=10)
    with pytest.raises(Unanswerable) as caught:
        answer(headroom, "backend", planned=8)
    assert caught.value.unknown == "vram"
    assert answer(f"backend.name == 'lab' || {headroom}", "backend", planned=8, name="lab")
    with pytest.raises(Unanswerable):
        answer(f"backend.name == 'lab' || {headroom}", "backend", planned=8, name="gpu")
    assert answer(f"'vram' in backend.unknown || {headroom}", "backend", planned=8, unknown=["vram"])


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("node.labels.env == 'prod'", "there is no 'env'"),
        ("nodes[7].name == ''", "index"),
        ("node.name.matches('(')", "regular expression"),
        ("1 / 0 == 1", "divide by zero"),
        ("[1, 2].map(x, x)[0] + node.port == 9223372036854775807 + 1", "overflow"),
        ("node.labels.x + 1 == 2", "No matching overloads"),
    ],
)
def test_what_goes_wrong_while_it_is_asked_is_said(expression: str, says: str) -> None:
    with pytest.raises(Unanswerable, match=says) as caught:
        answer(expression, labels={"x": "text"}, name="volta", port=1)
    assert not caught.value.unknown


def test_a_loop_within_loops_ends() -> None:
    many = list(range(150))
    with pytest.raises(Unanswerable, match="10,000 steps") as caught:
        answer(f"{many}.all(a, {many}.all(b, a + b >= 0))")
    assert "for each" in caught.value.hint or "each entry" in caught.value.hint


@given(st.text(max_size=40), st.sampled_from(sorted(FIELDS)))
def test_no_text_is_a_bug(text: str, about: str) -> None:
    if problem(text, about) is None:
        with contextlib.suppress(Unanswerable):
            compiled(text, about)(variables(about, {}, {name: [] for name in LISTS}))
