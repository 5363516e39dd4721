"""What is written as ``fleet.lock`` is read as ``tomllib`` reads it; of all else nothing is taken for right."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
import tomli_w
from hypothesis import example, given
from hypothesis import strategies as st

from fleethub.lockfile.text import dump, load
from fleethub.lockfile.written import read
from tests.fleets import fleet
from tests.world import settled

NAMES = st.text('ab_-.1 é"\\\t', min_size=1, max_size=4)
SCALARS = st.one_of(
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.text("a\"\\\n\t'#[]= é\u2028", max_size=6),
)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3))
DOCUMENTS = st.dictionaries(NAMES, VALUES, max_size=4)
PLAIN = st.text("ab-.", min_size=1, max_size=3)
#: What lockfiles are made of: tables in tables, names, texts, lists of texts, counts.
RECORDS = st.recursive(
    st.one_of(st.booleans(), st.integers(0, 99), PLAIN, st.lists(PLAIN, max_size=3)),
    lambda inner: st.dictionaries(PLAIN, inner, max_size=3),
    max_leaves=12,
)


def as_toml(text: str) -> dict[str, Any] | None:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None


@given(st.dictionaries(PLAIN, RECORDS, max_size=4))
@example({"a": [{"b": "c" * 60, "d": "e" * 60}, {"b": 1}], "f": {"g": []}, "h": {}})
def test_what_is_written_is_read(document: dict[str, Any]) -> None:
    assert read("# ours\n" + tomli_w.dumps(document)) == document


@given(DOCUMENTS)
def test_any_document_is_read_as_tomllib_reads_it_or_not_at_all(document: dict[str, Any]) -> None:
    text = tomli_w.dumps(document)
    assert read(text) in (None, tomllib.loads(text))


@given(st.dictionaries(PLAIN, RECORDS, min_size=1, max_size=4), st.data())
def test_what_somebody_edited_is_read_as_tomllib_reads_it_or_not_at_all(document: dict[str, Any], data: Any) -> None:
    lines = tomli_w.dumps(document).splitlines(keepends=True)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(lines) - 1))
        match data.draw(st.sampled_from(["twice", "gone", "moved", "letter"])):
            case "twice":
                lines.insert(data.draw(st.integers(0, len(lines))), lines[at])
            case "gone":
                lines[at] = ""
            case "moved":
                lines.append(lines.pop(at))
            case _:
                cut = data.draw(st.integers(0, len(lines[at])))
                put = data.draw(st.sampled_from([*'[]"\\=#.,{} \n\r\t\x00', "a", "0", '"""', "'", "\\u0041"]))
                lines[at] = lines[at][:cut] + put + lines[at][cut + data.draw(st.integers(0, 1)) :]
    found = read("".join(lines))
    assert found is None or found == as_toml("".join(lines))


@pytest.mark.parametrize(
    "text",
    [
        "a = 1\na = 2\n",
        'a = 1\n"a" = 2\n',
        "[a]\nb = 1\n[a]\nc = 1\n",
        "a = {}\n[a.b]\n",
        "a = [\n    {},\n]\n[[a]]\n",
        "[a]\n[[a]]\n",
        "[[a]]\n[a]\n",
        "a = 1\n[a.b]\n",
        "a = 1",
        "a = 01\n",
        "a = 1 b = 2\n",
        "a.b = 1\n",
        "\ufeffa = 1\n",
        "<<<<<<< ours\n",
    ],
)
def test_what_is_not_as_it_is_written_is_left_to_tomllib(text: str) -> None:
    assert read(text) is None


def test_an_applied_fleet_s_lockfile_is_read_line_by_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nodes, keys, routes; what is planned on a backend is a list of tables, which is TOML's to read."""
    spec = (
        fleet()
        .backend("gpu", proxy="main")
        .model("one", on="gpu")
        .models("two", proxy="main")
        .node("n", "one")
        .node("o", "two", "one")
    )
    lockfile, asked = settled(spec).lockfile, list[str]()
    assert lockfile is not None
    text = dump(lockfile)
    wanted, loads = tomllib.loads(text), tomllib.loads
    monkeypatch.setattr(tomllib, "loads", lambda part: (asked.append(part), loads(part))[1])
    assert read(text) == wanted
    assert load(text) == lockfile
    assert {part.partition(" ")[0] for part in asked} == {"gpu"}
