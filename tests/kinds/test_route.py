"""Routes by themselves: made and proved where the spec manages them, and never somebody else's."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fleethub.kinds.route.actions import RouteDelete, RoutePut
from fleethub.kinds.route.attributes import DeploymentAttrs, RouteAttrs
from fleethub.kinds.route.findings import alias_findings
from fleethub.kinds.values import Dependents
from fleethub.model.readings.proxy import Deployment, ProxyReading
from tests.fleets import fleet
from tests.kinds.asking import NO, WAITS, item, phases, steps
from tests.world import World, apply, facts, plan, settled, wanted
from tests.world.lies import told
from tests.world.living import Thing, named

SPEC = fleet(manage_routes=True).node("a", "one")
ROUTE = "route.main.one"


def test_only_a_proxy_that_is_managed_has_any() -> None:
    assert ROUTE in {str(a) for a in wanted(SPEC)}
    assert ROUTE not in {str(a) for a in wanted(fleet().node("a", "one"))}


def test_of_an_ollama_it_says_where_and_how_much_context() -> None:
    spec = fleet(manage_routes=True, ollama="http://gpu:11434").node("a", "qwen3-32b")
    (route,) = (r for a, r in wanted(spec).items() if a.kind == "route")
    assert route.attrs.deployments == (DeploymentAttrs("ollama_chat/qwen3:32b", "http://gpu:11434", 32768),)


def test_it_is_put_and_proved() -> None:
    work = steps(ROUTE, World.of(SPEC), SPEC)
    assert phases(work) == ["expand", "prove"]


def test_another_way_to_a_model_takes_the_place_of_the_old_one() -> None:
    work = steps(ROUTE, settled(SPEC), SPEC.model("one", route="openai/other"))
    put = work.steps[0].do
    assert isinstance(put, RoutePut)
    assert put.remove == ("one-0",)


def test_what_must_not_be_loaded_is_not_stored() -> None:
    assert steps(ROUTE, World.of(SPEC), SPEC, Dependents(refused={"one": NO})).blockers == (NO,)


def test_it_is_removed_by_its_id_once_nobody_calls_it() -> None:
    gone = SPEC.without("nodes").without("models")
    (step,) = steps(ROUTE, settled(SPEC), gone).steps
    assert isinstance(step.do, RouteDelete)
    assert step.do.ids == ("one-0",)
    assert steps(ROUTE, settled(SPEC), gone, Dependents(unsettled=(WAITS,))).steps == ()


def test_an_alias_of_the_config_file_is_left_to_it() -> None:
    theirs = World.of(SPEC).at_proxy(lambda proxy: replace(proxy, models=frozenset({"one"})))
    seen = item(ROUTE, theirs, SPEC).seen
    assert seen is not None
    assert (seen.attrs, seen.telemetry.theirs) == (RouteAttrs(), True)
    stored = Deployment("one", "openai/one", "x", stored=True)
    theirs = World.of(SPEC).at_proxy(lambda proxy: replace(proxy, stored=(stored,)))
    assert item(ROUTE, theirs, SPEC).seen.telemetry.theirs  # type: ignore[union-attr]


def test_one_that_should_go_and_bears_another_mark_stays_in_the_lockfile() -> None:
    gone, world = SPEC.without("nodes").without("models"), settled(SPEC)
    theirs = told(facts(world, gone), {"proxy": "routes of another fleet", "node a": ""})
    made = plan(world, gone, facts=theirs)
    assert "route.foreign" in {f.code for f in made.findings}
    assert named(apply(world, made).world.lockfile) >= {Thing("route", "http://llm.example:4000", "one")}


def test_a_group_of_a_models_name_is_told_as_what_it_lets_a_key_call() -> None:
    def grouped(version: str, *groups: str) -> list[str]:
        def change(reading: ProxyReading) -> ProxyReading:
            rows = (*reading.deployments, Deployment("two", "openai/two", "two-0", groups=groups))
            return replace(reading, deployments=rows, version=version)

        read = facts(settled(SPEC), SPEC)
        readings = {at: change(r) if isinstance(r, ProxyReading) else r for at, r in read.readings.items()}
        found = alias_findings(SPEC.fleet, replace(read, readings=readings))
        return [one.message for one in found if one.code == "route.group-named"]

    assert grouped("1.110.2", "fast") == []
    (message,) = grouped("1.110.2", "fast", "one")
    assert message == "'one' is an access group of main too: a key for it may call two as well"
    assert "no apply can prove it" in grouped("1.82.0", "one")[0]


GPU, BIG = "http://gpu:11434", "http://big:11434"


@pytest.mark.parametrize(
    ("bases", "says"),
    [
        ([GPU], "leads to gpu alone: no call comes to big, where it is too"),
        ([GPU, f"{GPU}/v1"], "leads to gpu alone: no call comes to big, where it is too"),
        ([GPU, BIG], None),
        ([GPU, "http://10.0.0.5:11434"], None),  # it may be that backend by another name, which route.api-base says
        ([GPU, None], None),  # or the server on the proxy's own machine
        (["http://10.0.0.5:11434"], None),
        ([], None),
    ],
)
def test_a_backend_that_no_deployment_leads_to_is_told_with_the_entry_to_paste(
    bases: list[str | None], says: str | None
) -> None:
    spec = fleet(ollama=GPU).backend("big", BIG, proxy="main")
    spec = spec.model("qwen3-32b", backends=["gpu", "big"], route="ollama_chat/qwen3:32b").node("a", "qwen3-32b")
    rows = tuple(Deployment("qwen3-32b", "ollama_chat/qwen3:32b", str(n), base, 32768) for n, base in enumerate(bases))
    known = facts(World.of(spec), spec)
    source = next(one for one in known.readings if one[0] == "litellm")
    reading = ProxyReading(frozenset({"qwen3-32b"}), rows, {})
    fleet_ = spec.loaded.fleet
    assert fleet_ is not None
    found = alias_findings(fleet_, replace(known, readings={**known.readings, source: reading}))
    told_ = [f for f in found if f.code == "route.backend-missing"]
    assert [f.message for f in told_] == ([f"'qwen3-32b' on main {says}"] if says else [])
    for one in told_:
        assert one.detail[:3] == ("model_list:", "  - model_name: qwen3-32b", "    litellm_params:")
        assert f"      api_base: {BIG}" in one.detail
        assert GPU not in "".join(one.detail)
