"""Merge conflict markers in ``fleet.lock``: said, with which side to take and how."""

from __future__ import annotations

import pytest

from fleethub.lockfile.conflict import merge_conflict
from fleethub.lockfile.errors import LockfileError
from fleethub.lockfile.text import load

HEAD = 'format = 2\nfleet = "monad"\n'
TAIL = '\n[resource."node.volta"]\n'


def merged(ours: str, theirs: str, base: str = "") -> str:
    middle = f"||||||| 0ba3e6f\n{base}" if base else ""
    return f"{HEAD}<<<<<<< HEAD\n{ours}{middle}=======\n{theirs}>>>>>>> colleague\n{TAIL}"


@pytest.mark.parametrize("base", ["", "serial = 6\n"], ids=["two sides", "with what both came from"])
def test_the_higher_serial_is_the_later_apply(base: str) -> None:
    with pytest.raises(LockfileError) as caught:
        load(merged("serial = 7\n", "serial = 8\n", base))
    assert str(caught.value) == (
        "fleet.lock has a merge conflict in line 3: take the side with the higher serial whole, git checkout --ours "
        "fleet.lock (serial 7) or git checkout --theirs fleet.lock (serial 8), then run fleethub plan"
    )


def test_a_serial_that_both_have_stands_outside() -> None:
    text = merged('apply = "a"\n', 'apply = "b"\n').replace(HEAD, HEAD + "serial = 7\n")
    assert "in line 4: take either side whole" in merge_conflict(text)
    assert merge_conflict(text).count("(serial 7)") == 2


@pytest.mark.parametrize("text", ["", HEAD, "=======\n", ">>>>>>> x\n", HEAD + "fleet = \n"])
def test_other_damage_is_none(text: str) -> None:
    assert merge_conflict(text) == ""
