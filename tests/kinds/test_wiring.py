"""Nodes whose files are somebody else's: FleetHub's part goes in, and every other byte stays."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from fleethub.clients.host import HostError
from fleethub.dotenv import assignments
from fleethub.formats import dotenv, json5
from fleethub.kinds.compare import record
from fleethub.kinds.execution import StepError
from fleethub.kinds.node import execute
from fleethub.kinds.node.actions import Deliver, RemoveNode
from fleethub.kinds.node.attributes import FileAttrs, NodeAttrs
from fleethub.kinds.node.delivery import begun, needs_restart
from fleethub.kinds.node.projection import Unwritable
from fleethub.kinds.node.restoring import restored
from fleethub.lockfile.text import dump
from fleethub.model.observation import Pending, Source, Unknown
from fleethub.model.plan import MISSING, Action
from fleethub.model.readings.host import FileReading, HostReading
from fleethub.model.secret import Blob
from tests.fleets import Spec, fleet
from tests.kinds.asking import item, phases, steps
from tests.world import SEAL, Node, World, apply, facts, plan

NODE, HERE = "node.a", "nodes/a"
SPEC = fleet().models("one", "two").node("a", "one", manage="wiring")
CONFIG = """// ours, since 2024
{
  gateway: { mode: 'local', port: 18789 }, /* hands off */
  channels: { telegram: { enabled: true, botToken: "${TELEGRAM}" } },
  models: {
    providers: {
      mine: { baseUrl: "http://elsewhere/v1", apiKey: "sk-canary-7", models: [{ id: "x", name: "X" }] }, // keep
    },
  },
  agents: { defaults: { model: "mine/x", heartbeat: { every: "30m" } } },
}
"""
ENV = "# by hand\nTELEGRAM='canary-8' # bot\nexport TZ=UTC\n"


def there(spec: Spec = SPEC, config: str = CONFIG, env: str | None = ENV) -> World:
    """A world with a node that its operator set up."""
    files = {"openclaw.json": (config.encode(), 0o600), "docker-compose.yml": (b"services: {}", 0o644)}
    files |= {".env": (env.encode(), 0o600)} if env is not None else {}
    return World.of(spec).at_node(HERE, lambda _: Node(files))


def done(world: World, spec: Spec) -> World:
    """Applied, after which the plan is empty."""
    after = apply(world, plan(world, spec)).world
    left = plan(after, spec)
    assert (left.changes, left.drift) == ((), ())
    return after


def config(world: World) -> Any:
    return json5.read(world.nodes[HERE].files["openclaw.json"][0])


def text(world: World, path: str = "openclaw.json") -> str:
    return world.nodes[HERE].files[path][0].decode()


def test_its_part_goes_in_and_every_other_byte_stays() -> None:
    after = done(there(), SPEC)
    assert {*after.nodes[HERE].files} == {"openclaw.json", ".env", "docker-compose.yml"}
    assert after.nodes[HERE].files["openclaw.json"][1] == 0o600, "its mode is its operator's"
    found = config(after)
    assert found["agents"]["defaults"]["model"] == {"primary": "fleethub-1/one"}
    assert found["models"]["providers"]["fleethub-1"]["apiKey"] == "${FLEETHUB_KEY_MAIN}"
    before = json5.read(CONFIG.encode())
    assert before is not None
    found["models"]["providers"].pop("fleethub-1")
    found["agents"]["defaults"]["model"] = "mine/x"
    assert found == before
    for line in CONFIG.splitlines():
        assert line in text(after) or "model:" in line, line
    assert text(after, ".env").startswith(ENV)
    assert set(assignments(text(after, ".env"))) == {"TELEGRAM", "TZ", "FLEETHUB_KEY_MAIN"}


def test_a_swap_changes_its_part_alone_and_what_is_no_longer_needed_goes() -> None:
    long = done(there(SPEC.node("a", "one", "two")), SPEC.node("a", "one", "two"))
    after = done(long, SPEC.node("a", "two"))
    assert set(config(after)["models"]["providers"]) == {"mine", "fleethub-1"}
    assert config(after)["agents"]["defaults"]["model"]["primary"] == "fleethub-1/two"
    operator = after.at_file(HERE, "openclaw.json", text(after).replace("hands off", "hands on").encode(), 0o600)
    left = plan(operator, SPEC.node("a", "two"))
    assert (left.changes, left.drift) == ((), ()), "what is not FleetHub's is no drift"


def test_what_somebody_changed_of_its_part_is_named_and_no_value_shown() -> None:
    world = done(there(), SPEC)
    edited = text(world).replace('"fleethub-1/one"', '"mine/other"')
    env = dotenv.edit(text(world, ".env"), [(("FLEETHUB_KEY_MAIN",), "canary-10")])
    changed = world.at_file(HERE, "openclaw.json", edited.encode(), 0o600).at_file(HERE, ".env", env.encode(), 0o600)
    (drift,) = plan(changed, SPEC).drift
    assert [".".join(field.path) for field in drift.fields] == [
        ".env.FLEETHUB_KEY_MAIN",
        "openclaw.json.agents.defaults.model.primary",
    ]
    assert "canary" not in repr(plan(changed, SPEC))
    after = done(changed, SPEC)
    assert text(after) == text(world)
    assert text(after, ".env") == text(world, ".env")


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ("{ broken", "openclaw.json: it cannot be read as JSON5"),
        ('{ models: "none" }', "openclaw.json: its models is no table"),
        ('{ agents: { $include: "./agents.json5" } }', "takes what it says from another file ($include)"),
        ('{ $include: ["./a.json5"] }', "takes what it says from another file ($include)"),
    ],
)
def test_what_cannot_be_understood_is_unknown_and_never_written(config: str, why: str) -> None:
    world = there(config=config)
    have = item(NODE, world, SPEC).have
    assert isinstance(have, Unknown)
    assert why in have.reason
    assert not [step for step in plan(world, SPEC).steps if isinstance(step.do, Deliver)]


def test_without_a_config_there_is_nothing_to_wire() -> None:
    world = World.of(SPEC).at_node(HERE, lambda _: Node({".env": (b"", 0o600)}))
    (change,) = (c for c in plan(world, SPEC).changes if str(c.address) == NODE)
    assert change.action is Action.BLOCKED
    assert "there is no openclaw.json" in change.blockers[0].reason


def test_a_missing_env_is_made() -> None:
    after = done(there(env=None), SPEC)
    assert set(assignments(text(after, ".env"))) == {"FLEETHUB_KEY_MAIN"}
    assert after.nodes[HERE].files[".env"][1] == 0o600


ADOPTED = CONFIG.replace('"mine/x"', '{ primary: "llm/one" }').replace(
    "// keep", '// keep\n      llm: { baseUrl: "http://other:4000/v1", apiKey: "${LLM}", models: [{ id: "one" }] },'
)
KEPT = SPEC.table(
    "nodes.a.wiring.llm", proxy="main", url="http://other:4000/v1", key_variable="LLM", keep=["key", "api", "context"]
)


def test_what_is_there_as_the_spec_says_it_changes_no_byte() -> None:
    """Adoption: another provider's name, URL and variable; what the file does not say; a key that is kept."""
    world = there(KEPT, ADOPTED, "LLM=sk-canary\n")
    state = item(NODE, world, KEPT)
    assert state.want is not None
    assert state.seen is not None
    assert state.want.attrs == state.seen.attrs
    assert "canary" not in repr(state)
    assert phases(steps(NODE, world, KEPT)) == ["settle"], "nothing is delivered"


@pytest.mark.parametrize(
    ("there_is", "wanted_is"), [("1", True), ("2.0", 2), ("0", False), ("[1.0]", [1]), ("{}", [])], ids=str
)
def test_what_python_takes_for_equal_and_json_does_not_is_written_once(there_is: str, wanted_is: Any) -> None:
    spec = SPEC.table("nodes.a.openclaw.channels.telegram", enabled=wanted_is)
    after = done(there(spec, CONFIG.replace("enabled: true", f"enabled: {there_is}")), spec)
    found = config(after)["channels"]["telegram"]["enabled"]
    assert (found, type(found)) == (wanted_is, type(wanted_is))
    context = ADOPTED.replace('{ id: "one" }', f'{{ id: "one", contextWindow: {32768.0} }}')
    named = SPEC.table("nodes.a.wiring.llm", proxy="main", key_variable="LLM")
    done(there(named, context), named)


def test_an_empty_table_of_the_spec_takes_nothing_away() -> None:
    spec = SPEC.table("nodes.a.openclaw.channels", telegram={}, discord={})
    world = there(spec)
    (change,) = (c for c in plan(world, spec).changes if str(c.address) == NODE)
    assert [field.path[1:] for field in change.fields if "channels" in field.path] == [("channels", "discord")]
    after = config(done(world, spec))["channels"]
    assert after == {"telegram": {"enabled": True, "botToken": "${TELEGRAM}"}, "discord": {}}


def test_a_provider_that_another_fleethub_left_is_found_by_the_name_that_the_spec_has_for_it() -> None:
    left = ADOPTED.replace("llm:", '"fleethub-1":').replace("llm/one", "fleethub-1/one")
    spec = SPEC.table("nodes.a.wiring.fleethub-1", **KEPT.doc["nodes"]["a"]["wiring"]["llm"], models=["one"])
    state = item(NODE, there(spec, left, "LLM=sk-canary\n"), spec)
    assert state.seen is not None
    assert state.want is not None
    assert state.want.attrs == state.seen.attrs
    written = SPEC.table("nodes.a.wiring.fleethub-1", proxy="main", key_variable="LLM")
    after = done(there(written, left, "LLM=sk-canary\n"), written)
    assert set(config(after)["models"]["providers"]) == {"mine", "fleethub-1"}


@pytest.mark.parametrize("fallbacks", ["5", "true", "'mine/x'", "{ a: 1 }", "[5, null]"])
def test_a_chain_that_is_no_chain_is_written_anew(fallbacks: str) -> None:
    odd = CONFIG.replace('model: "mine/x"', f"model: {{ primary: 7, fallbacks: {fallbacks} }}")
    assert config(done(there(config=odd), SPEC))["agents"]["defaults"]["model"]["primary"] == "fleethub-1/one"


LISTED = SPEC.table("nodes.a.openclaw.channels.telegram", rows=[{"id": "a", "v": 1}])


@pytest.mark.parametrize(
    "rows", ["", "rows: null,", "rows: [],", "rows: [{id: 'a', w: 2}, {id: 'b'}],", "rows: {a: {}},"]
)
def test_a_list_of_the_spec_takes_the_place_of_what_is_there(rows: str) -> None:
    after = done(there(LISTED, CONFIG.replace("enabled: true,", f"enabled: true, {rows}")), LISTED)
    assert config(after)["channels"]["telegram"]["rows"] == [{"id": "a", "v": 1}]


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("agents: {", "agents: [], was: {", "its agents is no table"),
        ("defaults: {", "defaults: ['a'], was: {", "its agents.defaults is no table"),
        ('"mine/x"', "[{ id: 'primary' }]", "its agents.defaults.model is no table"),
        ("llm: {", "llm: [1], was: {", "its models.providers.llm is no table"),
        ('[{ id: "one" }]', '{ one: { id: "one" } }', "its models.providers.llm.models is no list"),
    ],
)
def test_a_list_in_the_place_of_a_table_is_unknown_and_never_written(old: str, new: str, why: str) -> None:
    odd = (ADOPTED if "llm" in f"{old} {why}" else CONFIG).replace(old, new)
    have = item(NODE, there(KEPT, odd), KEPT).have
    assert isinstance(have, Unknown)
    assert why in have.reason


@pytest.mark.parametrize("llm", ["{}", "{ id: 'x' }", "{ models: [] }", "{ models: [{ name: 'no id' }] }"])
def test_a_provider_that_says_nothing_yet_is_filled(llm: str) -> None:
    spec = SPEC.table("nodes.a.wiring.llm", proxy="main", keep=["api"])
    after = done(there(spec, CONFIG.replace("mine:", f"llm: {llm},\n      mine:")), spec)
    provider = config(after)["models"]["providers"]["llm"]
    assert (provider["apiKey"], provider["api"]) == ("${FLEETHUB_KEY_MAIN}", "openai-completions")
    assert [model["id"] for model in provider["models"] if "id" in model] == ["one"]


def test_a_key_that_is_kept_and_not_adopted_is_told_before_anything_is_made() -> None:
    world = there(KEPT, ADOPTED, "LLM=sk-canary\n")
    (found,) = [one for one in plan(world, KEPT).findings if one.code == "node.key-unadopted"]
    assert "fleethub import key.main.a node.a" in found.hint
    assert not [step for step in plan(world, KEPT).steps if isinstance(step.do, Deliver)]


def test_a_key_that_is_not_kept_is_written_under_its_own_variable() -> None:
    spec = SPEC.table("nodes.a.wiring.llm", proxy="main", key_variable="LLM")
    after = done(there(spec, ADOPTED, "LLM=sk-canary # old\nTZ=UTC\n"), spec)
    assert "canary" not in text(after, ".env")
    assert text(after, ".env").endswith("' # old\nTZ=UTC\n")
    assert config(after)["models"]["providers"]["llm"]["apiKey"] == "${LLM}"


def test_from_whole_to_wiring_and_back() -> None:
    whole = SPEC.table("nodes.a", manage=None)
    world = apply(World.of(whole), plan(World.of(whole), whole)).world
    wired = done(world, SPEC)
    assert set(wired.nodes[HERE].files) == {".env", "compose.yaml", "openclaw.json"}, "nothing is taken away"
    assert text(wired) == text(world)
    mine = wired.at_file(HERE, "openclaw.json", text(wired).replace("{", '{ "channels": {},', 1).encode(), 0o644)
    (change,) = (c for c in plan(mine, whole).changes if str(c.address) == NODE)
    assert change.action is Action.UPDATE
    assert ("openclaw.json", "channels") in [field.path for field in change.fields], "what would be lost is named"


def test_what_comes_back_when_a_node_that_becomes_fleethubs_does_not_come_up_is_what_its_operator_had() -> None:
    world = done(there(), SPEC)
    whole = SPEC.table("nodes.a", manage=None)
    (deliver,) = (step.do for step in plan(world, whole).steps if isinstance(step.do, Deliver))
    assert deliver.owners == {".env", "openclaw.json"}
    after = done(world, whole)
    (again,) = (s.do for s in plan(after, whole.node("a", "two")).steps if isinstance(s.do, Deliver))
    assert not again.owners


def test_a_value_that_the_file_cannot_take_is_told_before_anything_is_delivered() -> None:
    spec = SPEC.table("nodes.a.env", TZ={"value": r"a\\b"})
    (found,) = [one for one in plan(there(spec), spec).findings if "cannot be put into" in one.message]
    assert "TZ would not be read there as it is meant" in found.message
    assert "KEY" not in found.message
    assert not [step for step in plan(there(spec), spec).steps if isinstance(step.do, Deliver)]


def test_what_a_program_on_the_node_says_of_his_files_is_told_without_their_values() -> None:
    (do,) = (
        step.do for step in plan(there(env=ENV + "ODD KEY=canary-9\n"), SPEC).steps if isinstance(step.do, Deliver)
    )
    said = "docker ended with 15: .env line 4: 'ODD KEY=canary-9', TELEGRAM is canary-8, apiKey sk-canary-7 of mine"

    def refuses(_: object) -> None:
        raise HostError(said)

    hosts = SimpleNamespace(at=lambda _: SimpleNamespace(deliver=refuses))
    context = SimpleNamespace(resolver=SEAL, hosts=hosts, mark=lambda _: {})
    with pytest.raises(StepError) as told:
        execute.deliver(do, context)  # type: ignore[arg-type]
    assert "canary" not in str(told.value)
    assert "docker ended with 15: .env line 4: 'ODD KEY=(sensitive)', TELEGRAM is (sensitive)" in str(told.value)


def test_what_the_spec_sets_besides_is_owned_and_never_in_plain() -> None:
    spec = SPEC.table("nodes.a.openclaw.channels.telegram", dmPolicy="canary-free", enabled=False)
    world = there(spec)
    after = done(world, spec)
    assert config(after)["channels"]["telegram"] == {
        "enabled": False,
        "botToken": "${TELEGRAM}",
        "dmPolicy": "canary-free",
    }
    assert after.lockfile is not None
    assert "canary" not in dump(after.lockfile)
    (change,) = [one for one in plan(world, spec).changes if str(one.address) == NODE]
    assert ("openclaw.json", "channels", "telegram", "dmPolicy") in [field.path for field in change.fields]


def test_a_key_in_a_file_that_everybody_may_read_is_told() -> None:
    world = there().at_file(HERE, ".env", ENV.encode(), 0o644)
    (found,) = [one for one in plan(world, SPEC).findings if one.code == "node.env-open"]
    assert "(0644)" in found.message
    assert not [one for one in plan(there(), SPEC).findings if one.code == "node.env-open"]


def test_a_removed_node_keeps_its_files() -> None:
    world = done(there(), SPEC)
    after = apply(world, plan(world, SPEC.without("nodes"))).world
    assert after.nodes[HERE].files == there().nodes[HERE].files
    assert after.nodes[HERE].mark is None


def test_an_envfile_and_a_brought_type_own_what_they_render() -> None:
    spec = fleet().models("one").node("a", "one", type="envfile", manage="wiring")
    world = World.of(spec).at_node(HERE, lambda _: Node({".env": (b"WEBUI=1\nOPENAI_API_KEY=old\n", 0o640)}))
    after = done(world, spec)
    env = assignments(text(after, ".env"))
    assert env["WEBUI"] == "1"
    assert set(env) == {"WEBUI", "OPENAI_API_KEY", "OPENAI_API_BASE_URL", "DEFAULT_MODELS"}
    kept = spec.table("nodes.a.envfile", keep=["key"])
    assert [one for one in plan(world, kept).findings if one.code == "node.key-unadopted"]


@pytest.mark.parametrize(
    ("kind", "says", "hint"),
    [
        ("link", "is a link, not a file", "put the file itself in its place"),
        ("folder", "is a folder, not a file", "move it away"),
        ("other", "is no file", "move it away"),
    ],
)
def test_what_stands_in_a_files_place_is_named_with_what_to_do(kind: str, says: str, hint: str) -> None:
    state = item(NODE, there(), SPEC)
    assert state.seen is not None
    from fleethub.kinds.node.objections import objections

    linked = replace(state.seen, attrs=replace(state.seen.attrs, files={"openclaw.json": FileAttrs(kind=kind)}))
    (found,) = objections(replace(state, have=linked), None)
    assert found.code == "node.nothing-to-wire"
    assert found.message.endswith(f"openclaw.json {says}")
    assert found.hint.startswith(hint)


def test_where_a_link_stands_no_chain_is_told_and_no_key_is_made() -> None:
    world = there()
    seen = facts(world, SPEC)
    source = next(i for i in seen.readings if i[0] == "host")
    reading = seen.readings[source]
    assert isinstance(reading, HostReading)
    linked = replace(reading, files={**reading.files, "openclaw.json": FileReading(None, 0, "link")})
    made = plan(world, SPEC, facts=replace(seen, readings={**seen.readings, source: linked}))
    assert {str(c.address): c.action for c in made.changes} == {NODE: Action.BLOCKED, "key.main.a": Action.BLOCKED}
    (node,) = (c for c in made.changes if str(c.address) == NODE)
    assert [f.before for f in node.fields if f.path == ("chain",)] == [MISSING], "what is called there is not known"
    assert made.steps == ()


def test_a_key_of_which_a_broken_apply_may_have_started_a_process_makes_it_a_new_one() -> None:
    """Two applies that broke off, the second of another part of the file, then back to what was applied."""
    applied = NodeAttrs(files={".env": FileAttrs(owned={"KEY": "fp1:one", "URL": '"u"'})})
    first = NodeAttrs(files={".env": FileAttrs(owned={"KEY": "fp1:two", "URL": '"u"'})})
    second = replace(applied, files={".env": FileAttrs(owned={"KEY": "fp1:one", "URL": '"v"'})})
    both = begun(second, Pending(("deliver",), first))
    assert both.files[".env"].owned_before == {"KEY": ("fp1:two",), "URL": ('"u"',)}
    again = begun(applied, Pending(("deliver",), both))
    assert again.files[".env"].owned_before == {"KEY": ("fp1:two",), "URL": ('"v"',)}
    state = item(NODE, there(), SPEC)
    env = state.want.attrs.files[".env"]
    for broken, new in ((replace(env, owned_before={"FLEETHUB_KEY_MAIN": ("fp1:two",)}), True), (env, False)):
        pending = Pending(("deliver",), replace(state.want.attrs, files={**state.want.attrs.files, ".env": broken}))
        locked = replace(record(state.want), pending=pending)
        assert needs_restart(replace(state, locked=locked)) is new


def test_what_the_end_of_a_node_says_shows_no_value_of_its_files() -> None:
    said = "docker ended with 1: .env: TELEGRAM=canary-8 is no good, sk-canary-7"

    def refuses(*_: object) -> None:
        raise HostError(said)

    hosts = SimpleNamespace(at=lambda _: SimpleNamespace(remove=refuses))
    context = SimpleNamespace(hosts=hosts, lineage="", serial=1)
    there = {".env": Blob(ENV.encode()), "openclaw.json": Blob(CONFIG.encode())}
    with pytest.raises(StepError) as told:
        execute.remove(RemoveNode(Source("host", HERE), {}, ("docker",), there=there), context)  # type: ignore[arg-type]
    assert str(told.value) == "docker ended with 1: .env: TELEGRAM=(sensitive) is no good, (sensitive)"


def test_a_node_that_is_let_go_of_gets_back_what_it_called_and_loses_what_is_fleethubs() -> None:
    world, before = there(), config(there())
    first = done(world, SPEC)
    after = done(first, SPEC.node("a", "two", "one", manage="wiring"))
    assert config(after) != before
    gone = plan(after, SPEC.without("nodes"))
    (change,) = (c for c in gone.changes if str(c.address) == NODE)
    assert "it gets back what it called before" in change.consequence
    back = apply(after, gone).world
    assert text(back) == CONFIG, "byte for byte"
    assert text(back, ".env") == ENV
    assert back.nodes[HERE].files["openclaw.json"][1] == 0o600
    assert plan(back, SPEC.without("nodes")).changes == ()


@pytest.mark.parametrize(
    ("old", "new", "stays"),
    [
        ('"primary": "fleethub-1/one"', '"primary": "mine/better"', True),
        ('"primary": "fleethub-1/one"', '"primary": "fleethub-1/one", "fallbacks": []', False),
        ('"primary": "fleethub-1/one"', '"primary": "mine/y", "fallbacks": ["fleethub-1/one"]', False),
        ('{\n    "primary": "fleethub-1/one"\n  }', '"mine/better"', True),
    ],
    ids=["another", "the same", "leads to what goes", "in its short form"],
)
def test_what_somebody_changed_since_is_not_put_back_over(old: str, new: str, stays: bool) -> None:
    world = done(there(), SPEC)
    assert old in text(world)
    changed = world.at_file(HERE, "openclaw.json", text(world).replace(old, new).encode(), 0o600)
    gone = plan(changed, SPEC.without("nodes"))
    (change,) = (c for c in gone.changes if str(c.address) == NODE)
    assert ("was changed by hand since, and stays" in change.consequence) is stays
    back = apply(changed, gone).world
    called = config(back)["agents"]["defaults"]["model"]
    assert (called in ("mine/better", {"primary": "mine/better"})) if stays else (text(back) == CONFIG)
    assert "fleethub" not in text(back)


def test_what_it_called_as_a_table_comes_back_key_by_key_and_a_variable_that_is_named_stays() -> None:
    files = {
        "c.json": b'{ model: { primary: "f/x", /* his */ other: 1, fallbacks: [] }, p: { f1: {}, m: { k: "$F_K" } } }',
        ".env": b"F_K=1\nF_L=2\nX=3\n",
    }
    found = {
        "c.json#/model": ('{"primary": "m/x"}', "primary", "fallbacks"),
        "c.json#/p*": ("f",),
        ".env#*": ("F_",),
    }
    assert restored(found, files) == {
        "c.json": b'{ model: { primary: "m/x", /* his */ other: 1 }, p: { m: { k: "$F_K" } } }',
        ".env": b"F_K=1\nX=3\n",
    }
    assert restored(found, {"c.json": b'{model: "m/x"}'}) == {"c.json": b'{model: {"primary": "m/x"}}'}
    with pytest.raises(Unwritable):
        restored(found, {"c.json": b"{ broken"})


THEIRS = """{
  // by hand
  models: { providers: {
    friend: { baseUrl: "http://llm.example:4000/v1", apiKey: "${FRIEND}", api: "openai-completions",
              models: [
                { id: "one", name: "One", contextWindow: 32768, maxTokens: 4096 }, // his
              ] },
  } },
  agents: { defaults: { model: "friend/one", heartbeat: { every: "30m" } } },
  gateway: { mode: "local" },
}
"""
FRIEND = SPEC.models("one", "two", "three").table("nodes.a.wiring.friend", proxy="main", key_variable="FRIEND")


def test_what_fleethub_added_to_a_provider_of_somebody_else_goes_when_the_node_is_let_go_of() -> None:
    """Also what an apply before the last one added; what he took into use meanwhile stays."""
    world = there(FRIEND, THEIRS, "FRIEND=sk-his\n")
    for chain in (("two", "one"), ("three", "two"), ("one",)):
        world = done(world, FRIEND.node("a", *chain, manage="wiring"))
    ids = [one["id"] for one in config(world)["models"]["providers"]["friend"]["models"]]
    assert ids == ["one", "two", "three"]
    back = apply(world, plan(world, FRIEND.without("nodes"))).world
    assert text(back) == THEIRS
    taken = text(world).replace('every: "30m"', 'every: "30m", model: "friend/three"')
    used = world.at_file(HERE, "openclaw.json", taken.encode())
    kept = config(apply(used, plan(used, FRIEND.without("nodes"))).world)
    assert [one["id"] for one in kept["models"]["providers"]["friend"]["models"]] == ["one", "three"]
