"""Settings in YAML that are their operator's: FleetHub's part goes in, and every other byte stays."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from fleethub import nodetypes
from fleethub.formats import yaml
from fleethub.kinds.node.merging import merged
from fleethub.kinds.node.projection import Unreadable, as_json, there_in
from fleethub.lockfile.errors import LockfileError
from fleethub.lockfile.text import dump, load
from fleethub.model.observation import Unknown
from fleethub.model.plan import MISSING
from fleethub.model.secret import SENSITIVE, Text
from fleethub.nodetypes.projection import Path, Projection
from tests.fleets import Spec, fleet
from tests.formats.test_json5 import subsequence
from tests.formats.test_yaml import texts
from tests.kinds.asking import item
from tests.world import Node, World, apply, plan

AT, ANN = "consumers/ann", "consumer.ann"
AIDER, CONTINUE = ".aider.conf.yml", "config.yaml"
HIS = {
    AIDER: "# mine\nmodel: gpt-4 # old\nread: [CONVENTIONS.md]\nopenai-api-key: sk-canary-1\n",
    CONTINUE: """name: Ours
models:
  - name: tab # mine
    provider: ollama
    apiKey: sk-canary-2
    roles: [autocomplete]

# rules
rules:
  - be kind
""",
}


def asks(client: str, *chain: str, **block: object) -> Spec:
    first, *rest = chain or ("one", "two")
    said = {"type": client, "model": first, "fallbacks": rest, "settle": "0s", "manage": "wiring", **block}
    return fleet().models("one", "two").table("consumers.ann", **said)


def there(spec: Spec, path: str, said: str | None = None) -> World:
    files = {path: ((HIS[path] if said is None else said).encode(), 0o640)}
    return World.of(spec).at_node(AT, lambda _: Node(files))


def done(world: World, spec: Spec) -> World:
    after = apply(world, plan(world, spec)).world
    left = plan(after, spec)
    assert (left.changes, left.drift, left.steps) == ((), (), ())
    return after


def text(world: World, path: str) -> str:
    return world.nodes[AT].files[path][0].decode()


CLIENTS = pytest.mark.parametrize(("client", "path"), [("aider", AIDER), ("continue", CONTINUE)])


@CLIENTS
def test_its_part_goes_in_follows_the_spec_and_comes_out_again(client: str, path: str) -> None:
    spec = asks(client)
    after = done(there(spec, path), spec)
    before, now = yaml.read(HIS[path].encode()), yaml.read(text(after, path).encode())
    assert before is not None
    assert now is not None
    if client == "aider":
        own = {"model": "openai/one", "weak-model": "openai/two", "openai-api-base": "http://llm.example:4000/v1"}
        assert now == {**before, **own}
    else:
        assert [one["name"] for one in now["models"]] == ["tab", "fleethub/one", "fleethub/two"]
        assert {**now, "models": now["models"][:1]} == before
    assert after.nodes[AT].files[path][1] == 0o640, "its mode is its operator's"
    assert subsequence(HIS[path].replace("gpt-4", ""), text(after, path))
    second = done(after, asks(client, "two"))
    assert "openai/one" not in text(second, path)
    assert "fleethub/one" not in text(second, path)
    back = apply(second, plan(second, spec.without("consumers"))).world
    assert text(back, path) == HIS[path], "byte for byte"


@CLIENTS
def test_where_nothing_is_its_program_gets_all_that_it_needs(client: str, path: str) -> None:
    spec = asks(client)
    made = yaml.read(text(done(World.of(spec), spec), path).encode())
    whole = asks(client, manage=None).rendered["ann"].files[0].text.display()
    rendered = yaml.read(
        whole.replace('name: "one"', 'name: "fleethub/one"').replace('name: "two"', 'name: "fleethub/two"').encode()
    )
    assert made == rendered


@CLIENTS
def test_what_was_all_fleethubs_becomes_his_and_back(client: str, path: str) -> None:
    whole, spec = asks(client, manage=None), asks(client)
    world = done(World.of(whole), whole)
    assert not plan(world, spec).findings
    wired = done(world, spec)
    assert subsequence(text(world, path), text(wired, path))
    assert text(done(wired, whole), path) == text(world, path)
    (found,) = [f for f in plan(there(whole, path), whole).findings if f.code == "node.target-taken"]
    assert 'write manage = "wiring"' in found.hint


def test_a_template_of_the_fleet_must_name_its_entries_so_that_they_are_known() -> None:
    kind, node = nodetypes.get("continue"), asks("continue").fleet.nodes["ann"]
    assert kind is not None
    for said, why in (
        ("models: [{name: one}]", "must begin with {{ own }}"),
        ("- one", "it is no table"),
        ("models: [{name: fleethub/one}, {name: fleethub/one}]", "each entry of its models must have a name"),
        ("models: [{name: fleethub/one}, {apiBase: x}]", "each entry of its models must have a name"),
        ("models: [{name: fleethub/one}, two]", "each entry of its models must have a name"),
        ("a: 1\nmodels: [{name: fleethub/one, since: 2024-01-01}]", "line 2 says what JSON has not"),
        ("a: &a 1\nb: *a", "line 2 says what JSON has not"),
        ("a: &a {b: 1}\nc:\n  <<: *a", "line 3 says what JSON has not"),
    ):
        with pytest.raises(ValueError, match=why):
            kind.finish(kind.files[0], node, Text((said,)))
    kind.finish(kind.files[0], node, Text(("models: [{name: fleethub/one}]\nx: [1]\ny: ~",)))


@CLIENTS
def test_drift_is_named_by_path_and_shows_no_value_of_his(client: str, path: str) -> None:
    spec = asks(client)
    world = done(there(spec, path), spec)
    edited = text(world, path).replace("http://llm.example:4000/v1", "http://sk-canary-3@else/v1", 1)
    assert edited != text(world, path)
    changed = world.at_file(AT, path, (edited + "# his\nmore: sk-canary-4\n").encode(), 0o640)
    (drift,) = plan(changed, spec).drift
    (field,) = drift.fields
    at = ("openai-api-base",) if client == "aider" else ("models", "fleethub/one", "apiBase")
    assert field.path == (path, *at)
    assert SENSITIVE in (field.before, field.after)
    assert "canary" not in repr(plan(changed, spec))
    assert text(done(changed, spec), path).replace("# his\nmore: sk-canary-4\n", "") == text(world, path)


@CLIENTS
def test_drift_of_a_file_that_is_all_fleethubs_is_named_by_path_too(client: str, path: str) -> None:
    spec = asks(client, manage=None)
    world = done(World.of(spec), spec)
    edited = re.sub("http://llm.example:4000/v1", "http://sk-canary-3@else/v1", text(world, path), count=1)
    (drift,) = plan(world.at_file(AT, path, f"{edited}# his\nmore: sk-canary-4\n".encode(), 0o644), spec).drift
    at = ("openai-api-base",) if client == "aider" else ("models", "0", "apiBase")
    assert [(field.path, field.after) for field in drift.fields] == [
        ((path, *at), SENSITIVE),
        ((path, "more"), SENSITIVE),
    ]
    assert "canary" not in repr(drift)
    for layout in (
        text(world, path) + "# sk-canary\n",
        text(world, path).replace("\n", "\r\n"),
        text(world, path) + "a: [",
    ):
        changed = plan(world.at_file(AT, path, layout.encode(), 0o644), spec)
        (field,) = changed.drift[0].fields
        assert (field.path, field.after) == ((path,), "1 line changed")
        assert "canary" not in repr(changed)


def test_what_its_file_must_say_of_itself_stays_as_its_operator_says_it() -> None:
    spec = asks("continue")
    world = done(there(spec, CONTINUE, "version: 3.0.0\n"), spec)
    assert text(world, CONTINUE).startswith("version: 3.0.0\nmodels:\n")
    assert "schema" not in text(world, CONTINUE)
    (change,) = (c for c in plan(there(spec, CONTINUE), spec).changes if str(c.address) == ANN)
    assert {field.before for field in change.fields} == {MISSING}


def test_a_list_whose_entries_are_commented_out_is_none() -> None:
    said, spec = "name: Ours\nmodels: # c\n# - name: x\nrules: []\n", asks("continue")
    world = done(there(spec, CONTINUE, said), spec)
    assert subsequence(said, text(world, CONTINUE))
    back = apply(world, plan(world, spec.without("consumers"))).world
    assert text(back, CONTINUE) == said, "and so it can be taken out of its comment"


def test_half_a_character_of_his_is_no_traceback() -> None:
    said, spec = 'models:\n- name: "fleethub/\\ud83d"\n- name: fleethub/one\n  k: "\\ud83d"\n', asks("continue")
    made = text(done(there(spec, CONTINUE, said), spec), CONTINUE)
    assert "ud83d" in made
    assert "k:" not in made


def test_nothing_that_was_there_is_nothing_again() -> None:
    spec = asks("aider")
    world = done(there(spec, AIDER, "model: # none\nread: []\nweak-model: ~\n"), spec)
    back = apply(world, plan(world, spec.without("consumers"))).world
    assert text(back, AIDER) == "model: # none\nread: []\nweak-model:\n"


def test_a_date_where_fleethub_writes_is_not_taken_for_a_text() -> None:
    spec = asks("aider")
    have = item(ANN, there(spec, AIDER, "model: 2024-01-01\n"), spec).have
    assert isinstance(have, Unknown)
    assert "its model (line 1) is a date" in have.reason


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("models: &mine\n- name: x\nmore: *mine\n", "its models (line 1) has an anchor, an alias or a tag"),
        ("base: &b {models: []}\n<<: *b\n", "takes what it says from elsewhere (<<)"),
        ("models: {a: 1}\n", "its models is no list"),
        ("models: []\n---\nmodels: []\n", "it cannot be read as one document of YAML (line 2)"),
        ("models: []\nmodels: []\n", "a key of it stands there twice (line 2)"),
        ("models:\n- name: fleethub/one\n- name: fleethub/one\n", "its models has fleethub/one twice"),
    ],
)
def test_what_cannot_be_understood_is_unknown_and_never_written(said: str, why: str) -> None:
    spec = asks("continue")
    world = there(spec, CONTINUE, said)
    have = item(ANN, world, spec).have
    assert isinstance(have, Unknown)
    assert why in have.reason
    assert text(apply(world, plan(world, spec)).world, CONTINUE) == said


def test_what_would_take_something_of_his_away_is_not_written() -> None:
    said = "models:\n- name: fleethub/one\n  provider: &p ollama\nprovider: *p\n"
    spec = asks("continue")
    world = there(spec, CONTINUE, said)
    (found,) = [one for one in plan(world, spec).findings if "cannot be put into" in one.message]
    assert "all else stays as it is" in found.message
    assert text(apply(world, plan(world, spec)).world, CONTINUE) == said


@pytest.mark.parametrize(
    ("spec", "code"),
    [
        (asks("codex"), "node.config-check"),
        (asks("claude-code"), "node.config-check"),
        (asks("aider", type=None, file="key"), "spec.value"),
        (asks("aider", manage="half"), "spec.value"),
    ],
)
def test_whose_files_they_are_is_said_where_it_means_something(spec: Spec, code: str) -> None:
    findings = spec.loaded.findings or spec.rendered["ann"].findings
    assert code in [one.code for one in findings]


@pytest.mark.parametrize("said", ["- id: [x]\n", "- id: {a: 1}\n  name: x\n", "- id: 1\n  name: 2\n", "- [a]\n- ~\n"])
def test_an_entry_that_has_no_name_stays(said: str) -> None:
    said, spec = f"name: n\nmodels:\n{said}", asks("continue")
    world = done(there(spec, CONTINUE, said), spec)
    assert text(apply(world, plan(world, spec.without("consumers"))).world, CONTINUE) == said


@pytest.mark.parametrize("text_", ["9" * 5000, "{", "NaN", "1e999", "[" * 5000, "one", "\x1b", '"\\ud83d"'])
def test_a_value_in_the_lockfile_that_nothing_is_rendered_to_is_damage(text_: str) -> None:
    spec = asks("continue")
    lockfile = dump(done(there(spec, CONTINUE), spec).lockfile)
    damaged = lockfile.replace(r'"\"one\""', json.dumps(text_))
    assert damaged != lockfile
    with pytest.raises(LockfileError, match=r"consumer\.ann: .* a value that is no JSON"):
        load(damaged)
    assert load(lockfile.replace(r'"\"one\""', '"[null]"'))


VALUES: tuple[Path, ...] = (("a",), ("b", "a"), ("more", "k"))
UNITS: tuple[Path, ...] = (("models", "f/1"), ("models", "f/2"))


@given(texts(), st.lists(st.sampled_from(VALUES), unique=True), st.lists(st.sampled_from(UNITS), unique=True))
@example("models: ~\n", [], [UNITS[0]])
def test_what_is_merged_is_found_once_and_all_else_stays(said: str, values: list[Path], units: list[Path]) -> None:
    assume(values or units)
    of = Projection(
        values=dict.fromkeys(values, "text/1"),
        units={path: {"name": path[-1], "roles": ["x"]} for path in units},
        fresh={("models",): []},
        sweep={("models",): "f/"},
        lists=frozenset([("models",)]),
    )

    def once(projection: Projection, data: bytes) -> bytes:
        return merged("yaml", projection, data, Text.display)

    try:
        after = once(of, said.encode())
    except Unreadable:
        return  # what is there is no table, or comes from elsewhere
    has: dict[Path, Any] = dict(there_in("yaml", of, after))
    assert {path: has.pop(path) for path in values} == dict(of.values)
    assert has == {(*path, key): one for path in units for key, one in of.units[path].items()}
    assert once(of, after) == after
    before, now = (yaml.read(data) or {} for data in (said.encode(), after))
    for table in (before, now):
        for path in values:
            inner = table.get(path[0]) if len(path) > 1 else table
            if isinstance(inner, dict):
                inner.pop(path[-1], None)
        listed = table.get("models", False)
        if listed is None or isinstance(listed, list):  # None as where all of a list is commented out
            table["models"] = [
                o for o in listed or () if not (isinstance(o, dict) and str(o.get("name")).startswith("f/"))
            ]
    assert as_json({k: v for k, v in now.items() if v not in ({}, []) or k in before}) == as_json(before)
