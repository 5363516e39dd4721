"""A diff says what it takes to make the one text of the other, whoever reckons it."""

from __future__ import annotations

import re
from difflib import unified_diff

from hypothesis import given
from hypothesis import strategies as st

from fleethub.operations.text_diff import diff_lines

lines = st.lists(st.sampled_from(["a", "b", "c", "", "[x]"]), min_size=1, max_size=40)


def diff(old: list[str], new: list[str]) -> list[str]:
    texts = [{"f": "".join(f"{line}\n" for line in side).encode()} for side in (old, new)]
    return list(diff_lines(*texts))


def patched(old: list[str], told: list[str]) -> list[str]:
    """What ``patch`` makes of a text; each line that is taken away or kept must be there."""
    made, at = list[str](), 0
    for line in told[2:]:
        if found := re.fullmatch(r"@@ -(\d+)(?:,(\d+))? .* @@", line):
            start = int(found[1]) - (found[2] != "0")
            made, at = made + old[at:start], start
        elif line[0] == "+":
            made.append(line[1:])
        else:
            assert old[at] == line[1:]
            made, at = made + ([line[1:]] if line[0] == " " else []), at + 1
    return made + old[at:]


@given(lines, lines)
def test_it_makes_the_new_text_of_the_old(old: list[str], new: list[str]) -> None:
    assert patched(old, diff(old, new)) == new


@given(st.integers(1, 120), st.sets(st.integers(0, 119), max_size=30))
def test_lines_that_become_others_are_shown_as_difflib_shows_them(length: int, changed: set[int]) -> None:
    old = [f"line {n}" for n in range(length)]
    new = [f"new {n}" if n in changed else line for n, line in enumerate(old)]
    told = diff(old, new)
    assert told == list(unified_diff(old, new, "f", "f", lineterm=""))
