"""JSON5 that is changed in one place: what was asked for is there, and every other byte as it was."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleethub.formats import json5
from fleethub.formats.edits import NotEditable
from tests.formats import single

KEYS = st.sampled_from(["a", "b", "models", "it's", 'q"q', "x.y/z", "id"])
SCALARS = st.sampled_from([None, True, 0, -1.5, "", "text // no comment", "{", "\u2028", "'", '"'])
SPACE = st.sampled_from(["", " ", "\n", "\n  ", "\t", "/* c, { */", '// c " }\n', "\r\n", "\ufeff"])


@st.composite
def texts(draw: Any, depth: int = 2) -> str:
    """A value in one of the ways in which somebody may write it."""
    pad = draw(SPACE)
    shape = draw(st.sampled_from(["table", "list", "scalar"])) if depth else "scalar"
    if shape == "scalar":
        value = draw(SCALARS)
        quoted = isinstance(value, str) and "'" not in value and '"' not in value and draw(st.booleans())
        return pad + (f"'{value}'" if quoted else json.dumps(value)) + draw(SPACE)
    inner = draw(st.lists(texts(depth - 1), max_size=3))
    if shape == "table":
        names = draw(st.lists(KEYS, min_size=len(inner), max_size=len(inner)))
        bare = draw(st.booleans())
        keys = [name if bare and name.isidentifier() else json.dumps(name) for name in names]
        inner = [f"{draw(SPACE)}{key}{draw(SPACE)}:{one}" for key, one in zip(keys, inner, strict=True)]
    comma = "," if inner and draw(st.booleans()) else ""
    body = ",".join(inner) + comma + draw(SPACE)
    return pad + (f"{{{body}}}" if shape == "table" else f"[{body}]") + draw(SPACE)


def table(text: str) -> str:
    return "{ " + f'"root": {text}' + "}"


def subsequence(short: str, long: str) -> bool:
    rest = iter(long)
    return all(char in rest for char in short)


def put(value: Any, path: tuple[str, ...], new: Any) -> Any:
    """The same on values."""
    if not path:
        return new
    if isinstance(value, list):
        found = next((n for n, one in enumerate(value) if isinstance(one, dict) and one.get("id") == path[0]), None)
        if found is None:
            made = put({}, path[1:], new)
            assert isinstance(made, dict)
            return [*value, {"id": path[0], **made}]
        return [*value[:found], put(value[found], path[1:], new), *value[found + 1 :]]
    assert isinstance(value, dict)
    return {**value, path[0]: put(value.get(path[0], {}), path[1:], new)}


@given(texts().map(table), st.lists(KEYS, min_size=1, max_size=3), st.sampled_from([1, "v", ["x"], {"k": {"l": 2}}]))
def test_what_is_put_is_there_and_all_else_is_as_it_was(text: str, keys: list[str], new: Any) -> None:
    before = json5.read(text.encode())
    assert before is not None, text
    path = ("root", *keys)
    try:
        after = single.put(json5, text, path, new)
    except NotEditable:
        with pytest.raises(AssertionError):
            put(before, path, new)
        return
    expected = put(before, path, new)
    assert json5.read(after.encode()) == expected
    way = json5._Tree(text).way(path)
    left = text[: way[-1].start] + text[way[-1].end :] if len(way) > len(path) else text
    assert subsequence(left, after)
    if put(expected, path, new) == expected:  # else an entry of a list lost its id
        assert json5.read(single.put(json5, after, path, new).encode()) == expected, (
            "what is there is written again as it is"
        )


@given(texts().map(table), KEYS)
def test_what_was_put_is_cut_and_the_rest_stays(text: str, key: str) -> None:
    before = json5.read(text.encode())
    assert before is not None
    after = single.cut(json5, single.put(json5, text, ("fleethub-1",), {"a": [1]}), ("fleethub-1",))
    assert json5.read(after.encode()) == before
    assert subsequence("".join(text.split()), "".join(after.split()))
    gone = single.cut(json5, text, ("root",))
    assert json5.read(gone.encode()) == {}
    inner = before["root"]
    if isinstance(inner, dict):
        expected = {name: one for name, one in inner.items() if name != key}
        assert json5.read(single.cut(json5, text, ("root", key)).encode()) == {"root": expected}


def test_it_is_written_in_the_style_of_what_is_there() -> None:
    text = "{\n    // mine\n    a: 1, // one\n    models: {\n        x: 'y',\n    },\n}\n"
    assert single.put(json5, text, ("models", "z"), {"k": 1}) == text.replace(
        "'y',\n", '\'y\',\n        "z": {\n          "k": 1\n        },\n'
    )
    assert single.put(json5, '{"a": 1}\n', ("b",), 2) == '{"a": 1, "b": 2}\n', "strict JSON stays strict JSON"
    assert single.cut(json5, '{\n  "a": 1,\n  "b": 2\n}\n', ("b",)) == '{\n  "a": 1\n}\n'
    assert single.put(json5, "{\r\n  a: 1\r\n}", ("b",), 2) == '{\r\n  a: 1,\r\n  "b": 2\r\n}'
    with pytest.raises(NotEditable):
        single.put(json5, '{"a": "text"}', ("a", "b"), 1)


def test_a_number_that_python_cannot_write_is_not_understood() -> None:
    for digits, told in ((10, True), (3000, True), (5000, False)):
        found = json5.read(b"{a: 0x" + b"f" * digits + b"}")
        assert (found is not None) is told
        assert bool(json5.obstacle(b"{a: 0x" + b"f" * digits + b"}", ())) is not told
        assert json.dumps(found)
    assert json5.read(b"{a: '0x" + b"f" * 5000 + b"'}") == {"a": "0x" + "f" * 5000}
