"""Keys by themselves: what is wanted of one, and how it widens, is proved and narrows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fleethub.kinds.key.actions import KeyDelete, KeyPut, ProveKey
from fleethub.kinds.values import Dependents
from tests.fleets import direct, fleet
from tests.kinds.asking import NO, WAITS, item, phases, steps
from tests.world import World, settled, wanted

SPEC = fleet().models("one", "two", "three").node("a", "one")
WIDER = SPEC.node("a", "one", "two")
OTHER = SPEC.node("a", "two")
KEY = "key.main.a"


def scopes(spec: Any) -> dict[str, list[str]]:
    return {str(a): list(r.attrs.models) for a, r in wanted(spec).items() if a.kind == "key"}


def test_the_scope_is_what_its_nodes_call_and_what_the_spec_adds() -> None:
    assert scopes(WIDER) == {KEY: ["one", "two"]}
    assert scopes(WIDER.key("a", also=["three"])) == {KEY: ["one", "three", "two"]}
    shared = WIDER.table("nodes.a", key="k").node("b", "three", key="k")
    assert scopes(shared) == {"key.main.k": ["one", "three", "two"]}
    assert scopes(SPEC.without("nodes").key("web", models=["two"])) == {"key.main.web": ["two"]}


def test_a_hop_round_the_proxy_is_in_no_scope() -> None:
    spec = fleet(ollama="http://gpu:1").node("a", "one", direct("two")).node("b", direct("two"))
    assert scopes(spec) == {KEY: ["one"]}


def test_a_value_hangs_on_name_and_generation() -> None:
    values = [r.attrs.value for s in (SPEC, SPEC.key("a", generation=2), SPEC.key("a", rpm=1)) for r in
              wanted(s).values() if r.address.kind == "key"]  # fmt: skip
    assert values[0] != values[1]
    assert values[0] == values[2]


def test_a_new_key_is_put_with_its_limits_and_proved() -> None:
    work = steps(KEY, World.of(SPEC), SPEC.key("a", rpm=60))
    assert phases(work) == ["expand", "prove"]
    put, prove = (step.do for step in work.steps)
    assert isinstance(put, KeyPut)
    assert isinstance(prove, ProveKey)
    assert (put.create, put.models, put.limits) == (True, ("one",), {"rpm_limit": 60})
    assert (prove.scope, prove.created) == (("one",), True)


def test_widening_only_adds_and_narrowing_comes_last() -> None:
    work = steps(KEY, settled(SPEC), OTHER, Dependents(running=frozenset({"one"}), delivered=True))
    assert phases(work) == ["expand", "prove", "contract"]
    assert [step.do.models for step in work.steps if isinstance(step.do, KeyPut)] == [("one", "two"), ("two",)]


def test_it_stays_wide_while_a_node_may_still_use_it() -> None:
    work = steps(KEY, settled(WIDER), SPEC, Dependents(running=frozenset({"one", "two"}), unsettled=(WAITS,)))
    assert phases(work) == []
    assert [o.what for o in work.blockers] == ["dropping two"]


def test_what_is_refused_is_not_added() -> None:
    work = steps(KEY, settled(SPEC), WIDER, Dependents(refused={"two": NO}))
    assert phases(work) == []
    assert NO in work.blockers


def test_a_key_of_which_all_is_refused_is_not_made() -> None:
    work = steps(KEY, World.of(SPEC), SPEC, Dependents(refused={"one": NO}))
    assert (work.steps, work.blockers) == ((), (NO,))


def test_a_delivery_needs_a_proof_also_where_the_key_is_as_wanted() -> None:
    assert phases(steps(KEY, settled(SPEC), SPEC, Dependents(delivered=True))) == ["prove"]
    assert phases(steps(KEY, settled(SPEC), SPEC)) == []


def test_all_models_are_narrowed_without_ever_being_written() -> None:
    world = settled(SPEC).at_key("a", models=())
    work = steps(KEY, world, SPEC)
    assert phases(work) == ["contract"]
    assert [step.do.models for step in work.steps if isinstance(step.do, KeyPut)] == [("one",)]


def test_a_limit_that_this_litellm_cannot_clear_is_told() -> None:
    spec = SPEC.key("a", budget_duration="30d")
    old = settled(spec).at_proxy(lambda proxy: replace(proxy, clears_budget_duration=False))
    work = steps(KEY, old, SPEC)
    assert [f.code for f in work.findings] == ["key.limit-stuck"]
    assert phases(steps(KEY, settled(spec), SPEC)) == ["expand", "prove"]


def test_a_deletion_names_the_key_that_was_seen_and_waits_for_its_nodes() -> None:
    world, gone = settled(SPEC), SPEC.without("nodes")
    (step,) = steps(KEY, world, gone).steps
    assert isinstance(step.do, KeyDelete)
    assert step.do.tokens == (world.key("a").token,)
    assert steps(KEY, world, gone, Dependents(unsettled=(WAITS,))).blockers == (WAITS,)


def test_a_renamed_key_is_found_by_its_value() -> None:
    world = settled(SPEC).at_key("a", alias="elsewhere")
    assert item(KEY, world, SPEC).seen is not None
