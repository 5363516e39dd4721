"""A plan as a comment: found by its first line, never above its size, and what others named is no markup in it."""

from __future__ import annotations

import pytest

from fleethub.model.address import key, node
from fleethub.model.finding import Finding
from fleethub.model.plan import Action, Change, FieldChange, Plan
from fleethub.views.plan_markdown import LEAST, marker, plan_markdown

BIG = Plan(
    "1",
    "monad",
    "Creates 300 keys.",
    changes=tuple(
        Change(key("main", f"k{n}"), Action.CREATE, (FieldChange(("rpm_limit",), 1, n),), title="Proxy main")
        for n in range(300)
    ),
    findings=tuple(Finding("capacity.exceeded", f"gpu-{n} is full", node(f"n{n}")) for n in range(9)),
)


@pytest.mark.parametrize("most", [LEAST, 1500, 4000, 9000])
def test_it_is_never_larger_than_it_may_be_and_says_what_is_left_out(most: int) -> None:
    text = plan_markdown(BIG, most=most)
    assert len(text.encode()) <= most
    assert text.startswith(f"{marker(BIG.fleet)}\n### ❌ fleethub plan: monad\n\nCreates 300 keys.")
    assert "left out" in text
    assert text.count("<details>") == text.count("</details>")
    assert text.count("```") % 2 == 0


def test_all_of_it_where_it_may_be_large() -> None:
    text = plan_markdown(BIG)
    assert "left out" not in text
    assert "k299" in text
    assert "… 4 more errors" in text


def test_what_others_named_is_no_markup() -> None:
    wild = "</details> ![x](http://evil) @all `` ``` #1"
    plan = Plan("1", "monad", f"Moves {wild}.", changes=(Change(node("a"), Action.UPDATE, title=wild, owner=wild),))
    text = plan_markdown(plan)
    assert text.count("</details>") == 1
    assert "![x](" not in text.replace("\\", "") or "!\\[x\\]" in text
    assert "\\@all" in text
    fence = next(line for line in text.splitlines() if line.startswith("```")).removesuffix("text")
    assert text.count(f"\n{fence}") == 2


def test_nothing_to_do_is_short() -> None:
    assert (
        plan_markdown(Plan("1", "monad", "Nothing to do."))
        == f"{marker(BIG.fleet)}\n### ➖ fleethub plan: monad\n\nNothing to do.\n"
    )
