"""A held plan is applied when the plan that is made then is the same one; on values, with nothing behind."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from fleethub.model.address import Address
from fleethub.model.exit import Exit
from fleethub.model.facts import Facts
from fleethub.model.plan import Action, Change, Plan, Result
from fleethub.operations import apply
from fleethub.operations.apply import ApplyInput
from fleethub.operations.held import HeldPlan, PlanInput, StalePlan
from fleethub.operations.outcome import Outcome

A, B = Address("node", "a"), Address("node", "b")


def held(plan_id: str, *changes: Change) -> HeldPlan:
    return HeldPlan(PlanInput(), Plan(plan_id, "monad", "1 change", changes), {}, Facts(""), None)


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[HeldPlan]:
    """What was carried out."""
    found: list[HeldPlan] = []

    def carry_out(workplace: Any, plan: HeldPlan, *rest: Any) -> Outcome[Result]:
        found.append(plan)
        return Outcome(Result(plan.plan, applied=True, serial=1))

    monkeypatch.setattr(apply, "carry_out", carry_out)
    return found


def place(monkeypatch: pytest.MonkeyPatch, now: HeldPlan) -> Any:
    """A fleet of which ``now`` is the plan."""
    monkeypatch.setattr(apply, "read_and_plan", lambda workplace, asked: now)
    return SimpleNamespace(lock=lambda operation: nullcontext())


def test_the_same_plan_is_carried_out_as_it_is_made_then(monkeypatch: pytest.MonkeyPatch, done: list[HeldPlan]) -> None:
    was = held("aa", Change(A, Action.CREATE))
    now = replace(held("aa", Change(A, Action.CREATE)), facts=Facts("later"))
    outcome = apply.run(place(monkeypatch, now), was, ApplyInput())
    assert (outcome.data.applied, outcome.exit, done) == (True, Exit.FINE, [now])


def test_another_plan_is_stale_and_says_what_moved(monkeypatch: pytest.MonkeyPatch, done: list[HeldPlan]) -> None:
    was = held("aa", Change(A, Action.CREATE), Change(B, Action.UPDATE))
    now = held("bb", Change(A, Action.CREATE), Change(B, Action.DELETE))
    with pytest.raises(StalePlan, match=r"node\.b planned change was update, is delete; plan again") as caught:
        apply.run(place(monkeypatch, now), was, ApplyInput())
    assert (caught.value.exit, caught.value.code, done) == (Exit.STALE, "plan.stale", [])


def test_a_plan_that_was_just_made_is_not_made_again(monkeypatch: pytest.MonkeyPatch, done: list[HeldPlan]) -> None:
    was = held("aa", Change(A, Action.CREATE))
    apply.run(place(monkeypatch, held("bb")), was, ApplyInput(), again=False)
    assert done == [was]
