"""Whatever lies in the place of a node's file is read, or is not known: a type raises nothing on it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleethub import nodetypes
from fleethub.formats import json5, yaml
from fleethub.model.consuming import Node
from tests.fleets import Spec, fleet
from tests.nodetypes.test_found import CONFIG, ENV

BASE = fleet().models("one", "two")
CONSUMERS = {
    **{name: {"type": name} for name in nodetypes.clients() if name != "tangleclaw"},
    "tangleclaw": {"profile": {"local": "one", "big": "two"}, "target": "ssh://a@b/home/a/.tangleclaw"},
    "keyfile": {"file": "key", "settings": "models.json"},
    "envfile": {"env": {"prefix": "openai/"}},
}
SPECS: dict[str, Spec] = {
    **{name: BASE.node("x", "one", "two", type=name) for name in ("openclaw-docker", "openclaw-native")},
    **{
        name: BASE.table("consumers.x", model="one", fallbacks=["two"], settle="0s", **block)
        for name, block in CONSUMERS.items()
    },
}
WRONG = (None, True, 5, -1.5, "", "x", [], {}, [[1]], [None, {"id": [1]}], {"id": {}, "name": 3}, {"a": [{"b": "c"}]})


def rendered(name: str) -> tuple[Node, dict[str, bytes]]:
    spec = SPECS[name]
    found = {file.of.role: file.text.display().encode() for file in spec.rendered["x"].files}
    return spec.fleet.nodes["x"], {**found, **({"openclaw": CONFIG, "env": ENV} if "openclaw" in found else {})}


def damaged(draw: Any, value: Any) -> Any:
    """The value with something else in the place of one in it."""
    if isinstance(value, dict | list) and value and draw(st.booleans()):
        keys = list(value) if isinstance(value, dict) else range(len(value))
        at = draw(st.sampled_from(list(keys)))
        made = dict(value) if isinstance(value, dict) else list(value)
        made[at] = damaged(draw, value[at])
        return made
    return draw(st.sampled_from(WRONG))


@st.composite
def files(draw: Any, name: str) -> tuple[Node, dict[str, bytes]]:
    node, there = rendered(name)
    role = draw(st.sampled_from(sorted(there)))
    tables = json5.read(there[role]) or yaml.read(there[role])
    if tables is not None and draw(st.integers(0, 3)):
        there[role] = json.dumps(damaged(draw, tables)).encode()
    else:
        cut = draw(st.integers(0, len(there[role])))
        there[role] = there[role][:cut] + draw(st.sampled_from([b"", b"\xff\x00", b"=", b"\n{[", b"\xef\xbb\xbf"]))
    return node, there


@pytest.mark.parametrize("name", sorted(SPECS))
@given(st.data())
def test_a_type_raises_nothing_on_what_lies_there(name: str, data: st.DataObject) -> None:
    node, there = data.draw(files(name))
    kind = nodetypes.of(node)
    assert kind is not None
    chain, calls = kind.chain(node, there), kind.calls(node, there)
    assert chain is None or all(isinstance(one, str) for one in chain)
    assert all(isinstance(one, str) for one in calls)
    found = kind.found(there, node.settings)
    assert found.chain or found.unclear or kind.adopted(found, {}).left
    for file in kind.files_of(node):
        if file.role in there:
            assert isinstance(kind.recognise(file, there[file.role]), str)
    kind.check_merged(node, rendered(name)[1], there, None)


@pytest.mark.parametrize(
    ("name", "calls"),
    [
        *(("aider", "one two"), ("claude-code", "one two"), ("codex", "one"), ("continue", "one two")),
        *(("open-webui", "one"), ("keyfile", ""), ("tangleclaw", "")),
    ],
)
def test_what_the_settings_of_a_program_name_is_told(name: str, calls: str) -> None:
    node, there = rendered(name)
    kind = nodetypes.of(node)
    assert kind is not None
    assert " ".join(kind.calls(node, there)) == calls
    assert kind.calls(node, {}) == ()
