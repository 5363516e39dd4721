"""What a terminal shows while an apply runs: how many steps of how many, and what is waited for."""

from __future__ import annotations

from fleethub.cli.output import Out
from fleethub.cli.running import progress
from fleethub.model.address import key
from fleethub.model.event import ApplyStarted, Event, StepDone, StepFailed, StepStarted, Waiting
from fleethub.model.observation import Applied
from fleethub.views.events import event_line
from fleethub.views.style import Style

VOLTA = key("main", "volta")


def test_steps_are_counted_and_a_wait_is_named() -> None:
    shown = progress(Out({"folder": ".", "json": False, "no_color": True}))
    said = []
    events: list[Event] = [
        ApplyStarted("p", "monad", "l", 1, "s", "a", Applied(), steps=3),
        StepStarted("one", VOLTA, "expand", "widen"),
        StepDone("one", VOLTA, "expand"),
        Waiting("waiting until http://llm knows the new scope", 12),
        StepFailed("two", VOLTA, "prove", "it does not"),
    ]
    for event in events:
        shown._count(event)
        said.append(shown.status)
    assert said == [
        "0/3",
        "0/3 expand: widen key.main.volta",
        "1/3 expand: widen key.main.volta",
        "1/3 waiting until http://llm knows the new scope",
        "2/3 waiting until http://llm knows the new scope",
    ]


def test_one_step_is_one_step() -> None:
    begun = ApplyStarted("p", "monad", "l", 1, "s", "a", Applied(), steps=1)
    assert event_line(begun, Style(False)) == "Apply 1 of monad: 1 step"
