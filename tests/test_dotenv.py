"""A ``.env`` is read as Compose reads it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleethub.dotenv import assignments
from tests.dotenv_rows import APART, ROWS


@pytest.mark.parametrize(("text", "value"), [*ROWS.items(), *((text, ours) for text, (_, ours) in APART.items())])
def test_a_variable_is_what_compose_says(text: str, value: str | None, caplog: pytest.LogCaptureFixture) -> None:
    assert assignments(text + "\n").get("A") == value
    assert not caplog.records


def test_a_line_that_cannot_be_read_is_not_absent() -> None:
    assert assignments("A='x\nB=1\n") == {"A": None, "B": "1"}


@given(st.text(max_size=80))
def test_no_text_makes_it_fail(text: str) -> None:
    assignments(text)
