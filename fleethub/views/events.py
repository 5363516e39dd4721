"""Events as plain lines, and the three lists at the end of an apply."""

from __future__ import annotations

from fleethub.model.event import ApplyStarted, Event, Progress, StepDone, StepFailed, StepStarted, Waiting
from fleethub.model.plan import Result
from fleethub.model.text import gib, plural
from fleethub.views.style import Style


def event_line(event: Event, style: Style) -> str | None:
    """One line for one event; None for what is not worth one."""
    match event:
        case ApplyStarted():
            return f"Apply {event.serial} of {event.fleet}: {plural(event.steps, 'step')}"
        case StepStarted():
            return None
        case StepDone():
            return f"  {style('good', '✓')} {event.step}"
        case StepFailed():
            word = "skipped" if event.skipped else "failed"
            return f"  {style('error', '✗')} {event.step} {word}: {event.reason}"
        case Progress():
            return None
        case Waiting():
            limit = f" (up to {event.seconds:.0f} s)" if event.seconds else ""
            return style("dim", f"  … {event.says}{limit}")
        case _:
            return None


def progress_text(event: Progress) -> str:
    """How far it is, in one line: ``model.gpu.qwen3:32b  [####......]  42 % of 18.8 GiB, pulling 030ee887880f``."""
    if not event.total:
        return f"{event.address}  {event.says}"
    tenths = event.done * 10 // event.total
    share = f"{event.done * 100 // event.total} % of {gib(event.total)}"
    return f"{event.address}  [{'#' * tenths}{'.' * (10 - tenths)}]  {share}, {event.says}"


def result_text(result: Result, style: Style) -> str:
    """Done, failed, blocked."""
    blocked = [c for c in result.plan.changes if c.blockers]
    lines = [
        "",
        style(
            "bold",
            f"Apply {result.serial}: {plural(len(result.done), 'step')} done, {len(result.failed)} failed, "
            f"{len(result.skipped)} not tried, {len(blocked)} blocked",
        ),
    ]
    lines += [f"  {style('error', 'failed')}  {step}: {reason}" for step, reason in result.failed]
    lines += [f"  {style('error', 'not tried')}  {step}" for step in result.skipped]
    lines += [
        f"  {style('blocked', 'blocked')}  {c.address}{f' ({o.what})' if o.what else ''}: {o.reason}"
        for c in blocked
        for o in c.blockers
    ]
    lines += [f"  note: {note}" for note in result.notes]
    return "\n".join(lines)
