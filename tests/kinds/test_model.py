"""Models by themselves: pulled where they are missing, held to a digest, loaded after a swap, and removed by whoever
pulled them alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace

import pytest

from fleethub.kinds.model.actions import ModelDelete, ModelPull, ModelWarm
from fleethub.kinds.model.attributes import ModelAttrs
from fleethub.kinds.values import Dependents
from fleethub.model.facts import Facts, Reading
from fleethub.model.observation import Absent, Source, Unknown
from fleethub.model.plan import MISSING, Action, Plan
from fleethub.model.readings.gpu import GpuReading
from fleethub.model.readings.proxy import Deployment
from fleethub.model.readings.server import Installed, ServerReading
from tests.fleets import Spec, direct, fleet
from tests.kinds.asking import NO, WAITS, item, phases, steps
from tests.world import World, apply, facts, plan, wanted

GIB = 1 << 30
URL = "http://gpu:11434"
MODEL = "model.gpu.qwen3:32b"
DIGEST = hashlib.sha256(b"qwen3:32b").hexdigest()
BARE = fleet(ollama=URL)


def pulled(**fields: object) -> Spec:
    return BARE.model("qwen3-32b", pull=True, params="32B", vram="20 GiB", **fields).node("a", "qwen3-32b")


SPEC = pulled()
EMPTY = ServerReading("0.32.1", {}, ())


def world(spec: Spec = SPEC, **installed: Installed) -> World:
    """Before the first apply, with what is installed by its name with an underscore for the colon."""
    there = {tag.replace("_", ":"): one for tag, one in installed.items()}
    return replace(World.of(spec), ollamas={URL: replace(EMPTY, installed=there)})


THERE = Installed(20 * GIB, DIGEST)


def after(spec: Spec = SPEC) -> World:
    return apply(world(spec), plan(world(spec), spec)).world


def actions(made: Plan) -> dict[str, Action]:
    return {str(change.address): change.action for change in made.changes}


def test_it_is_pulled_proved_and_only_then_is_its_caller_told() -> None:
    made = plan(world(), SPEC)
    order = [step.id for step in made.steps]
    assert order.index(f"{MODEL}/pull") < order.index(f"{MODEL}/prove") < order.index("node.a/deliver")
    assert {f"{MODEL}/pull", f"{MODEL}/prove"} <= {*next(s for s in made.steps if s.id == "node.a/deliver").after}


def test_the_plan_after_it_is_empty_and_the_record_says_who_pulled_it() -> None:
    there = after()
    assert there.lockfile is not None
    record = next(r for a, r in there.lockfile.resources.items() if str(a) == MODEL)
    assert record.attrs == ModelAttrs("", pulled=True)
    assert plan(there, SPEC).changes == ()


def test_one_that_is_there_is_left_alone_and_never_removed() -> None:
    there = world(qwen3_32b=THERE)
    made = plan(there, SPEC)
    assert MODEL not in actions(made)
    assert f"{MODEL}/pull" not in {step.id for step in made.steps}
    gone = SPEC.without("nodes").without("models")
    assert MODEL not in actions(plan(apply(there, made).world, gone))


def test_a_server_that_does_not_answer_is_not_told_anything() -> None:
    assert isinstance(item(MODEL, World.of(SPEC), SPEC).have, Unknown)
    made = plan(World.of(SPEC), SPEC)
    assert actions(made)[MODEL] is Action.BLOCKED
    assert made.steps == () or not any(s.address.kind in ("model", "node") for s in made.steps)


def test_who_calls_it_waits_until_it_can_be_pulled() -> None:
    small = {**_readings(), ("gpu", "ops@gpu"): GpuReading((), disk=3 * GIB)}
    spec = SPEC.table("backends.gpu", ssh="ops@gpu")
    made = plan(world(spec), spec, facts=replace(facts(world(spec), spec), readings=small))
    assert (actions(made)[MODEL], actions(made)["node.a"]) == (Action.BLOCKED, Action.BLOCKED)
    found = next(f for f in made.findings if f.code == "model.no-disk")
    assert "has 3.0 GiB free where models are kept, and qwen3:32b takes" in found.message
    assert not any(step.address.kind == "node" for step in made.steps)


@pytest.mark.parametrize(
    ("disk", "blocked"), [(60, []), (34, ["qwen3:32b"]), (22, ["qwen3:32b"]), (12, ["qwen3:14b", "qwen3:32b"])]
)
def test_what_fits_by_itself_and_not_beside_what_comes_first_has_no_room(disk: int, blocked: list[str]) -> None:
    spec = pulled().model("qwen3-14b", pull=True, params="30B", vram="20 GiB").node("b", "qwen3-14b")
    spec = spec.table("backends.gpu", ssh="ops@gpu")
    small = {**facts(world(spec), spec).readings, ("gpu", "ops@gpu"): GpuReading((), disk=disk * GIB)}
    made = plan(world(spec), spec, facts=replace(facts(world(spec), spec), readings=small))
    found = [f for f in made.findings if f.code == "model.no-disk"]
    assert [str(f.address) for f in found] == [f"model.gpu.{name}" for name in blocked]
    assert ("after what comes first (qwen3:14b: " in str(found)) == (len(blocked) == 1 and disk > 20)


def _readings(spec: Spec = SPEC) -> Mapping[tuple[str, str], Reading | Unknown]:
    return facts(world(spec), spec).readings


@pytest.mark.parametrize(
    ("disk", "params", "says"),
    [
        (None, "32B", "gpu does not tell what its disk has free: whether it has room is not known"),
        (None, None, "gpu does not tell what its disk has free nor how large qwen3:32b is"),
        (500 * GIB, None, "gpu does not tell how large qwen3:32b is"),
        (500 * GIB, "32B", ""),
    ],
)
def test_a_disk_that_nobody_can_ask_is_said(disk: int | None, params: str | None, says: str) -> None:
    spec = SPEC.table("backends.gpu", ssh="ops@gpu").table("models.qwen3-32b", params=params, vram="22 GiB")
    read = {**_readings(spec), ("gpu", "ops@gpu"): GpuReading((), disk=disk)}
    made = plan(world(spec), spec, facts=Facts("now", read))
    found = [f.message for f in made.findings if f.code == "model.disk-unknown"]
    assert found == [] if not says else says in found[0]
    assert actions(made)[MODEL] is Action.CREATE


def test_a_plan_says_what_is_downloaded_and_how_it_is_loaded() -> None:
    def fields(made: Plan) -> dict[str, tuple[object, object]]:
        (change,) = (c for c in made.changes if str(c.address) == MODEL)
        return {field.path[0]: (field.before, field.after) for field in change.fields}

    spec = pulled(warm=True, context=8192, digest=DIGEST[:12])
    assert fields(plan(world(spec), spec)) == {
        "download": (MISSING, "about 18.1 GiB"),
        "digest": (MISSING, DIGEST[:12]),
        "loaded after a swap": (MISSING, "with 8,192 tokens"),
    }
    assert fields(plan(after(), pulled(digest="0" * 12)))["digest"] == (DIGEST[:12], "0" * 12)
    assert fields(plan(after(), SPEC.without("nodes").without("models"))) == {}


def test_its_size_is_that_of_one_that_is_installed_elsewhere() -> None:
    spec = SPEC.backend("other", "http://other:11434", proxy="main").table("backends.gpu", ssh="ops@gpu")
    read = dict(_readings(spec))
    read["ollama", "http://other:11434"] = replace(EMPTY, installed={"qwen3:32b": Installed(40 * GIB, DIGEST)})
    read["gpu", "ops@gpu"] = GpuReading((), disk=40 * GIB)
    made = plan(world(spec), spec, facts=Facts("now", read))
    (found,) = (f for f in made.findings if f.code == "model.no-disk")
    assert "takes 40.0 GiB (as it is installed elsewhere)" in found.message


def test_it_is_removed_once_nobody_calls_it() -> None:
    gone = SPEC.without("nodes").without("models")
    made = plan(after(), gone)
    assert actions(made)[MODEL] is Action.DELETE
    assert next(c for c in made.changes if str(c.address) == MODEL).consequence == "removes 0.0 GiB from the disk"
    assert next(s for s in made.steps if s.id == f"{MODEL}/delete").after == ("node.a/remove",)
    end = apply(after(), made).world
    assert end.ollamas[URL].installed == {}
    assert plan(end, gone).changes == ()


def test_it_waits_for_nodes_that_may_still_call_it() -> None:
    gone = SPEC.without("nodes").without("models")
    assert steps(MODEL, after(), gone, Dependents(unsettled=(WAITS,))).blockers == (WAITS,)
    (step,) = steps(MODEL, after(), gone).steps
    assert isinstance(step.do, ModelDelete)


@pytest.mark.parametrize("base", [URL, None, "http://10.0.0.7:11434"])
def test_a_route_of_the_proxy_that_calls_it_keeps_it(base: str | None) -> None:
    gone = SPEC.without("nodes").without("models")
    named = Deployment("old-name", "ollama_chat/qwen3:32b", "1", base)
    there = after().at_proxy(lambda proxy: replace(proxy, stored=(named,)))
    made = plan(there, gone)
    (change,) = (c for c in made.changes if str(c.address) == MODEL)
    assert change.action is Action.BLOCKED
    assert [b.reason for b in change.blockers] == ["old-name of main still calls it"]


def test_a_route_to_another_backend_of_the_fleet_does_not() -> None:
    both = SPEC.backend("other", "http://other:11434", proxy="main")
    there = apply(world(both), plan(world(both), both)).world
    named = Deployment("old-name", "ollama_chat/qwen3:32b", "1", "http://other:11434")
    there = there.at_proxy(lambda proxy: replace(proxy, stored=(named,)))
    assert actions(plan(there, both.without("nodes").without("models")))[MODEL] is Action.DELETE


def test_a_proxy_that_nobody_could_read_keeps_it() -> None:
    gone = SPEC.without("nodes").without("models")
    read = {**facts(after(), gone).readings, ("litellm", "http://llm.example:4000"): Unknown("it is away", "now")}
    made = plan(after(), gone, facts=Facts("now", read))
    (change,) = (c for c in made.changes if str(c.address) == MODEL)
    assert change.action is Action.BLOCKED
    assert "what main calls is not known (it is away)" in [b.reason for b in change.blockers]


def elsewhere(name: str = "big", url: str = "http://10.0.0.5:11434") -> Spec:
    """The spec with its backend under another name and at another URL, and no word of it."""
    spec = fleet().backend(name, url, proxy="main").table(f"backends.{name}.ollama", url=url)
    return spec.model("qwen3-32b", on=name, pull=True, params="32B", vram="20 GiB").node("a", "qwen3-32b")


WHEN = "2026-11-28T09:00:00.123456+00:00"


@pytest.mark.parametrize(
    ("modified", "action", "says"),
    [
        (WHEN, Action.BLOCKED, '[[moved]] with from = "backend.gpu" and to = "backend.big" keeps it'),
        ("2026-11-28T09:00:00.123457+00:00", Action.DELETE, None),  # another server, which pulled it for itself
        (None, Action.BLOCKED, "whether it is model.big.qwen3:32b by another name is not known"),
    ],
)
def test_what_the_new_name_and_url_of_a_backend_lead_to_as_well_is_not_deleted(
    modified: str | None, action: Action, says: str | None
) -> None:
    new, before = elsewhere(), replace(THERE, modified=WHEN)
    servers = {URL: replace(EMPTY, installed={"qwen3:32b": before})}
    if modified is not None:
        servers["http://10.0.0.5:11434"] = replace(EMPTY, installed={"qwen3:32b": replace(THERE, modified=modified)})
    made = plan(replace(after(), ollamas=servers), new)
    (change,) = (c for c in made.changes if str(c.address) == MODEL)
    assert change.action is action
    assert ("".join(b.reason for b in change.blockers) == "") if says is None else says in change.blockers[0].reason


def test_two_servers_that_share_a_disk_lose_nothing_when_one_is_let_go() -> None:
    """A folder of models on a network: what is deleted at one server is gone from the other."""
    two = "http://10.0.0.5:11434"
    both = SPEC.backend("big", two, proxy="main").table("models.qwen3-32b", backends=["gpu", "big"])
    shared = ServerReading("0.32.1", {"qwen3:32b": replace(THERE, modified=WHEN)}, ())
    start = replace(World.of(both), ollamas={URL: EMPTY, two: EMPTY})
    there = apply(start, plan(start, both)).world
    assert there.lockfile is not None
    assert [str(a) for a in there.lockfile.resources if a.kind == "model"] == ["model.big.qwen3:32b", MODEL]
    made = plan(replace(there, ollamas={URL: shared, two: shared}), elsewhere())
    assert actions(made)[MODEL] is Action.RECORD


def test_without_pull_it_stays_and_only_the_record_goes() -> None:
    kept = SPEC.table("models.qwen3-32b", pull=None)
    made = plan(after(), kept)
    assert actions(made)[MODEL] is Action.RECORD
    end = apply(after(), made).world
    assert "qwen3:32b" in end.ollamas[URL].installed
    assert plan(end, kept).changes == ()


def test_one_that_somebody_removed_is_pulled_again() -> None:
    there = replace(after(), ollamas={URL: EMPTY})
    made = plan(there, SPEC)
    assert actions(made)[MODEL] is Action.CREATE
    assert [d.summary for d in made.drift] == ["it is gone"]


def test_one_that_came_while_a_pull_was_broken_off_is_not_said_to_be_fleethubs() -> None:
    begun = apply(world(), plan(world(), SPEC), crash=0).world
    there = replace(begun, ollamas={URL: replace(EMPTY, installed={"qwen3:32b": THERE})})
    made = plan(there, SPEC)
    assert actions(made)[MODEL] is Action.RECORD
    end = apply(there, made).world
    gone = SPEC.without("nodes").without("models")
    assert actions(plan(end, gone))[MODEL] is Action.RECORD  # forgotten, not removed


def test_a_digest_that_it_is_held_to_is_proved() -> None:
    spec = pulled(digest=DIGEST[:12])
    assert plan(after(spec), spec).changes == ()
    wrong = pulled(digest="0" * 12)
    made = apply(world(wrong), plan(world(wrong), wrong))
    assert [name for name, _ in made.failed] == [f"{MODEL}/prove"]
    assert "node.a/deliver" in made.skipped


def test_another_model_under_the_name_is_replaced_by_whoever_pulled_it_alone() -> None:
    pinned = pulled(digest="0" * 12)
    assert actions(plan(after(), pinned))[MODEL] is Action.UPDATE
    made = plan(world(pinned, qwen3_32b=THERE), pinned)
    assert actions(made)[MODEL] is Action.BLOCKED
    (found,) = (f for f in made.findings if f.code == "model.digest-differs")
    assert DIGEST[:12] in found.message


def test_what_must_not_be_loaded_is_not_pulled() -> None:
    assert steps(MODEL, world(), SPEC, Dependents(refused={"qwen3-32b": NO})).blockers == (NO,)


def test_it_is_loaded_after_a_swap_with_its_planned_context() -> None:
    spec = pulled(warm=True, context=8192)
    made = plan(world(spec), spec)
    (step,) = (s for s in made.steps if isinstance(s.do, ModelWarm))
    assert (step.id, step.do.context) == (f"{MODEL}/warm", 8192)
    order = [s.id for s in made.steps]
    assert order.index("node.a/deliver") < order.index(step.id)
    assert phases(steps(MODEL, world(spec), spec)) == ["expand", "prove"]  # nobody is swapped to it
    two = spec.model("other-8b", vram="6 GiB").key("b", models=["other-8b"])
    there = apply(world(two), plan(world(two), two.table("nodes.a", model="other-8b"))).world
    swap = plan(there, two)
    assert [s.id for s in swap.steps if s.address.kind == "model"] == [f"{MODEL}/prove", f"{MODEL}/warm"]
    there = apply(there, swap).world
    assert [(r.tag, r.context) for r in there.ollamas[URL].residents] == [("qwen3:32b", 8192)]
    assert plan(there, two).changes == ()


def test_a_hop_round_the_proxy_needs_it_where_it_goes() -> None:
    spec = BARE.model("qwen3-32b", pull=True, params="32B").node("a", direct("qwen3-32b"))
    assert MODEL in {str(a) for a in wanted(spec)}
    assert {str(a) for r in wanted(spec).values() if str(r.address) == "node.a" for a in r.needs} == {MODEL}


def test_two_names_of_the_spec_are_one_on_the_server() -> None:
    spec = SPEC.model("big", route="ollama_chat/qwen3:32b", context=8192)
    found = [r for a, r in wanted(spec).items() if a.kind == "model"]
    assert [(str(r.address), sorted(r.material.aliases)) for r in found] == [(MODEL, ["big", "qwen3-32b"])]


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"warm": True}, "warm goes with pull = true"),
        ({"digest": "0" * 12}, "digest goes with pull = true"),
        ({"pull": True, "digest": "sha256:12"}, "must be 12 to 64 hexadecimal digits"),
    ],
)
def test_what_the_spec_cannot_say_of_it(fields: Mapping[str, object], says: str) -> None:
    found = BARE.model("qwen3-32b", **fields).loaded.findings
    assert [f for f in found if says in f.message], found


def test_only_a_server_that_can_be_told_to_pulls() -> None:
    spec = fleet().backend("v", proxy="main").table("backends.v.vllm", url="http://v:8000")
    found = spec.model("m", on="v", route="hosted_vllm/m", pull=True).loaded.findings
    assert [f.message for f in found] == ["v has no server that pulls a model when it is told to"]


def test_what_it_is_pulled_onto_is_asked_where_the_backend_is() -> None:
    spec = SPEC.table("backends.gpu", ssh="ops@gpu")
    pull = steps(MODEL, world(spec), spec).steps[0].do
    assert pull == ModelPull(Source("ollama", URL, of="backend.gpu"), "qwen3:32b", "ops@gpu")
    assert isinstance(item(MODEL, world(spec), spec).have, Absent)
