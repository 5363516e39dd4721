"""What a plan makes of checks: findings with two places, blocked changes, acceptances, unknown."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fleethub.checks.answers import CheckAnswer
from fleethub.fleetspec import load
from fleethub.model.address import Address
from fleethub.model.exit import Exit
from fleethub.model.facts import Facts
from fleethub.model.finding import Severity
from fleethub.model.fleet import Acknowledged
from fleethub.model.plan import Action, Orders, Part, Plan
from fleethub.operations.plan import plan_exit
from fleethub.planning.offline import offline_plan
from tests.checks.asking import here
from tests.fleets import NOWHERE, Spec, fleet
from tests.world import SEEDLESS, World, apply, plan, settled, wanted

ELSEWHERE = "node.fallbacks.exists(f, !f.backends.exists(b, b in node.primary.backends))"
BASE = (
    fleet(ollama="http://gpu.example:11434")
    .backend("other", "http://other.example:11434", proxy="main")
    .model("big", on="gpu", vram="20 GiB")
    .model("mid", on="gpu", vram="10 GiB")
    .model("small", on="other", vram="4 GiB")
    .node("volta", "big", "small", owner="ml")
    .node("tilt", "big")
)


def planned(spec: Spec, world: World | None = None) -> Plan:
    return plan(world or World.of(spec), spec, evaluate=here)


def said(made: Plan) -> dict[str, Action]:
    return {str(c.address): c.action for c in made.changes if c.address.kind in ("node", "key")}


def test_an_error_blocks_what_it_is_about_and_what_is_only_for_that() -> None:
    spec = BASE.check("elsewhere", "node", ELSEWHERE, hint="add one")
    made = planned(spec)
    (found,) = [f for f in made.findings if f.code.startswith("check.")]
    assert (found.code, found.severity, str(found.address)) == ("check.elsewhere", Severity.ERROR, "node.tilt")
    assert found.message == "tilt is not elsewhere"
    assert found.place == spec.fleet.nodes["tilt"].place
    assert found.detail == (f"by the check at {spec.fleet.checks[0].place}",)
    assert said(made) == {
        "node.volta": Action.CREATE,
        "key.main.volta": Action.CREATE,
        "node.tilt": Action.BLOCKED,
        "key.main.tilt": Action.BLOCKED,
    }
    assert plan_exit(made) is Exit.REFUSED


def test_a_plan_without_a_network_says_the_same() -> None:
    spec = BASE.check("elsewhere", "node", ELSEWHERE)
    offline = offline_plan(spec.fleet, None, wanted(spec, SEEDLESS), Facts(""), (), here)
    assert said(offline) == said(planned(spec))
    assert {f.code for f in offline.findings} >= {"check.elsewhere"}


def test_a_warning_blocks_nothing() -> None:
    made = planned(BASE.check("elsewhere", "node", ELSEWHERE, severity="warning"))
    assert Action.BLOCKED not in said(made).values()
    assert plan_exit(made) is Exit.FINE


def test_the_old_key_of_a_refused_node_still_calls_what_the_node_calls() -> None:
    world = settled(BASE)
    spec = BASE.node("volta", "mid", owner="ml").check("elsewhere", "node", ELSEWHERE)
    made = planned(spec, world)
    assert said(made)["node.volta"] is Action.BLOCKED
    after = apply(world, made).world
    (row,) = after.proxies["http://llm.example:4000"].reading.keys["volta"]
    assert {"big", "small"} <= set(row.models)


@pytest.mark.parametrize(
    ("about", "expression", "held"),
    [
        ("key", "key.name != 'volta'", {"key.main.volta", "node.volta"}),
        ("model", "model.name != 'small'", {"node.volta"}),
        ("backend", "backend.name != 'other'", {"node.volta"}),
        ("fleet", "nodes.size() < 2", {"node.volta", "key.main.volta", "node.tilt", "key.main.tilt"}),
        ("change", "change.address != 'node.tilt'", {"node.tilt", "key.main.tilt"}),
    ],
)
def test_who_waits_for_what(about: str, expression: str, held: set[str]) -> None:
    made = planned(BASE.check("mine", about, expression))
    assert {a for a, action in said(made).items() if action is Action.BLOCKED} == held


def test_a_change_is_judged_by_what_it_changes() -> None:
    rule = "change.fields.all(f, f.path != 'max_budget' || f.before == null || f.after <= f.before * 2.0)"
    base = BASE.key("volta", max_budget=10)
    world = settled(base)
    assert "check.step" not in {
        f.code for f in planned(base.key("volta", max_budget=20).check("step", "change", rule), world).findings
    }
    made = planned(base.key("volta", max_budget=21).check("step", "change", rule), world)
    assert [str(f.address) for f in made.findings if f.code == "check.step"] == ["key.main.volta"]
    assert said(made) == {"key.main.volta": Action.BLOCKED}


def test_a_deletion_may_be_refused() -> None:
    spec = BASE.without("nodes", "tilt").check("stays", "change", "change.action != 'delete'")
    made = planned(spec, settled(BASE))
    assert said(made)["node.tilt"] is Action.BLOCKED


def test_an_exception_with_a_reason_and_an_end_is_one() -> None:
    spec = BASE.check("elsewhere", "node", ELSEWHERE)
    one = Acknowledged("check.elsewhere", Address("node", "tilt"), "till the second GPU is here", "2999-01-01")
    fleet_ = replace(spec.fleet, acknowledged=(one,))
    offline = offline_plan(fleet_, None, wanted(spec, SEEDLESS), Facts("2026-01-01"), (), here)
    assert said(offline)["node.tilt"] is Action.CREATE
    assert [a.finding.code for a in offline.accepted] == ["check.elsewhere"]
    late = offline_plan(fleet_, None, wanted(spec, SEEDLESS), Facts("2999-01-02"), (), here)
    assert said(late)["node.tilt"] is Action.BLOCKED


def test_what_is_not_known_is_told_once_and_is_never_fine() -> None:
    spec = (
        fleet(ollama="http://gpu.example:11434")
        .model("big", on="gpu")
        .node("volta", "big")
        .check("room", "backend", "backend.planned * 100 <= backend.vram * 80")
    )
    (found,) = [f for f in planned(spec).findings if f.code.startswith("check.")]
    assert (found.code, found.severity) == ("check.unknown", Severity.WARNING)
    assert "whether the check room holds of backend.gpu is not known: planned is not known" in found.message


def test_what_is_not_known_of_several_is_told_in_a_plan_of_any_and_accepted_of_none_by_another() -> None:
    base = fleet(ollama="http://gpu.example:11434").model("big", on="gpu").node("volta", "big").node("tilt", "big")
    spec = base.check("room", "node", "backends.all(b, b.planned < b.vram)")
    world = World.of(spec)
    (both,) = [f for f in planned(spec).findings if f.code == "check.unknown"]
    assert (both.address, both.place) == (None, spec.fleet.checks[0].place)
    assert "of node.tilt, and of 1 other alike" in both.message or "of node.volta, and of 1 other" in both.message
    for name in ("node.volta", "node.tilt"):
        part = Part(targets=frozenset([Address.parse(name)]))
        (one,) = [f for f in plan(world, spec, part=part, evaluate=here).findings if f.code == "check.unknown"]
        assert str(one.address) == name
        accepted = Acknowledged("check.unknown", one.address, "it is new", "2999-01-01")
        accepting = replace(spec.fleet, acknowledged=(accepted,))
        made = offline_plan(accepting, None, wanted(spec, SEEDLESS), Facts("2026-01-01"), (), here)
        assert [str(a.finding.address) for a in made.accepted] == [name]
        (other,) = [f for f in made.findings if f.code == "check.unknown"]
        assert str(other.address) in {"node.volta", "node.tilt"} - {name}


def test_changes_that_nobody_could_look_for_are_not_none() -> None:
    """A proxy that does not answer: what becomes of its keys is unknown, so no count of changes is right."""
    spec = BASE.check("few", "fleet", "changes.size() < 100").check("own", "node", "node.name != ''")
    dark = Facts("2026-11-26T12:00:00+00:00")
    made = plan(settled(BASE), spec, facts=dark, evaluate=here)
    (found,) = [f for f in made.findings if f.code.startswith("check.")]
    assert found.code == "check.unknown"
    assert "changes is not known" in found.message


def test_a_check_that_fails_is_about_the_check_and_holds_all_back() -> None:
    spec = BASE.check("label", "node", "node.labels.env == 'prod'")
    made = planned(spec)
    (found,) = [f for f in made.findings if f.code.startswith("check.")]
    assert found.code == "check.failed"
    assert found.place == spec.fleet.checks[0].at
    assert "of node.volta and 1 other: there is no 'env'" in found.message
    assert "has(" in found.hint
    assert set(said(made).values()) == {Action.BLOCKED}
    lenient = planned(BASE.check("label", "node", "node.labels.env == 'prod'", severity="warning"))
    assert Action.BLOCKED not in said(lenient).values()


def test_words_of_a_function_are_shown_as_somebody_elses() -> None:
    spec = BASE.check("mine", "node", use="acme:mine", severity="warning")
    nasty = "\x1b[31mred\x1b[0m [link](http://x) sk-0123456789abcdefghij\nnext"

    def evaluate(*_: object) -> list[CheckAnswer]:
        return [CheckAnswer(0, 0, "wrong", nasty)]

    (found,) = [f for f in plan(World.of(spec), spec, evaluate=evaluate).findings if f.code == "check.mine"]
    assert found.message.isprintable()
    assert "sk-0123" not in found.message


def test_an_acceptance_names_a_check_that_there_is() -> None:
    text = BASE.check("elsewhere", "node", ELSEWHERE).text
    block = '[[accept]]\ncode = "check.{}"\nreason = "till then"\nuntil = 2999-01-01\n'
    assert load(NOWHERE, {NOWHERE.name: (text + block.format("elsewhere")).encode()}).fleet is not None
    (wrong,) = load(NOWHERE, {NOWHERE.name: (text + block.format("elsewere")).encode()}).findings
    assert wrong.hint == 'did you mean "check.elsewhere"?'


def test_a_destroy_is_not_judged() -> None:
    spec = BASE.check("never", "fleet", "false")
    world = settled(BASE)
    made = plan(world, spec, orders=Orders(uninstall=True), evaluate=here)
    assert "check.never" not in {f.code for f in made.findings}
