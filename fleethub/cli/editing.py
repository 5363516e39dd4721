"""What the commands that edit the spec share: their options, what they show and ask."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from fleethub.cli.options import option
from fleethub.cli.output import Out, guarded
from fleethub.model.exit import Exit
from fleethub.operations.inputs import NodeInput

if TYPE_CHECKING:
    from fleethub.model.edit import Edit, Proposal, WrittenEdit
    from fleethub.operations.outcome import Outcome


def edits(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options; they come to it as the other arguments of ``run_edit``."""
    options = (
        click.option(
            "--project",
            envvar=["FLEETHUB_PROJECT", "TANGLECLAW_PROJECT_ID"],
            default="",
            help="The project that asks (else $FLEETHUB_PROJECT, else the TangleClaw pane's).",
        ),
        option(NodeInput, "force", is_flag=True),
        click.option("--yes", "-y", is_flag=True, help="Write without asking."),
        click.option("--commit", is_flag=True, help="Make a git commit of the files that change, and of nothing else."),
        click.option("--dry-run", is_flag=True, help="Show what it would do, and write nothing."),
        click.option("--full", is_flag=True, help="Show unified diffs of the nodes' files too."),
    )
    for give in reversed(options):
        command = give(command)
    return command


def run_edit(
    options: dict[str, object],
    edit: Callable[[Out], Edit],
    project: str,
    force: bool,
    yes: bool,
    commit: bool,
    dry_run: bool,
    full: bool,
) -> None:
    """Propose, show, ask, write. ``edit`` makes the edit, and may look at things first."""

    def propose(out: Out) -> Outcome[Proposal]:
        from fleethub.operations.edit import EditInput, propose

        return propose(out.path, EditInput(edit(out), project, force, dry_run), trusting=out.trusting(not yes))

    run_proposal(options, propose, yes, commit, dry_run, full)


def run_proposal(
    options: dict[str, object],
    propose: Callable[[Out], Outcome[Proposal]],
    yes: bool,
    commit: bool,
    dry_run: bool,
    full: bool,
) -> None:
    """Show what ``propose`` makes, ask, write."""
    out = Out(options)

    def once() -> int:
        from fleethub.operations.edit_write import uncommitted, write
        from fleethub.views.edit import proposal_data, proposal_text, refusal_text, written_text

        done = propose(out)
        proposal = done.data
        out.text(proposal_text(proposal, out.style, full))
        out.lines(proposal_data(proposal, full))
        if proposal.refused:
            out.text(f"\n{refusal_text(proposal)}")
        if proposal.refused or proposal.nothing:
            return _end(out, done.exit)
        if commit:
            out.text("".join(f"\nMind that {note}." for note in uncommitted(proposal)))
        if dry_run:
            out.text("\nA dry run: nothing was written.")
            return _end(out, Exit.FINE)
        if not yes:
            if not out.asks("written"):
                return _end(out, Exit.ERROR)
            if not click.confirm("\nWrite this to the spec?", default=False):
                out.text("Not written.")
                return _end(out, Exit.FINE)
        written = write(proposal, commit)
        out.text(f"\n{written_text(written, out.apply, proposal.pending)}")
        return _end(out, Exit.FINE, written)

    def work() -> int:
        from fleethub.operations.edit_write import anew

        return anew(once) if yes else once()  # what a person was shown is another by then

    guarded(out, work)


def _end(out: Out, code: Exit, written: WrittenEdit | None = None) -> Exit:
    from fleethub.views.edit import written_data

    out.line({"type": "summary", "exit": int(code), **written_data(written)})
    return code
