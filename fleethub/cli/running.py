"""What apply and destroy share: ask, show progress, say what became of it."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from enum import Enum
from typing import TYPE_CHECKING

import click

from fleethub.cli.output import Out
from fleethub.model.event import (
    ApplyFinished,
    ApplyStarted,
    Event,
    Progress,
    StepDone,
    StepFailed,
    StepStarted,
    Waiting,
)
from fleethub.model.exit import Exit, worst
from fleethub.operations import apply as use
from fleethub.operations.apply import ApplyInput
from fleethub.operations.held import HeldPlan, StalePlan
from fleethub.operations.workplace import Workplace
from fleethub.views.data import plan_data
from fleethub.views.events import event_line, result_text
from fleethub.views.plan import plan_text
from fleethub.views.style import seen

if TYPE_CHECKING:
    from fleethub.planfile.document import SavedPlan


def run_apply(
    out: Out, asked: ApplyInput, full: bool = False, find: Callable[[Workplace], SavedPlan] | None = None
) -> int:
    """Plan, show, ask, apply: the body of both commands; returns the exit code.

    ``find`` gives a saved plan: that was decided on, so that nobody is asked; but for one that takes the fleet away.
    """
    trusting = out.trusting(not asked.auto_approve)
    with (
        ended_in_order(),
        Workplace(out.path, trusting=trusting, wait=out.wait) as workplace,
        workplace.lock(asked.operation),
    ):
        saved = find(workplace) if find is not None else None
        asked = replace(asked, destroy=asked.destroy or (saved is not None and saved.asked.destroy))
        held = _shown(out, _prepared(out, workplace, asked, saved), full)
        answer = None
        asks = not asked.auto_approve and (saved is None or asked.destroy)
        if held.plan.doable and not held.plan.fatal and asks:
            answer, held = _ask(out, workplace, held, full)
        asked = replace(asked, approved=_approved(answer, saved), planned_by=saved.made.by if saved else "")
        if answer in (None, _Answer.YES):
            with progress(out) as show:
                done = use.run(workplace, held, asked, (show,), again=answer is not None)
        else:
            done = use.declined(held)
    result, code = done.data, done.exit
    if answer is _Answer.NOBODY:
        code = worst(Exit.ERROR, code)
    if result.applied:
        out.text(result_text(result, out.style))
    elif answer is _Answer.NO:
        out.text("Not applied.")
    elif result.notes:
        out.text("\n".join(f"note: {note}" for note in result.notes))
    out.line(
        {
            "type": "summary",
            "exit": int(code),
            "applied": result.applied,
            "serial": result.serial,
            "done": list(result.done),
            "failed": [list(f) for f in result.failed],
            "skipped": list(result.skipped),
            "notes": list(result.notes),
        }
    )
    return code


class _Answer(Enum):
    """``NOBODY``: there is no terminal to ask on."""

    YES = "yes"
    NO = "no"
    NOBODY = "nobody"


def _prepared(out: Out, workplace: Workplace, asked: ApplyInput, saved: SavedPlan | None) -> HeldPlan:
    """The plan of now; where a saved one no longer stands, each thing that moved is a line for machines."""
    if saved is None:
        return use.prepare(workplace, asked).data
    from fleethub.operations.saved import confirmed

    try:
        return confirmed(workplace, saved, asked.parallel or 32).data
    except StalePlan as stale:
        from fleethub.views.planfile import moved_data

        out.lines(moved_data(moved) for moved in stale.moved)
        raise


def _approved(answer: _Answer | None, saved: SavedPlan | None) -> str:
    """How the yes was given, for the history."""
    if answer is not None:
        return "asked on a terminal"
    return "a saved plan" if saved is not None else "--auto-approve"


def _shown(out: Out, held: HeldPlan, full: bool) -> HeldPlan:
    out.text(plan_text(held.plan, out.style, full))
    out.lines(plan_data(held.plan, full))
    return held


def _ask(out: Out, workplace: Workplace, held: HeldPlan, full: bool) -> tuple[_Answer, HeldPlan]:
    """A person's answer to a plan, and the plan that it is about: another one where drift is to be left alone."""
    if not out.asks("applied", "--auto-approve"):
        return _Answer.NOBODY, held
    plan = held.plan
    if held.input.destroy:
        typed = click.prompt(f"\nThis removes the fleet. Type its name ({plan.fleet}) to go on", default="")
        return _Answer.YES if typed == plan.fleet else _Answer.NO, held
    undo = "\nUndo what was changed behind our back (see above)?"
    if use.asks_about_drift(workplace, held) and not click.confirm(undo, default=False):
        held = _shown(out, use.leave_drift(workplace, held).data, full)
        if held.plan.fatal or not held.plan.doable:
            return _Answer.YES, held
    return _Answer.YES if click.confirm("\nApply this plan?", default=False) else _Answer.NO, held


@contextmanager
def ended_in_order() -> Iterator[None]:
    """SIGTERM, and SIGHUP unless it is ignored (nohup), do what Ctrl-C does: end with what is pending on record.

    A second one ends the process at once, which loses no more than a crash.
    """
    interrupted = False

    def first(number: int, frame: object) -> None:
        nonlocal interrupted
        interrupted = True
        for one in before:
            signal.signal(one, second)
        raise KeyboardInterrupt

    def second(number: int, frame: object) -> None:
        os.write(2, b"interrupted again: ended at once; the next plan sees what was done\n")
        os._exit(Exit.INTERRUPTED)

    before = {}
    if threading.current_thread() is threading.main_thread():
        for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(one) in (signal.SIG_DFL, signal.default_int_handler):
                before[one] = signal.signal(one, first)
    try:
        yield
    finally:
        if not interrupted:  # else all that is left is to say so
            for one, handler in before.items():
                signal.signal(one, handler)


class progress:
    """A sink of events: NDJSON, or lines; on a terminal a status line tells what is being waited for."""

    def __init__(self, out: Out) -> None:
        self._out = out
        self._status = None
        self._tenths: dict[str, int] = {}
        self._done = self._total = 0
        self._now = ""
        if out.terminal and not out.json and out.style.colour:
            from rich.console import Console

            self._status = Console().status("")

    def __enter__(self) -> progress:
        return self

    def __exit__(self, *args: object) -> None:
        if self._status is not None:
            self._status.stop()

    def __call__(self, event: Event) -> None:
        """Show one event."""
        from fleethub.lockfile.events import as_dict

        if self._out.json:
            self._out.line(as_dict(event))
            return
        if isinstance(event, Progress):
            self._far(event)
            return
        line = event_line(event, self._out.style)
        if line is not None:
            click.echo(seen(line))
        if self._status is not None:
            self._count(event)
            if isinstance(event, ApplyStarted):
                self._status.start()
            elif isinstance(event, ApplyFinished):
                self._status.stop()
            else:
                from rich.text import Text

                self._status.update(Text(self.status))

    @property
    def status(self) -> str:
        """How many steps are done of how many, and what is done or waited for now: ``3/12 prove: … key.main.volta``."""
        return f"{self._done}/{self._total} {self._now}".rstrip()

    def _count(self, event: Event) -> None:
        match event:
            case ApplyStarted():
                self._done, self._total = 0, event.steps
            case StepStarted():
                self._now = f"{event.phase}: {event.says} {event.address}"
            case Waiting():
                self._now = event.says
            case StepDone() | StepFailed():
                self._done += 1

    def _far(self, event: Progress) -> None:
        """A bar that moves on a terminal; elsewhere a line for each tenth."""
        from fleethub.views.events import progress_text

        if self._status is not None:
            from rich.text import Text

            self._status.update(Text(progress_text(event)))
            return
        tenth = event.done * 10 // event.total if event.total else -1
        if self._tenths.get(str(event.address), -1) < tenth:
            self._tenths[str(event.address)] = tenth
            click.echo(seen(f"  … {progress_text(event)}"))
