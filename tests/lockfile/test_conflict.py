"""Merge conflict markers in ``fleet.lock``: recognised, with the command that decides them."""

from __future__ import annotations

import pytest

from fleethub.lockfile.conflict import Conflict, conflict_of, marked, merge_conflict
from fleethub.lockfile.errors import LockfileError
from fleethub.lockfile.text import load

HEAD = 'format = 2\nfleet = "monad"\n'
TAIL = '\n[resource."node.volta"]\n'


def merged(ours: str, theirs: str, base: str = "") -> str:
    middle = f"||||||| 0ba3e6f\n{base}" if base else ""
    return f"{HEAD}<<<<<<< HEAD\n{ours}{middle}=======\n{theirs}>>>>>>> colleague\n{TAIL}"


@pytest.mark.parametrize("base", ["", "serial = 6\n"], ids=["two sides", "with what both came from"])
def test_both_sides_are_read_and_the_command_is_named(base: str) -> None:
    text = merged("serial = 7\n", "serial = 8\n", base)
    with pytest.raises(LockfileError) as caught:
        load(text)
    assert str(caught.value) == (
        "fleet.lock has a merge conflict in line 3: two clones applied. fleethub state reconcile looks at what is "
        "there, shows what each did, and writes one lockfile"
    )
    whole = Conflict(3, f"{HEAD}serial = 7\n{TAIL}", f"{HEAD}serial = 8\n{TAIL}", base and HEAD + base + TAIL)
    assert conflict_of(text) == whole


def test_what_is_held_apart_is_read_again() -> None:
    found = conflict_of(HEAD + marked("a = 1", "") + marked("b = 1\n", "b = 2\n"))
    assert found == Conflict(3, f"{HEAD}a = 1\nb = 1\n", f"{HEAD}b = 2\n")


@pytest.mark.parametrize("text", ["", HEAD, "=======\n", ">>>>>>> x\n", HEAD + "fleet = \n"])
def test_other_damage_is_none(text: str) -> None:
    assert merge_conflict(text) == ""


def test_what_only_some_take_for_the_end_of_a_line_stays_in_it() -> None:
    odd = 'owner = "a\u2028b\u0085c"\n'
    found = conflict_of(marked(odd, "owner = 1\n"))
    assert found is not None
    assert (found.ours, found.theirs) == (odd, "owner = 1\n")
    assert conflict_of(marked(odd, "owner = 1\n").replace("\n", "\r\n")) == found
