"""Adoption of a node that runs: the spec that its files say, the lockfile, an empty plan; nothing is changed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from fleethub import nodetypes
from fleethub.adoption import adopt, keeping
from fleethub.formats import json5
from fleethub.kinds import KINDS
from fleethub.kinds.node.actions import Deliver
from fleethub.kinds.node.merging import merged
from fleethub.kinds.values import Inputs
from fleethub.lockfile.text import dump, load
from fleethub.model.address import key as key_address
from fleethub.model.address import node as node_address
from fleethub.model.fleet import Fleet
from fleethub.model.observation import Lockfile, Unknown
from fleethub.model.plan import Action, Orders
from fleethub.model.readings.proxy import KeyRow
from fleethub.model.secret import Text
from fleethub.nodetypes.found import FoundWay
from fleethub.operations.spec import remembering
from fleethub.planning import make_plan
from fleethub.rendering import load_templates, render
from tests.fleets import CONTEXT, NOWHERE, Spec, fleet
from tests.kinds.test_wiring import CONFIG, ENV, HERE, there
from tests.world import LINEAGE, SEAL, World, apply, facts

NODE, KEY = node_address("a"), key_address("main", "a")
VALUE = "sk-canary-by-hand"
BASE = fleet().models("one", "two")
WAYS = {
    "llm": FoundWay(
        proxy="main",
        url="http://llm.example:4000/v1",
        aliases={"one": "one", "two": "two"},
        contexts={"one": CONTEXT, "two": CONTEXT},
    )
}
PROVIDERS = {
    "by variable": 'llm: { baseUrl: "http://llm.example:4000/v1", apiKey: "${LLM}", api: "openai-completions", '
    f'models: [{{ id: "one", name: "O", contextWindow: {CONTEXT} }}] }},',
    "in the config": f'llm: {{ baseUrl: "http://other:4000/v1/", apiKey: "{VALUE}", '
    'models: [{ id: "one" }, { id: "two" }] },',
    "by a reference": 'llm: { baseUrl: "http://llm.example:4000/v1", '
    'apiKey: { source: "env", provider: "default", id: "LLM" }, api: "openai-responses", '
    'models: [{ id: "one", name: "O", contextWindow: 8192 }] },',
}
CHAINS = ('"llm/one"', '{ primary: "llm/one" }', '{ primary: "llm/one", fallbacks: [], /* none */ }')


def said(config: str, env: str) -> Spec:
    """The spec that the node's type says of its files."""
    kind = nodetypes.get("openclaw-docker")
    assert kind is not None
    found = kind.found({"openclaw": config.encode(), "env": env.encode()}, {})
    assert not found.unclear
    fields = kind.adopted(found, WAYS)
    assert not fields.left
    first, *rest = fields.fields["model"], *fields.fields["fallbacks"]
    made = BASE.node("a", first, *rest, manage="wiring")
    for id, table in fields.fields["wiring"].items():
        made = made.table(f"nodes.a.wiring.{id}", **table)
    return made


def wanted(now: Fleet) -> Mapping[Any, Any]:
    templates = load_templates(NOWHERE.parent)
    rendered = {name: render(now, node, templates) for name, node in now.nodes.items()}
    return {r.address: r for kind in KINDS.values() for r in kind.desired(Inputs(now, SEAL, rendered))}


def taken(world: World, spec: Spec) -> Lockfile:
    """The lockfile that an import of node and key leaves, as the next command reads it."""
    known, base = facts(world, spec), Lockfile("monad", LINEAGE, 0, SEAL.seed_fingerprint() or "")
    kept = keeping(spec.fleet, known, SEAL, [KEY])
    done = adopt(kept, base, wanted(kept), known, SEAL, [KEY, NODE])
    assert done.left == {}
    assert set(done.taken) == {KEY, NODE}
    return load(dump(replace(base, serial=1, resources={c.address: c.locked for c in done.plan.changes if c.locked})))


def estate(spec: Spec, config: str, env: str) -> World:
    row = KeyRow("a", hashlib.sha256(VALUE.encode()).hexdigest(), ("one",), {}, {})
    return there(spec, config, env).at_proxy(lambda proxy: proxy.with_key(row))


def test_import_then_an_empty_plan_whatever_its_style() -> None:
    for provider in PROVIDERS.values():
        for chain in CHAINS:
            config = CONFIG.replace('"mine/x"', chain).replace("// keep", f"// keep\n      {provider}")
            env = f"LLM={VALUE}\nTZ=UTC\n" if "LLM" in provider else "TZ=UTC\n"
            spec = said(config, env)
            world = estate(spec, config, env)
            lockfile = taken(world, spec)
            assert "canary" not in dump(lockfile)
            now = remembering(spec.fleet, lockfile)
            left = make_plan(now, lockfile, wanted(now), facts(world, spec), SEAL, (), True)
            assert (left.changes, left.drift, left.steps) == ((), (), ()), (provider, chain)
            assert "canary" not in repr(left)


def test_a_new_value_of_its_key_is_written_where_the_old_one_stood() -> None:
    config = CONFIG.replace('"mine/x"', CHAINS[0]).replace("// keep", f"// keep\n      {PROVIDERS['by variable']}")
    env = f"LLM={VALUE} # by hand\nTZ=UTC\n"
    spec = said(config, env)
    world = estate(spec, config, env)
    lockfile = taken(world, spec)
    raised = spec.key("a", generation=2)
    now = remembering(raised.fleet, lockfile)
    left = make_plan(now, lockfile, wanted(now), facts(world, raised), SEAL, (), True)
    (deliver,) = [step.do for step in left.steps if isinstance(step.do, Deliver)]
    assert deliver.keep == {"openclaw.json"}, "its config refers to the same variable"
    (change,) = [change for change in left.changes if change.address == NODE]
    assert [field.path for field in change.fields] == [(".env", "LLM")]


def test_a_key_in_the_config_itself_goes_to_a_variable_with_its_new_value() -> None:
    config = CONFIG.replace('"mine/x"', CHAINS[0]).replace("// keep", f"// keep\n      {PROVIDERS['in the config']}")
    spec = said(config, ENV)
    world = estate(spec, config, ENV)
    lockfile = taken(world, spec)
    raised = spec.key("a", generation=2)
    now = remembering(raised.fleet, lockfile)
    left = make_plan(now, lockfile, wanted(now), facts(world, raised), SEAL, (), True)
    (change,) = [change for change in left.changes if change.address == NODE]
    assert {field.path for field in change.fields} == {
        (".env", "FLEETHUB_KEY_MAIN"),
        ("openclaw.json", "models", "providers", "llm", "apiKey"),
    }
    assert "canary" not in repr(left)


def test_a_swap_keeps_its_key_and_its_providers_name() -> None:
    config = CONFIG.replace('"mine/x"', CHAINS[0]).replace("// keep", f"// keep\n      {PROVIDERS['by variable']}")
    spec = said(config, f"LLM={VALUE}\n")
    world = estate(spec, config, f"LLM={VALUE}\n")
    lockfile = taken(world, spec)
    swapped = spec.node("a", "two")
    now = remembering(swapped.fleet, lockfile)
    left = make_plan(now, lockfile, wanted(now), facts(world, swapped), SEAL, (), True)
    (deliver,) = [step.do for step in left.steps if isinstance(step.do, Deliver)]
    (file,) = [file for file in deliver.files if file.path not in deliver.keep]
    assert file.merge is not None
    assert file.merge.there is not None
    after = json5.read(merged(file.merge.format, file.merge.projection, file.merge.there.reveal(), Text.display))
    assert after is not None
    assert [model["id"] for model in after["models"]["providers"]["llm"]["models"]] == ["one", "two"]
    assert after["models"]["providers"]["llm"]["apiKey"] == "${LLM}"
    assert after["agents"]["defaults"]["model"] == {"primary": "llm/two"}


def plan_of(world: World, spec: Spec) -> Any:
    now = remembering(spec.fleet, world.lockfile)
    return make_plan(now, world.lockfile, wanted(now), facts(world, spec), SEAL, (), True)


def provider_of(world: World) -> Any:
    config = json5.read(world.nodes[HERE].files["openclaw.json"][0])
    assert config is not None
    return config["models"]["providers"]["llm"]


@pytest.mark.parametrize("by_hand", [False, True], ids=["as FleetHub left it", "changed by hand since"])
def test_where_his_provider_leads_is_put_back_when_the_node_is_let_go(by_hand: bool) -> None:
    """It was kept as it was found, then the spec said where it leads."""
    config = CONFIG.replace('"mine/x"', CHAINS[0]).replace("// keep", f"// keep\n      {PROVIDERS['in the config']}")
    spec = said(config, ENV)
    world = estate(spec, config, ENV)
    world = replace(world, lockfile=taken(world, spec))
    found = provider_of(world)
    keep = spec.fleet.nodes["a"].wiring["llm"].keep
    assert {"url", "api"} <= {*keep}
    ours = spec.table("nodes.a.wiring.llm", keep=sorted({*keep} - {"url", "api"}))
    world = apply(world, plan_of(world, ours)).world
    assert provider_of(world)["baseUrl"] == "http://llm.example:4000/v1"
    assert provider_of(world)["api"] == "openai-completions"
    if by_hand:
        data = world.nodes[HERE].files["openclaw.json"][0].replace(b"llm.example", b"his.example")
        world = world.at_file(HERE, "openclaw.json", data)
    world = apply(world, plan_of(world, ours.without("nodes").without("keys"))).world
    after = {**provider_of(world), "models": found["models"]}
    assert after == ({**found, "baseUrl": "http://his.example:4000/v1"} if by_hand else found)


def test_a_key_of_his_provider_that_was_rotated_stays_and_that_is_said() -> None:
    config = CONFIG.replace('"mine/x"', CHAINS[0]).replace("// keep", f"// keep\n      {PROVIDERS['in the config']}")
    spec = said(config, ENV)
    world = estate(spec, config, ENV)
    world = replace(world, lockfile=taken(world, spec))
    raised = spec.key("a", generation=2)
    for _ in range(2):
        world = apply(world, plan_of(world, raised)).world
    assert provider_of(world)["apiKey"] == "${FLEETHUB_KEY_MAIN}"
    left = plan_of(world, raised.without("nodes").without("keys"))
    (says,) = [change.consequence for change in left.changes if change.address == NODE]
    assert "FLEETHUB_KEY_MAIN stays, for its config names that" in says
    world = apply(world, left).world
    assert provider_of(world)["apiKey"] == "${FLEETHUB_KEY_MAIN}"


def test_what_may_be_a_secret_of_his_provider_is_not_kept() -> None:
    url = PROVIDERS["in the config"].replace("http://other", "http://me:sk-canary-in-a-url@other")
    config = CONFIG.replace('"mine/x"', CHAINS[0]).replace("// keep", f"// keep\n      {url}")
    spec = said(config, ENV)
    lockfile = taken(estate(spec, config, ENV), spec)
    assert "canary" not in dump(lockfile)
    assert lockfile.resources[NODE].found["openclaw.json#/models/providers/llm="] == ("{}", "api")


def test_a_kept_value_that_somebody_changed_is_told_and_left() -> None:
    config = CONFIG.replace('"mine/x"', CHAINS[0]).replace("// keep", f"// keep\n      {PROVIDERS['by variable']}")
    spec = said(config, f"LLM={VALUE}\n")
    world = estate(spec, config, f"LLM={VALUE}\n")
    lockfile = taken(world, spec)
    now = remembering(spec.fleet, lockfile)
    changed = world.at_file(HERE, ".env", b"LLM=sk-canary-other\n", 0o600)
    left = make_plan(now, lockfile, wanted(now), facts(changed, spec), SEAL, (), True)
    (told,) = [finding for finding in left.findings if finding.code == "node.kept-changed"]
    assert told.message.endswith(".env: LLM")
    assert not [step for step in left.steps if isinstance(step.do, Deliver)]


def test_the_key_of_a_node_that_runs_on_stays_with_it_and_that_of_a_dead_one_goes() -> None:
    config = CONFIG.replace('"mine/x"', CHAINS[0]).replace("// keep", f"// keep\n      {PROVIDERS['by variable']}")
    spec = said(config, f"LLM={VALUE}\n")
    world = estate(spec, config, f"LLM={VALUE}\n")
    lockfile = taken(world, spec)
    less = spec.without("nodes").without("keys")
    now, seen = remembering(less.fleet, lockfile), facts(replace(world, lockfile=lockfile), less)
    left = make_plan(now, lockfile, wanted(now), seen, SEAL, (), True)
    actions = {change.address: change.action for change in left.changes}
    assert actions == {NODE: Action.DELETE, KEY: Action.RECORD}
    assert [step.id for step in left.steps] == ["node.a/remove"], "as it was found"
    dark = replace(seen, readings={**seen.readings, ("host", HERE): Unknown("no route to host", seen.at)})
    gone = make_plan(now, lockfile, wanted(now), dark, SEAL, (), True, orders=Orders(forget=frozenset({NODE})))
    assert {change.address: change.action for change in gone.changes} == {NODE: Action.RECORD, KEY: Action.DELETE}
