"""One diff: nothing for equals, the changed fields for the rest, lists of names as one field."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fleethub.kinds.diff import diff
from fleethub.model.plan import MISSING, FieldChange

values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-9, 9), st.text("abc", max_size=2)),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("xyz", min_size=1, max_size=2), inner, max_size=3)
    ),
    max_leaves=8,
)
trees = st.dictionaries(st.text("xyz", min_size=1, max_size=2), values, max_size=4)


@given(trees, trees)
def test_empty_exactly_when_equal(before: dict[str, object], after: dict[str, object]) -> None:
    found = diff(before, after)
    assert bool(found) == (before != after)
    assert [field.path for field in found] == sorted({field.path for field in found})


def test_a_list_of_names_is_one_leaf() -> None:
    assert diff({"models": ["a"]}, {"models": ["a", "b"]}) == (FieldChange(("models",), ["a"], ["a", "b"]),)


def test_what_comes_and_goes() -> None:
    assert diff({"a": 1, "b": {"c": 2}}, {"b": {"c": 3, "d": 4}}) == (
        FieldChange(("a",), 1, MISSING),
        FieldChange(("b", "c"), 2, 3),
        FieldChange(("b", "d"), MISSING, 4),
    )
