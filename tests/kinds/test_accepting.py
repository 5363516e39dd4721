"""What a spec would say for things to be wanted as somebody's hands left them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fleethub.kinds import KINDS
from fleethub.kinds.values import Acceptance
from tests.fleets import Spec, fleet
from tests.kinds.asking import item
from tests.kinds.test_wiring import HERE, done, text, there
from tests.world import World, settled
from tests.world.values import Proxy

SPEC = fleet().models("one", "two").node("a", "one").key("a", rpm=60, budget_duration="30d", also=["two"])
KEY, NODE = "key.main.a", "node.a"


def said(name: str, world: World, spec: Spec) -> Acceptance:
    found = item(name, world, spec)
    made = KINDS[found.address.kind].accepted(found, spec.fleet)
    assert made is not None
    return made


def at_key(**changed: Any) -> Acceptance:
    world = settled(SPEC)
    return said(KEY, world.at_key("a", **changed), SPEC)


def test_limits_are_said_by_the_specs_names_and_what_was_taken_off_is_taken_out() -> None:
    limits = {"rpm_limit": 7, "budget_duration": None}
    found = at_key(limits=limits)
    assert (found.block, found.fields) == (("keys", "a"), {("rpm",): 7, ("budget_duration",): None})
    assert at_key(allowed_routes=("/v1/*",)).fields == {("allowed_routes",): ["/v1/*"]}


def test_a_scope_is_what_nodes_need_and_also() -> None:
    assert at_key(models=("one",)).fields == {("also",): None}
    assert at_key(models=("two",)).left == (("models", "a needs one"),)
    assert "no model other" in at_key(models=("one", "two", "other")).left[0][1]
    spec = fleet().models("one", "two").key("web", models=["one"])
    wider = settled(spec).at_key("web", models=("one", "two"))
    assert said("key.main.web", wider, spec).fields == {("models",): ["one", "two"]}


def test_what_the_block_says_of_another_proxy_stays() -> None:
    two = (
        fleet()
        .proxy("alt", "http://alt:4000")
        .models("one", "two")
        .model("x", proxy="alt", route="openai/x", context=32768)
    )

    def at(spec: Spec, alias: str, *models: str) -> Acceptance:
        def narrowed(proxy: Proxy) -> Proxy:
            (row,) = proxy.find(alias)
            return proxy.with_key(replace(row, models=models))

        return said(f"key.main.{alias}", settled(spec).at_proxy(narrowed, "http://llm.example:4000"), spec)

    assert at(two.key("web", models=["x", "one"]), "web", "one", "two").fields == {("models",): ["x", "one", "two"]}
    node = two.node("a", "one").key("a", also=["x", "two"])
    assert at(node, "a", "one").fields == {("also",): ["x"]}


def test_what_takes_power_away_is_told_and_not_said() -> None:
    (left,) = at_key(expires="2026-12-27T00:00:00+00:00").left
    assert left[1].startswith("a moment is nothing")
    assert at_key(aliases={"one": "two"}).left == (("aliases", 'ignore = ["aliases"] leaves it alone'),)


def test_a_chain_of_the_specs_models_is_said_and_another_is_not() -> None:
    spec = fleet().models("one", "two").node("a", "one", manage="wiring")
    world = done(there(spec), spec)

    def chain(primary: str) -> Acceptance:
        changed = text(world).replace('"fleethub-1/one"', f'"{primary}"')
        return said(NODE, world.at_file(HERE, "openclaw.json", changed.encode(), 0o600), spec)

    assert chain("fleethub-1/two").fields == {("model",): "two", ("fallbacks",): []}
    assert chain("fleethub-1/two").left == ()
    other = chain("mine/x")
    assert (other.fields, len(other.left)) == ({}, 1)


def test_numbers_of_a_whole_config_are_said_and_no_text_is() -> None:
    spec = fleet().models("one").node("a", "one").table("nodes.a.openclaw.agents.defaults", maxConcurrent=2)
    world = settled(spec)
    config = world.nodes[HERE].files["openclaw.json"][0].decode()
    more = config.replace('"maxConcurrent": 2', '"maxConcurrent": 3, "verboseDefault": "canary", "sandbox": {"x": 1}')
    assert more != config
    found = said(NODE, world.at_file(HERE, "openclaw.json", more.encode(), 0o644), spec)
    assert found.fields == {
        ("openclaw", "agents", "defaults", "maxConcurrent"): 3,
        ("openclaw", "agents", "defaults", "sandbox", "x"): 1,
    }
    ((name, why),) = found.left
    assert (name, "may be a secret" in why) == ("openclaw.json.agents.defaults.verboseDefault", True)
    assert "canary" not in repr(found)


def test_a_key_in_somebodys_env_is_nothing_to_be_left_alone_and_a_file_is() -> None:
    spec = fleet().models("one", "two").node("a", "one", manage="wiring")
    world = done(there(spec), spec)
    other = text(world, ".env").replace("FLEETHUB_KEY_MAIN=", "FLEETHUB_KEY_MAIN=x")
    ((name, why),) = said(NODE, world.at_file(HERE, ".env", other.encode(), 0o600), spec).left
    assert (name, why) == (".env.FLEETHUB_KEY_MAIN", "it is a secret: its value is FleetHub's")
    spec = fleet().models("one").node("a", "one")
    ((_, why),) = said(NODE, settled(spec).at_file(HERE, "compose.yaml", b"services: {}", 0o644), spec).left
    assert why == 'ignore = ["compose.yaml"] leaves it alone'
