"""What the commands that edit the spec share: their options, what they show and ask, completion."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fleethub.cli.output import Out, guarded
from fleethub.cli.streams import lost
from fleethub.model.exit import Exit

if TYPE_CHECKING:
    from fleethub.model.edit import Edit, Written
    from fleethub.model.fleet import Fleet


def fleet_of(ctx: click.Context) -> Fleet | None:
    """The fleet of the command line that is being completed."""
    from fleethub.fleetspec import load

    return load(Path((ctx.find_root().params or {}).get("folder") or ".")).fleet


def nodes(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Completion: the spec's nodes."""
    fleet = fleet_of(ctx)
    return sorted(n for n in (fleet.nodes if fleet else ()) if n.startswith(incomplete))


def models(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Completion: the spec's models."""
    fleet = fleet_of(ctx)
    return sorted(n for n in (fleet.models if fleet else ()) if n.startswith(incomplete))


def roles(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Completion: the spec's roles."""
    import tomllib

    from fleethub.fleetspec import load

    spec = load(Path((ctx.find_root().params or {}).get("folder") or "."))
    texts = [data.decode() for data in spec.texts.values()] if spec.fleet else []
    return sorted(r for text in texts for r in tomllib.loads(text).get("roles", {}) if r.startswith(incomplete))


@dataclass(frozen=True, slots=True)
class Asked:
    """The options that all edits have."""

    project: str
    force: bool
    yes: bool
    commit: bool
    dry_run: bool
    full: bool


def edits(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options; they come to it as ``project``, ``force`` and so on, for ``Asked``."""
    options = (
        click.option(
            "--project", envvar="FLEETHUB_PROJECT", default="", help="Who asks (else $FLEETHUB_PROJECT): the owner."
        ),
        click.option("--force", is_flag=True, help="Take the entry over from its owner; recorded."),
        click.option("--yes", "-y", is_flag=True, help="Write without asking."),
        click.option("--commit", is_flag=True, help="Make a git commit of the files that change, and of nothing else."),
        click.option("--dry-run", is_flag=True, help="Show what it would do, and write nothing."),
        click.option("--full", is_flag=True, help="Show unified diffs of the nodes' files too."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def run_edit(options: dict[str, object], edit: Callable[[Out], Edit], **asked: Any) -> None:
    """Propose, show, ask, write. ``edit`` makes the edit, and may look at things first."""
    out = Out(options)
    guarded(out, lambda: _run(out, edit(out), Asked(**asked)))


def _run(out: Out, edit: Edit, asked: Asked) -> int:
    from fleethub.operations.edit import propose, refuse, uncommitted, write
    from fleethub.views.edit import proposal_data, proposal_text, refusal_text, written_text

    proposal = propose(out.path, edit, asked.project, asked.force, trusting=out.trusting(not asked.yes))
    out.text(proposal_text(proposal, out.style, asked.full))
    out.lines(proposal_data(proposal, asked.full))
    if proposal.refused:
        if not asked.dry_run:
            refuse(proposal)
        out.text(f"\n{refusal_text(proposal)}")
        return _end(out, _refusal(proposal.plan))
    if proposal.nothing:
        return _end(out, Exit.FINE)
    if asked.commit:
        out.text("".join(f"\nMind that {note}." for note in uncommitted(proposal)))
    if asked.dry_run:
        out.text("\nA dry run: nothing was written.")
        return _end(out, Exit.FINE)
    if not asked.yes:
        if not sys.stdin.isatty() or out.json or lost():
            click.echo("error: not written: there is no terminal to ask on; add --yes", err=True)
            return _end(out, Exit.ERROR)
        if not click.confirm("\nWrite this to the spec?", default=False):
            out.text("Not written.")
            return _end(out, Exit.FINE)
    written = write(proposal, asked.commit)
    out.text(f"\n{written_text(written)}")
    return _end(out, Exit.FINE, written)


def _refusal(plan: Any) -> Exit:
    from fleethub.operations import plan_exit

    return plan_exit(plan) if plan is not None and plan.fatal else Exit.REFUSED


def _end(out: Out, code: Exit, written: Written | None = None) -> Exit:
    from fleethub.views.edit import written_data

    out.line({"type": "summary", "exit": int(code), **written_data(written)})
    return code
