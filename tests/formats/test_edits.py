"""Many edits of a text: the same as one after the other, and it is read as often as for one."""

from __future__ import annotations

import sys
from types import FrameType, ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleethub.formats import dotenv, json5, yaml
from fleethub.formats.edits import CUT, Edit, NotEditable
from fleethub.kinds.node.merging import merged
from fleethub.model.secret import Text
from fleethub.nodetypes import Format
from fleethub.nodetypes.projection import Projection
from tests.formats import single, test_dotenv, test_json5, test_yaml

NEW = (1, "v", [], ["x"], {}, {"k": {"l": 2}}, {"name": "a"}, {"id": "b", "k": 1})
NAMES = ("a", "b", "models", "x.y/z", "id", "name")


def paths(*start: str) -> st.SearchStrategy[tuple[str, ...]]:
    below = st.lists(st.sampled_from(NAMES), min_size=1, max_size=3)
    return below.map(lambda names: (*start, *names))


def edits(path: st.SearchStrategy[tuple[str, ...]], new: tuple[Any, ...] = NEW) -> st.SearchStrategy[list[Edit]]:
    return st.lists(st.tuples(path, st.sampled_from((*new, CUT, CUT))), max_size=6)


def one_by_one(format: ModuleType, text: str, asked: list[Edit]) -> str | None:
    """None where one of them cannot be done."""
    try:
        for path, value in asked:
            text = single.put(format, text, path, value)
    except ValueError:
        return None
    return text


def at_once(format: ModuleType, text: str, asked: list[Edit]) -> str | None:
    try:
        made: str = format.edit(text, asked)
    except NotEditable:
        return None
    return made


@given(test_yaml.texts(), edits(paths()))
def test_of_yaml(text: str, asked: list[Edit]) -> None:
    if yaml.read(text.encode()) is None:
        return
    slow, fast = one_by_one(yaml, text, asked), at_once(yaml, text, asked)
    assert fast == slow


@given(test_json5.texts().map(test_json5.table), edits(paths("root")))
def test_of_json5(text: str, asked: list[Edit]) -> None:
    slow, fast = one_by_one(json5, text, asked), at_once(json5, text, asked)
    assert (fast and "".join(fast.split())) == (slow and "".join(slow.split())), "in one line or several"


@given(test_dotenv.FILES, edits(st.sampled_from("ABCDEFGXYZ").map(lambda name: (name,)), ("'new'", "''")))
def test_of_a_dotenv(text: str, asked: list[Edit]) -> None:
    slow, fast = one_by_one(dotenv, text, asked), at_once(dotenv, text, asked)
    assert slow is not None
    assert fast is not None
    assert fast.splitlines() == slow.splitlines(), "but for the end of the last line"


HIS = {
    "yaml": "models:\n" + "".join(f"- name: his{n} # mine\n  roles: [chat]\n" for n in range(100)),
    "json": "{ models: { // mine\n" + "".join(f"  his{n}: {{ url: 'x' }},\n" for n in range(100)) + "}}",
    "dotenv": "".join(f"HIS{n}='x' # mine\n" for n in range(100)),
}


def merge(format: Format, own: int, data: bytes) -> bytes:
    """So many entries of FleetHub's in a file of somebody else's."""
    if format == "dotenv":
        of = Projection(values={(f"OWN{n}",): "x" for n in range(own)}, sweep={(): "OWN"})
    else:
        units = {("models", f"own{n}"): {"name": f"own{n}", "roles": ["x"]} for n in range(own)}
        lists = frozenset([("models",)] if format == "yaml" else [])
        of = Projection(units=units, fresh={("models",): []}, sweep={("models",): "own"}, lists=lists)
    return merged(format, of, data, Text.display)


def calls(format: Format, own: int, data: bytes) -> int:
    """Calls of Python's and C's functions that it takes."""
    count = 0

    def seen(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(seen)
    try:
        merge(format, own, data)
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize("format", ["yaml", "json", "dotenv"])
def test_thirty_entries_cost_little_more_than_one_and_go_as_cheaply(format: Format) -> None:
    data = HIS[format].encode()
    merge(format, 1, data)  # what is imported or compiled once
    few, some, more = (calls(format, own, data) for own in (1, 30, 59))
    assert some < 2 * few, "what was read before is read again with them"
    assert more - some < 1.2 * (some - few)
    full = merge(format, 30, data)
    assert calls(format, 1, full) < 1.2 * calls(format, 30, full)
    assert merge(format, 1, full) == merge(format, 1, data)
