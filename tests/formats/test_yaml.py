"""YAML that is changed in one place: what was asked for is there, and every other byte as it was."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleethub.formats import yaml
from fleethub.formats.edits import NotEditable
from fleethub.formats.yaml_tree import LARGEST
from fleethub.kinds.node.paths import without
from tests.formats import single
from tests.formats.test_json5 import subsequence

KEYS = ("a", "b", "models", "it's", "x.y/z", "on", "7")
SCALARS = ("~", "true", "0", "-1.5", "1e3", "plain text", "don't # no", "'it''s'", '"q\\"#"', "2024-01-01", "!x y", "")
BLOCKS = ("|\n{0}line\n{0}# no comment\n", ">-\n{0}folded\n\n{0}more\n")
COMMENTS = ("", "", " # c: [", "  # — ü")
LINES = ("", "", "\n", "# between: {{ x }}\n", "   \n")
NEW = (1, "v", True, None, ["x"], "# no", "\u2028\x7f\x01\ud7ff", "on", {"k": {"l": 2}, "m": [{"name": "n"}, 3]})


@st.composite
def tables(draw: Any, indent: int = 0, depth: int = 2) -> str:
    """A table in lines, in one of the ways in which somebody may write it."""
    names = draw(st.lists(st.sampled_from(KEYS), max_size=4, min_size=1, unique=True))
    pad = " " * indent
    made = ""
    for name in names:
        key = draw(st.sampled_from([name, json.dumps(name)]))
        made += f"{draw(st.sampled_from(LINES))}{pad}{key}:{draw(values(indent, depth))}"
    return made


@st.composite
def values(draw: Any, indent: int, depth: int) -> str:
    """What stands behind a colon, with the end of its line."""
    shape = draw(st.sampled_from(["table", "list", "flow", "block", "scalar", "scalar"])) if depth else "scalar"
    end = draw(st.sampled_from(COMMENTS)) + "\n"
    if shape == "table":
        return end + draw(tables(indent + draw(st.sampled_from([1, 2, 4])), depth - 1))
    if shape == "list":
        deeper = indent + draw(st.sampled_from([0, 2]))
        return end + "".join(draw(st.lists(items(deeper, depth - 1), min_size=1, max_size=3)))
    if shape == "flow":
        return " " + draw(flows(2)) + end
    if shape == "block":
        return " " + draw(st.sampled_from(BLOCKS)).format(" " * (indent + 1))
    scalar = draw(st.sampled_from(SCALARS))
    return (f" {scalar}" if scalar else "") + end


@st.composite
def items(draw: Any, indent: int, depth: int) -> str:
    """One entry of a list in lines."""
    pad = " " * indent + "-"
    if draw(st.booleans()):
        return f"{pad} {draw(st.sampled_from(SCALARS))}\n"
    name = draw(st.sampled_from(KEYS))
    rest = draw(tables(indent + 2, depth)) if depth else ""
    gap = draw(st.sampled_from([" ", f"  # - entry\n{' ' * (indent + 2)}"]))
    return f"{pad}{gap}name: {json.dumps(name)}\n{rest}"


@st.composite
def flows(draw: Any, depth: int) -> str:
    """A table or list between brackets."""
    gap = st.sampled_from(["", " "])
    inner = draw(st.lists(flows(depth - 1) if depth else st.sampled_from(["1", "'x'", '"#"']), max_size=3))
    if draw(st.booleans()):
        return f"[{draw(gap)}{', '.join(inner)}{draw(gap)}]"
    names = draw(st.permutations(KEYS))[: len(inner)]
    return (
        f"{{{draw(gap)}{', '.join(f'{json.dumps(n)}: {one}' for n, one in zip(names, inner, strict=True))}{draw(gap)}}}"
    )


@st.composite
def texts(draw: Any) -> str:
    """A whole file."""
    head = draw(st.sampled_from(["", "# head\n", "---\n", "\n"]))
    text = head + draw(tables()) + draw(st.sampled_from(["", "# foot\n", "\n\n"]))
    text += draw(st.sampled_from(["", "last: 1", "last: [1] # end"]))
    return text.replace("\n", draw(st.sampled_from(["\n", "\n", "\r\n"])))


def plain(text: str) -> Any:
    found = yaml.read(text.encode())
    return found if found is None else said(found)


def said(value: Any) -> str:
    """What Python takes for equal, and YAML does not, is another text."""
    return json.dumps(value, sort_keys=True)


def put(value: Any, path: tuple[str, ...], new: Any) -> Any:
    """The same on values."""
    if not path:
        return new
    if isinstance(value, list):
        found = next((n for n, one in enumerate(value) if isinstance(one, dict) and one.get("name") == path[0]), None)
        if found is None:
            made = put({}, path[1:], new)
            assert isinstance(made, dict)
            return [*value, made if made.get("name") == path[0] else {"id": path[0], **made}]
        return [*value[:found], put(value[found], path[1:], new), *value[found + 1 :]]
    assert isinstance(value, dict)
    return {**value, path[0]: put(value.get(path[0], {}), path[1:], new)}


@given(texts(), st.lists(st.sampled_from(KEYS), min_size=1, max_size=3), st.sampled_from(NEW))
def test_what_is_put_is_there_and_all_else_is_as_it_was(text: str, path: list[str], new: Any) -> None:
    before = yaml.read(text.encode())
    if before is None:
        return  # as a name that stands twice
    try:
        after = single.put(yaml, text, tuple(path), new)
    except NotEditable:
        with pytest.raises(AssertionError):
            put(before, tuple(path), new)
        return
    expected = put(before, tuple(path), new)
    assert plain(after) == said(expected), after
    way = yaml.nodes_to(yaml.root_of(text), text, tuple(path))
    start, end = way[-1].start_mark.index, yaml.end_of(text, way[-1])
    left = text[:start] + text[end:] if len(way) > len(path) else re.sub(r"[\[{] *[\]}]", "", text)
    assert subsequence("".join(left.split(" ")), after), after


@given(texts(), st.lists(st.sampled_from(KEYS), min_size=1, max_size=3))
def test_what_is_cut_is_gone_and_the_rest_stays(text: str, path: list[str]) -> None:
    before = yaml.read(text.encode())
    if before is None:
        return
    try:
        after = single.cut(yaml, text, tuple(path))
    except NotEditable:
        assert len(path) > 1, "a whole line goes"
        return
    expected = without(before, tuple(path))
    assert plain(after) == said(expected), after
    assert subsequence(re.sub(r" ?(\[\]|\{\})", "", after), text), after


@given(texts())
def test_what_was_put_is_cut_and_leaves_no_trace(text: str) -> None:
    if yaml.read(text.encode()) is None:
        return
    new = {"name": "f", "roles": ["x"], "more": {"k": 1}}
    for path in (("mine",), ("models", "f")):
        try:
            made = single.put(yaml, text, path, new)
        except NotEditable:
            continue
        assert single.put(yaml, made, path, new) == made, "what is there is written again as it is"
        back = single.cut(yaml, made, path)
        there = yaml.read(text.encode())
        if path == ("mine",):
            assert back.rstrip() == text.rstrip(), "but for the end of the last line"
        elif there and there.get("models"):
            assert plain(back) == said(there)


TEXT = """# mine
name: Ours   # ours
models:
- name: a # first
  k: &k 1

  # about b
- {name: b, roles: [chat]}
other: *k
# foot
"""


def test_it_is_written_in_the_style_of_what_is_there() -> None:
    made = single.put(yaml, TEXT, ("models", "f"), {"name": "f", "roles": ["x"], "more": {"k": "no"}})
    block = '- name: "f"\n  roles: ["x"]\n  more:\n    k: "no"\n'
    assert made == TEXT.replace("other:", f"{block}other:")
    assert single.cut(yaml, made, ("models", "f")) == TEXT
    assert single.put(yaml, TEXT, ("models", "b", "roles"), ["edit"]) == TEXT.replace("[chat]", '["edit"]')
    assert single.put(yaml, TEXT, ("models", "b", "k"), 1) == TEXT.replace("[chat]}", '[chat], "k": 1}')
    assert single.put(yaml, TEXT, ("name",), "gpt/4.1") == TEXT.replace("Ours ", "gpt/4.1 "), (
        "without quotes, as it was"
    )
    assert single.put(yaml, TEXT, ("name",), "no: one") == TEXT.replace("Ours ", '"no: one" ')
    assert single.put(yaml, "a: 'x'\r\nb: 1", ("c", "d"), 2) == "a: 'x'\r\nb: 1\r\nc:\r\n  d: 2"
    made = single.put(yaml, "models: []  # none\n", ("models", "f"), {"name": "f"})
    assert made == 'models:  # none\n  - name: "f"\n', "a comment stays with his key"
    assert single.put(yaml, "--- {} # c\n", ("a",), 1) == "--- # c\na: 1\n"
    assert single.cut(yaml, "models:\n  - name: f\n# foot\n", ("models", "f")) == "models: []\n# foot\n"
    assert single.put(yaml, "# only this\n", ("a",), 1) == "# only this\na: 1\n"
    assert single.put(yaml, "a: # c\n- x\nb: 1\n", ("a",), "y") == 'a: # c\n  "y"\nb: 1\n'
    with pytest.raises(NotEditable):
        single.put(yaml, "a: text\n", ("a", "b"), 1)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("models: &m []", "its models (line 1) has an anchor, an alias or a tag"),
        ("x: &m []\nmodels: *m", "its models (line 2) has an anchor, an alias or a tag"),
        ("models: !!seq []", "its models (line 1) has an anchor, an alias or a tag"),
        ("!t\nmodels: []", "its whole (line 1) has an anchor, an alias or a tag"),
        ("models:\n- name: f\n  k: !e x", ""),
        ("models:\n- &f\n  name: f", "its models.f (line 2) has an anchor"),
        ("x: &m {a: 1}\n<<: *m\nmodels: []", "its whole (line 1) takes what it says from elsewhere (<<)"),
        ("a: 1\na: 2", "a key of it stands there twice (line 2)"),
        ("x:\n  k: 1\n  k: 2", "a key of it stands there twice (line 3)"),
        ("[a]: 1", "a key of it is no text (line 1)"),
        ("on: 1\nx: &a 1\ny: *a\nz: {<<: *a}", ""),
        ("a: 1\n---\nb: 1", "one document of YAML"),
        ("a: *none", "one document of YAML (line 1)"),
        ("a: [", "one document of YAML (line 1)"),
        ("a: \x07", "one document of YAML"),
        ("- a", "it is no table"),
        ("a: 1\nb: x # c\u2028models:\nc: 1", "U+2028 ends a line there for some programs alone (line 2)"),
        ("a: " + "[" * 2000 + "]" * 2000, "it is nested too deeply"),
        ("#" * (LARGEST + 1), "it is larger than 128 KiB"),
    ],
)
def test_what_is_told_elsewhere_too_is_named_by_its_line(text: str, why: str) -> None:
    told = yaml.obstacle(text.encode(), [("models", "f")])
    assert why in told
    assert bool(told) is bool(why)


def test_a_number_as_a_key_is_no_name_and_aliases_stay_small() -> None:
    assert "no plain text" in yaml.obstacle(b"7: 1", [("7",)])
    assert "UTF-8" in yaml.obstacle(b"a: \xff", [])
    rows = ["a0: &a0 [x, x]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 40))]
    found = yaml.read("\n".join(rows).encode())
    assert found is not None
    assert len(json.dumps(found)) < 10_000


@pytest.mark.parametrize(
    "text",
    [
        "models: []  # none\n",
        "a: 1\r\nmodels: [] \r\n# foot\r\n",
        "models:\n- name: x\n  p: |+\n    hi\n\n\n",
        "models:\n- name: x\n  p: >+ # c\r\n    hi\r\n\r\n# foot\r\n",
        "models:\n- name: x\n  p: |2-\n      hi\n     there\n\n# foot\n",
        "models:\n- name: x\u00a0\n",
        "models:\n- name: x\n  p: |\n    hi\n    \u00a0\n",
        "models:\r- name: x\r\r# foot\r",
        "models:\n- - name: x\n  - y\n-\n",
    ],
)
def test_it_goes_in_and_out_again_byte_for_byte(text: str) -> None:
    before, new = yaml.read(text.encode()), {"name": "f", "roles": ["x"]}
    assert before is not None
    made = single.put(yaml, text, ("models", "f"), new)
    assert plain(made) == said({**before, "models": [*before["models"], new]})
    assert single.cut(yaml, made, ("models", "f")) == text


@pytest.mark.parametrize("spaces", ["   ", " \t"])
def test_a_last_line_of_spaces_is_one_of_a_text_where_they_are_more_than_it_is_indented(spaces: str) -> None:
    text = f"a: |\n x\nb: |-\n x\n{spaces}\n \nc: 1\n"
    assert single.cut(yaml, text, ("b",)) == "a: |\n x\n \nc: 1\n"
    text = f"models:\n- name: x\n  p: |\n    y\n    {spaces}\n\n# foot\n"
    made = single.put(yaml, text, ("models", "f"), {"name": "f"})
    assert made == text.replace("\n\n", '\n- name: "f"\n\n')
    assert single.cut(yaml, made, ("models", "f")) == text


@pytest.mark.parametrize(("head", "empty"), [("|", "    \n"), ("|-", "\n    \n"), (">+", "\n"), ("|+", "\n  \n")])
def test_empty_lines_behind_what_goes_are_none_of_the_text_before_it(head: str, empty: str) -> None:
    text = f"a:\n- name: x\n  p: {head}\n   y\n- name: f\n{empty}# foot\nc: 1\n"
    after = single.cut(yaml, text, ("a", "f"))
    assert after == text[: text.index("- name: f")] + "# foot\nc: 1\n"
    assert plain(after) == said(without(yaml.read(text.encode()), ("a", "f")))


def test_a_text_that_the_file_ends_in_needs_its_line_end() -> None:
    for text in ("rules:\n- |\n  be kind", "rules: >2+ # c\n   be"):
        with pytest.raises(NotEditable, match="has no line end"):
            single.put(yaml, text, ("models", "f"), {"name": "f"})
    text = "rules:\n- name: f\n- |-\n  be kind"
    assert single.put(yaml, text, ("a",), 1) == text + "\na: 1"


@pytest.mark.parametrize("head", ["", "\ufeff", "# c\n", "---\n", "--- # c\n", "%YAML 1.2\n---\n"])
def test_the_first_of_a_file_goes_in_and_out_again(head: str) -> None:
    made = single.put(yaml, head, ("a",), 1)
    assert made == f"{head}a: 1\n"
    assert single.cut(yaml, made, ("a",)) == head


@pytest.mark.parametrize(
    "number",
    ["0x" + "f" * 5000, "9" * 5000, "1" + ":1" * 4000, "1" + ":1" * 400 + ".5", "0x_", ".inf", "!!int x", "!!bool x"],
)
def test_a_number_that_python_or_json_has_not_is_no_obstacle_but_where_it_is_owned(number: str) -> None:
    text = f"# mine\na: {number}\n"
    before = yaml.read(text.encode())
    assert before is not None
    assert before["a"].startswith("tag:yaml.org,2002:")
    assert plain(single.put(yaml, text, ("b",), 1)) == said({**before, "b": 1})
    assert not yaml.obstacle(text.encode(), [("b",)])
    assert "its a (line 2) " in yaml.obstacle(text.encode(), [("a",)])


def test_an_escape_that_is_no_character_and_a_date_are_named() -> None:
    assert "one document of YAML" in yaml.obstacle(b'b: "\\UFFFFFFFF"', [])
    assert "its a (line 1) is a date" in yaml.obstacle(b"a: 2024-01-01", [("a",)])
    assert "its a (line 1) is a date" in yaml.obstacle(rb'a: "\ud83d"', [("a",)])
    assert "a key of it is no text (line 2)" in yaml.obstacle(b'a: 1\n"\\ud83d": 1', [])
    for half in (yaml.read(rb'a: "\ud83d\ude00"'), yaml.read(b'a: !x "\\ud83d"')):
        assert json.dumps(half, ensure_ascii=False).encode(), "as who writes JSON writes an emoji"
