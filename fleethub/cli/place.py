"""``fleethub place``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from fleethub.cli.completion import backends, served
from fleethub.cli.editing import edits, run_proposal
from fleethub.cli.output import Out, guarded

if TYPE_CHECKING:
    from fleethub.model.edit import Proposal
    from fleethub.operations.outcome import Outcome


@click.command()
@click.argument("model", required=False, shell_complete=served)
@click.option("--all", "whole", is_flag=True, help="Every model of the fleet; so it is without MODEL.")
@click.option(
    "--drain", multiple=True, metavar="BACKEND", shell_complete=backends, help="Empty this backend; may be repeated."
)
@click.option("--greedy", is_flag=True, help="Ask no solver, even where one is installed.")
@click.option("--write", "writes", is_flag=True, help="Edit the spec, as assign does; else nothing is written.")
@edits
@click.pass_obj
def cmd(
    options: dict[str, object],
    /,
    model: str | None,
    whole: bool,
    drain: tuple[str, ...],
    greedy: bool,
    writes: bool,
    **edit: Any,
) -> None:
    """Propose on which backends the models should lie: moves, the arithmetic, and the diff of the spec.

    So that all primaries stay loaded, fallbacks lie on another backend than what they stand in for, and as few models
    move as can be. With MODEL: rank the backends for it, as capacity --place does. Exit 3 when primaries, or what is
    to leave a drained backend, find no room.
    """
    if model is not None and (whole or drain or writes or greedy):
        raise click.UsageError("with MODEL the backends are ranked for it, and nothing is moved: leave it out")
    given = {f"--{name.replace('_', '-')}" for name, value in edit.items() if value and name not in ("project", "full")}
    if given - {"--commit"} and not writes and not edit["commit"]:
        raise click.UsageError(f"{sorted(given)[0]} goes with --write")
    if model is not None:
        _rank(Out(options), model)
    elif writes or edit["commit"]:
        _write(options, drain, greedy, **edit)
    else:
        _show(Out(options), drain, greedy, edit["full"])


def _rank(out: Out, model: str) -> None:
    from fleethub.cli.capacity import ask
    from fleethub.operations.inputs import CapacityInput

    ask(out, CapacityInput.model_construct(backend=None, model=model), None)


def _show(out: Out, drain: tuple[str, ...], greedy: bool, full: bool) -> None:
    def work() -> int:
        from fleethub.operations import place as use
        from fleethub.operations.capacity import look
        from fleethub.views import place as views

        looked = look(out.path, None, out.trusting(ask=False))
        out.findings(looked.findings)
        done = use.shown(out.path, looked, use.PlaceInput(drain, not greedy))
        found = done.data.placing
        out.text(views.placing_text(found, out.style, full))
        out.text(views.diff_text(done.data.diff, out.style))
        out.lines(views.placing_data(found, done.data.diff))
        if found.moves:
            out.text(f"\nNothing was written. To write it: {out.again('--write')}")
        out.line({"type": "summary", "exit": int(done.exit), **views.summary_data(found)})
        return done.exit

    guarded(out, work)


def _write(
    options: dict[str, object], drain: tuple[str, ...], greedy: bool, project: str, force: bool, **edit: Any
) -> None:
    """Propose the moves as an edit of the spec, show it, ask, write."""

    def propose(out: Out) -> Outcome[Proposal]:
        from fleethub.operations import place as use
        from fleethub.operations.capacity import look
        from fleethub.views import place as views

        trusting = out.trusting(not edit["yes"])
        looked = look(out.path, None, trusting)
        found = use.run(looked, use.PlaceInput(drain, not greedy))
        if not found.data.moves:  # else the plan that follows says it
            out.findings(looked.findings)
        out.text(views.placing_text(found.data, out.style, edit["full"]) + "\n")
        out.lines(views.placing_data(found.data))
        return use.edit(out.path, found, project, force, edit["dry_run"], trusting)

    run_proposal(options, propose, **edit)
