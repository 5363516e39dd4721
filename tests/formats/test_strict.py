"""JSON as all readers agree on it."""

from __future__ import annotations

import pytest

from fleethub.formats import strict


@pytest.mark.parametrize("text", ['{"a": 1, "a": 2}', '{"a": {"b": 1, "b": 1}}', "[NaN]", "Infinity", "{'a': 1}"])
def test_what_readers_differ_on_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"appears twice|is not JSON|Expecting"):
        strict.loads(text)


def test_all_else_is_read() -> None:
    assert strict.loads(b'{"a": [1, 2.5, null]}') == {"a": [1, 2.5, None]}
