"""A saved plan: it shows as the plan did, holds no secret, and what moved since is named by address and field."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleethub import __version__
from fleethub.model.plan import Plan
from fleethub.model.readings.server import ServerReading
from fleethub.planfile.compare import differences
from fleethub.planfile.document import Asked, Made, SavedPlan, saved
from fleethub.planfile.text import PlanFileError, dump, is_plan, load
from fleethub.views.plan import plan_text
from fleethub.views.style import Style
from tests.fleets import fleet
from tests.world import World, plan, settled

SPEC = fleet().models("qwen3-32b", "gpt-oss-20b").node("volta", "qwen3-32b").node("tilt", "qwen3-32b")
MORE = SPEC.key("volta", rpm=60)
MADE = Made("2026-11-28T10:00:00+00:00", "ana@desk", "1a2b3c4d5e6f-dirty", __version__)


def of(made: Plan) -> SavedPlan:
    """As it comes back from its file."""
    return load(dump(saved(made, Asked(), MADE)), "x.plan")


def moved(was: Plan, now: Plan) -> list[str]:
    return [str(one) for one in differences(of(was), saved(now, Asked()))]


def several() -> list[Plan]:
    """Plans that hold all that a plan can: creations, files, drift, blockers, findings, deletions, moves."""
    there = settled(SPEC)
    drifted = there.at_key("volta", models=("other",))
    return [
        plan(World.of(SPEC), SPEC),
        plan(there, MORE),
        plan(there, SPEC),
        plan(drifted, SPEC),
        plan(drifted, SPEC, repair=False),
        plan(there, fleet().models("qwen3-32b", "gpt-oss-20b").node("volta", "gpt-oss-20b")),
        plan(there.at_key("volta", blocked=True), SPEC),
        with_a_backend(),
    ]


def with_a_backend() -> Plan:
    """What a model server makes of the models, one of which is to be pulled."""
    url = "http://gpu:11434"
    spec = fleet(ollama=url).model("qwen3-32b", pull=True, warm=True, params="32B", context=8192).node("a", "qwen3-32b")
    return plan(replace(World.of(spec), ollamas={url: ServerReading("0.32.1", {}, ())}), spec)


@pytest.mark.parametrize("made", several(), ids=lambda made: made.sentence[:30])
def test_it_shows_as_the_plan_did(made: Plan) -> None:
    for full in (False, True):
        assert plan_text(of(made).plan, Style(False), full) == plan_text(made, Style(False), full)
    assert of(made) == of(made)
    assert dump(of(made)) == dump(saved(made, Asked(), MADE))
    assert moved(made, made) == []


def test_nothing_of_a_key_or_of_the_seed_is_in_it() -> None:
    from tests.world import SEAL

    there = settled(SPEC)
    text = dump(saved(plan(there.at_key("volta", models=("other",)), SPEC), Asked()))
    for row in (there.key("volta"), there.key("tilt")):
        assert row.token not in text
    assert "sk-" not in text
    assert SEAL.seed_fingerprint() is not None


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"models": ("gpt-oss-20b", "qwen3-32b")}, 'key.main.volta models was ["qwen3-32b"], is ['),
        ({"blocked": True}, "key.main.volta blocked was false, is true"),
    ],
)
def test_what_somebody_changed_at_the_proxy_is_named(change: dict[str, Any], names: str) -> None:
    there = settled(SPEC)
    first, *_ = moved(plan(there, MORE), plan(there.at_key("volta", **change), MORE))
    assert first.startswith(names)


@pytest.mark.parametrize("change", [{"spend": 12.5}, {"age": 5}], ids=str)
def test_telemetry_makes_no_plan_stale(change: dict[str, Any]) -> None:
    there = settled(SPEC)
    assert moved(plan(there, MORE), plan(there.at_key("volta", **change), MORE)) == []


def test_what_the_plan_does_not_change_may_move() -> None:
    there = settled(SPEC)
    assert moved(plan(there, MORE), plan(there.at_key("tilt", spend=3), MORE)) == []


def test_another_spec_is_named_with_what_it_changes() -> None:
    there = settled(SPEC)
    spec, field = moved(plan(there, MORE), plan(there, SPEC.key("volta", rpm=61)))
    assert spec.startswith("the spec's digest was ")
    assert field == "key.main.volta planned rpm_limit was 60, is 61"


def test_another_apply_is_named() -> None:
    there = settled(SPEC)
    was, now = plan(there, MORE), replace(plan(there, MORE), serial=7, id="other")
    assert moved(was, now) == ["the last apply (serial) was 1, is 7"]


def test_a_change_that_came_or_went_is_named() -> None:
    there = settled(SPEC)
    was = plan(there, MORE)
    assert moved(was, replace(was, changes=(), steps=(), id="")) == [
        "key.main.volta planned change was update, is nothing to do"
    ]


def test_what_another_fleethub_planned_otherwise_is_told_with_both_versions() -> None:
    was, now = plan(settled(SPEC), MORE), Made(version="0.2.0")
    assert differences(of(was), saved(was, Asked(), now)) == ()
    other = replace(saved(was, Asked(), now), steps=())
    versions, step = map(str, differences(of(was), other))
    assert versions == f"the FleetHub that planned was {__version__}, is 0.2.0"
    assert step.startswith("key.main.volta planned step ")


def test_what_is_written_into_it_by_hand_is_found() -> None:
    was = plan(settled(SPEC), MORE)
    raw = json.loads(dump(saved(was, Asked(), MADE)))
    raw["plan"]["changes"][0]["fields"][0]["after"] = 6000
    forged = load(json.dumps(raw), "x")
    assert [str(m) for m in differences(forged, saved(was, Asked()))] == [
        "key.main.volta planned rpm_limit was 6000, is 60"
    ]
    raw["plan"]["changes"] = []
    assert differences(load(json.dumps(raw), "x"), saved(was, Asked()))
    raw = json.loads(dump(saved(was, Asked(), MADE)))
    raw["steps"] = []
    assert differences(load(json.dumps(raw), "x"), saved(was, Asked()))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "x is no saved plan"),
        ("[1]", "x is no saved plan"),
        ('{"a": 1}', "fleethub plan -o FILE"),
        ('{"fleethub_plan": 2}', "of format 2, and this FleetHub reads 1"),
        ('{"fleethub_plan": 1}', "made is missing"),
        ("[" * 100_000, "x is no saved plan"),
    ],
)
def test_what_is_none_is_refused(text: str, says: str) -> None:
    with pytest.raises(PlanFileError, match=says):
        load(text, "x")


def test_an_unknown_field_is_refused() -> None:
    raw = json.loads(dump(saved(plan(settled(SPEC), MORE), Asked(), MADE)))
    raw["plan"]["changes"][0]["surprise"] = 1
    with pytest.raises(PlanFileError, match=r"surprise.*\): plan again"):
        load(json.dumps(raw), "x")
    raw["made"]["version"] = "9.9.0"
    with pytest.raises(PlanFileError, match=r"FleetHub 9\.9\.0 saved it, and this is .*: plan again"):
        load(json.dumps(raw), "x")
    assert is_plan(json.dumps(raw))


DOCUMENT = json.loads(dump(saved(plan(settled(SPEC), MORE), Asked(), MADE)))


@given(st.data())
def test_no_damage_makes_it_more_than_an_error(data: st.DataObject) -> None:
    raw: Any = json.loads(json.dumps(DOCUMENT))
    at, path = raw, []
    while isinstance(at, dict | list) and at and (not path or data.draw(st.booleans())):
        step = data.draw(st.sampled_from(sorted(at) if isinstance(at, dict) else range(len(at))))
        path.append((at, step))
        at = at[step]
    holder, step = path[-1]
    holder[step] = data.draw(st.one_of(st.none(), st.integers(), st.text(max_size=5), st.just([]), st.just({})))
    try:
        found = load(json.dumps(raw), "x")
    except PlanFileError:
        return
    plan_text(found.plan, Style(False), True)
    differences(found, saved(plan(settled(SPEC), MORE), Asked()))
