"""What is left alone where somebody changed it: no drift and no change, told beside, and kept by what follows."""

from __future__ import annotations

import pytest

from fleethub.formats import json5
from fleethub.kinds.key.actions import KeyPut
from fleethub.model.plan import MISSING, FieldChange, Plan
from tests.fleets import Spec, fleet
from tests.kinds.test_wiring import ENV, HERE, config, done, text, there
from tests.world import World, apply, denied, plan, settled

KEYS = fleet().models("one", "two").node("a", "one").key("a", rpm=60, max_budget=9.0, ignore=["rpm", "allowed_routes"])
WIRED = fleet().models("one", "two").node("a", "one", manage="wiring", ignore=["openclaw.json.agents"])
PRIMARY = ("openclaw.json", "agents", "defaults", "model", "primary")


def left(made: Plan) -> dict[str, tuple[FieldChange, ...]]:
    assert (made.changes, made.drift) == ((), ())
    return {str(one.address): one.fields for one in made.left_alone}


def test_a_keys_limit_is_left_alone_and_another_is_not() -> None:
    world = settled(KEYS)
    assert left(plan(world, KEYS)) == {}
    changed = world.at_key("a", limits={**world.key("a").limits, "rpm_limit": 7}, allowed_routes=("/v1/models",))
    told = left(plan(changed, KEYS))
    assert [(f.path, f.before, f.after) for f in told["key.main.a"]] == [
        (("allowed_routes",), MISSING, ["/v1/models"]),
        (("rpm_limit",), 60, 7),
    ]
    budget = changed.at_key("a", limits={**changed.key("a").limits, "max_budget": 1.0})
    made = plan(budget, KEYS)
    assert [[f.path for f in one.fields] for one in made.drift] == [[("max_budget",)]]
    after = apply(budget, made).world
    assert {n: v for n, v in after.key("a").limits.items() if v} == {"rpm_limit": 7, "max_budget": 9.0}
    assert left(plan(after, KEYS)) == told


def test_what_is_left_alone_of_a_key_goes_along_with_its_new_value() -> None:
    world = settled(KEYS)
    changed = world.at_key("a", limits={**world.key("a").limits, "rpm_limit": 7})
    second = KEYS.key("a", rpm=60, max_budget=9.0, ignore=["rpm"], generation=2)
    made = plan(changed, second)
    (new,) = (step.do for step in made.steps if isinstance(step.do, KeyPut) and step.do.create)
    assert ("rpm_limit" in new.limits, new.like) == (False, world.key("a").token), "the proxy has it from the old one"


def test_a_path_of_its_part_is_left_alone_and_kept_by_the_next_delivery() -> None:
    world = done(there(WIRED), WIRED)
    moved = text(world).replace('"fleethub-1/one"', '"mine/x"')
    changed = world.at_file(HERE, "openclaw.json", moved.encode(), 0o600)
    ((field,),) = left(plan(changed, WIRED)).values()
    assert (field.path, field.before) == (PRIMARY, "fleethub-1/one")
    again = WIRED.table("nodes.a", manage="wiring").key("a", generation=2)
    after = apply(changed, plan(changed, again)).world
    assert config(after)["agents"]["defaults"]["model"]["primary"] == "mine/x"
    assert text(after, ".env") != text(changed, ".env"), "its new key is there"
    ((field,),) = left(plan(after, again)).values()
    gone = json5.read(text(after).encode())
    assert gone is not None
    assert [drift.address.name for drift in plan(after, _without_ignore(again)).drift] == ["a"]


def test_a_file_of_a_whole_node_is_left_alone() -> None:
    spec = fleet().models("one", "two").node("a", "one", ignore=["openclaw.json"])
    world = settled(spec)
    changed = world.at_file(HERE, "openclaw.json", b'{"agents": 1}', 0o644)
    ((field,),) = left(plan(changed, spec)).values()
    assert field.path == ("files", "openclaw.json")
    second = spec.key("a", generation=2)
    after = apply(changed, plan(changed, second))
    assert (after.failed, denied(after.world)) == ([], [])
    assert after.world.nodes[HERE].files["openclaw.json"][0] == b'{"agents": 1}'
    assert len(left(plan(after.world, second))) == 1
    assert "openclaw.json" in str(plan(after.world, _without_ignore(second)).drift)


def test_a_name_that_is_nothing_is_told_with_what_there_is() -> None:
    spec = fleet().models("one").node("a", "one", ignore=["openclaw.json.agents"])
    (found,) = plan(World.of(spec), spec).findings
    assert (found.code, "what can be: " in found.message, "left alone whole" in found.hint) == (
        "node.ignore-unknown", True, True,
    )  # fmt: skip
    wired = WIRED.table("nodes.a", ignore=[".env.FLEETHUB_KEY_MAIN", ".env.OTHER"])
    (found,) = plan(there(wired, env=ENV), wired).findings
    assert "'.env.OTHER'" in found.message
    assert ".env.FLEETHUB_KEY_MAIN" in found.message


def _without_ignore(spec: Spec) -> Spec:
    return spec.table("nodes.a", ignore=None)


def _by_hand(spec: Spec, path: str) -> World:
    world = settled(spec)
    data, mode = world.nodes[HERE].files[path]
    return world.at_file(HERE, path, data + b"\n", mode)


@pytest.mark.parametrize("path", [".env", "openclaw.json"])
def test_nobody_is_refused_for_what_is_left_alone(path: str) -> None:
    spec = fleet().models("one", "two").node("a", "one", ignore=[path])
    changed = _by_hand(spec, path)
    assert [*left(plan(changed, spec))] == ["node.a"]
    later = spec.key("a", generation=2) if path == ".env" else spec.node("a", "two", ignore=[path])
    made = plan(changed, later)
    assert "node.ignore-withholds" in {finding.code for finding in made.findings}
    after = apply(changed, made).world
    assert denied(after) == []
    assert {str(change.address) for change in plan(after, later).changes} == {"key.main.a", "node.a"}, "it is owed"
    free = _without_ignore(later)
    done = apply(after, plan(after, free)).world
    assert (plan(done, free).changes, denied(done)) == ((), [])


def test_a_file_that_is_left_alone_holds_nothing_of_the_others_back() -> None:
    spec = fleet().models("one", "two").node("a", "one", ignore=[".env"])
    swapped = spec.node("a", "two", ignore=[".env"])
    changed = _by_hand(spec, ".env")
    after = apply(changed, plan(changed, swapped)).world
    assert ([*left(plan(after, swapped))], denied(after)) == (["node.a"], [])
    assert b"two" in after.nodes[HERE].files["openclaw.json"][0]


def test_what_nobody_changed_takes_what_the_spec_says_by_now() -> None:
    limit = KEYS.key("a", rpm=70, max_budget=9.0, ignore=["rpm"])
    world = settled(KEYS)
    assert apply(world, plan(world, limit)).world.key("a").limits["rpm_limit"] == 70
    wired = done(there(WIRED), WIRED)
    swapped = WIRED.node("a", "two", manage="wiring", ignore=["openclaw.json.agents"])
    after = apply(wired, plan(wired, swapped)).world
    assert config(after)["agents"]["defaults"]["model"]["primary"] == "fleethub-1/two"
    whole = fleet().models("one").node("a", "one", ignore=["compose.yaml"], port=18789)
    world = settled(whole)
    moved = whole.node("a", "one", ignore=["compose.yaml"], port=18999)
    after = apply(world, plan(world, moved)).world
    assert b"18999" in after.nodes[HERE].files["compose.yaml"][0]
    assert left(plan(after, moved)) == {}
