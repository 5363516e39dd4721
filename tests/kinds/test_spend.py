"""What keys have spent: told to people and by owner; a budget that would block at once is said before it does."""

from __future__ import annotations

from fleethub.model.fleet_status import FleetStatus, KeyStatus
from fleethub.views.status import status_text
from fleethub.views.style import Style
from tests.fleets import fleet
from tests.world import plan, settled

SPEC = fleet().node("volta", "one").key("volta", max_budget=20.0)


def test_a_budget_below_the_spend_is_said_before_it_blocks() -> None:
    world = settled(SPEC).at_key("volta", spend=17.4)
    made = plan(world, SPEC.key("volta", max_budget=15.0))
    (finding,) = [f for f in made.findings if f.code == "key.budget-below-spend"]
    assert "has spent 17.40, so a max_budget of 15 blocks it at once" in finding.message
    assert made.doable  # it is said, and stays the operator's to decide
    assert not [f for f in plan(world, SPEC.key("volta", max_budget=18.0)).findings if f.code.startswith("key.budget")]
    assert not [f for f in plan(world, SPEC).findings if f.code.startswith("key.budget")]


def shown(*keys: KeyStatus) -> str:
    status = FleetStatus("monad", "/", "2026-11-28T00:00:00+00:00", "", 0, "", "", keys=keys)
    return status_text(status, Style())


def key(name: str, owner: str, **fields: object) -> KeyStatus:
    return KeyStatus(f"key.main.{name}", "main", name, owner, "there", models=("one",), **fields)  # type: ignore[arg-type]


def test_the_status_says_what_was_spent_of_what_and_by_whom() -> None:
    text = shown(
        key("volta", "Volta", spend=17.4, budget=20.0, budget_duration="30d"),
        key("ohm", "Volta", spend=1.0),
        key("tilt", "Tilt", spend=2.0),
        key("idle", "", spend=0.0),
        key("unknown", ""),
    )
    assert "  main.volta: one, spent 17.40 of 20 per 30d" in text
    assert "  main.ohm: one, spent 1.00" in text
    assert "  main.idle: one\n" in text
    assert text[text.index("Spent") :].splitlines()[1:3] == ["  Volta: 18.40", "  Tilt: 2.00"]


def test_nothing_is_said_where_nothing_is_spent() -> None:
    assert "spent" not in shown(key("volta", "Volta", spend=0.0)).lower()


def test_what_is_left() -> None:
    assert key("a", "", spend=17.0, budget=20.0).left == 3.0
    assert key("a", "", spend=17.0).left is None
