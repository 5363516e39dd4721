"""A ``.env`` of which one variable is changed: it has its value, and every other byte is as it was."""

from __future__ import annotations

from time import process_time

from hypothesis import given
from hypothesis import strategies as st

from fleethub.dotenv import assignments
from fleethub.formats import dotenv
from tests.formats import single

LINES = st.sampled_from(
    [
        "A=1",
        "export B='x y'",
        'C="q # no"  # yes',
        "# A=2",
        "",
        "  D = e",
        "broken line",
        "G='two\nlines'",
        "A=2 # last",
        "F=",
        "A=#no comment  x",
        "B= # all comment",
        "C=x y#z  \tw # yes",
    ]
)
FILES = st.builds(
    lambda lines, end, newline: newline.join(lines) + (newline if end else ""),
    st.lists(LINES, max_size=6),
    st.booleans(),
    st.sampled_from(["\n", "\r\n"]),
)


@given(FILES, st.sampled_from("ABCDEFZ"))
def test_one_variable_is_set_and_the_rest_stays(text: str, name: str) -> None:
    after = single.put(dotenv, text, (name,), "'new'")
    assert assignments(after) == {**assignments(text), name: "new"}
    assert single.put(dotenv, after, (name,), "'new'") == after
    kept = [line for line in text.splitlines() if not line.lstrip().removeprefix("export ").startswith(name)]
    assert [line for line in after.splitlines() if line in kept] == kept


@given(FILES)
def test_what_was_added_is_cut(text: str) -> None:
    after = single.cut(dotenv, single.put(dotenv, text, ("NEW",), "'x'"), ("NEW",))
    assert after.rstrip("\r\n") == text.rstrip("\r\n")
    assert "A" not in assignments(single.cut(dotenv, text, ("A",)))


def test_a_comment_behind_a_value_stays() -> None:
    assert single.put(dotenv, "export A=1 # mine\n", ("A",), "'2'") == "export A='2' # mine\n"
    assert single.put(dotenv, "A= # mine\n", ("A",), "'2'") == "A='2' # mine\n"


def test_a_value_of_many_spaces_takes_no_time() -> None:
    text = f"A=x{' x' * 5_000}{' ' * 4_000}y # mine\n"
    start = process_time()
    assert single.put(dotenv, text, ("A",), "'2'") == "A='2' # mine\n"
    assert process_time() - start < 1
