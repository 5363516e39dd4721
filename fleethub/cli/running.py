"""What apply and destroy share: ask, show progress, say what became of it."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import click

from fleethub.cli.output import Out
from fleethub.cli.streams import lost
from fleethub.model.event import Event
from fleethub.model.exit import Exit, worst
from fleethub.model.plan import Plan
from fleethub.operations import Decision, Pace, Workplace, apply_exit
from fleethub.views.data import plan_data
from fleethub.views.events import event_line, result_text
from fleethub.views.plan import plan_text
from fleethub.views.style import seen


def run_apply(out: Out, auto_approve: bool, full: bool, destroy: bool = False, pace: Pace | None = None) -> int:
    """The body of both commands; returns the exit code."""
    interactive = sys.stdin.isatty() and not out.json
    refused = False

    def decide(plan: Plan) -> Decision:
        nonlocal refused
        out.text(plan_text(plan, out.style, full))
        out.lines(plan_data(plan, full))
        if plan.fatal or not plan.doable:
            return Decision.STOP
        if auto_approve:
            return Decision.APPLY
        if not interactive or lost():  # nobody says yes to what was not shown
            refused = True
            return Decision.STOP
        if destroy:
            typed = click.prompt(f"\nThis removes the fleet. Type its name ({plan.fleet}) to go on", default="")
            return Decision.APPLY if typed == plan.fleet else Decision.STOP
        undo = "\nUndo what was changed behind our back (see above)?"
        if asks and any(d.repaired for d in plan.drift) and not click.confirm(undo, default=False):
            return Decision.WITHOUT_REPAIR
        return Decision.APPLY if click.confirm("\nApply this plan?", default=False) else Decision.STOP

    with _ended_in_order(), Workplace(out.path, trusting=out.trusting(not auto_approve)) as workplace:
        policy = workplace.fleet.policy.drift
        asks = policy is None and interactive and not auto_approve
        repair = policy == "repair" or asks or destroy or (policy is None and not auto_approve)
        with progress(out) as show:
            result = workplace.apply(decide, (show,), repair, destroy, pace or Pace())
    if refused:
        click.echo("error: not applied: there is no terminal to ask on; add --auto-approve", err=True)
    code = worst(Exit.ERROR, apply_exit(result)) if refused else apply_exit(result)
    if result.applied:
        out.text(result_text(result, out.style))
    elif not refused and result.plan.doable and not result.plan.fatal:
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


@contextmanager
def _ended_in_order() -> Iterator[None]:
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
        from fleethub.model.event import ApplyFinished, ApplyStarted, StepStarted

        if self._out.json:
            self._out.line(as_dict(event))
            return
        line = event_line(event, self._out.style)
        if line is not None:
            click.echo(seen(line))
        if self._status is not None:
            if isinstance(event, ApplyStarted):
                self._status.start()
            elif isinstance(event, StepStarted):
                from rich.text import Text

                self._status.update(Text(f"{event.phase}: {event.says} {event.address}"))
            elif isinstance(event, ApplyFinished):
                self._status.stop()
