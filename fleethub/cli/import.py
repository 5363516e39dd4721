"""``fleethub import``."""

from __future__ import annotations

import click

from fleethub.cli.completion import addresses as of_fleet
from fleethub.cli.options import Tokens
from fleethub.cli.output import Out, guarded
from fleethub.model.exit import Exit


@click.command()
@click.argument("addresses", nargs=-1, metavar="[ADDRESS]...", shell_complete=of_fleet)
@click.option("--all", "every", is_flag=True, help="Take all that the fleet's proxies have, and the spec's nodes.")
@click.option(
    "--context",
    "contexts",
    type=Tokens(),
    multiple=True,
    help="The context of a model of which nothing tells it; may be repeated.",
)
@click.option("--yes", "-y", is_flag=True, help="Write without asking.")
@click.option("--dry-run", is_flag=True, help="Show what it would take, and write nothing.")
@click.pass_obj
def cmd(
    options: dict[str, object],
    addresses: tuple[str, ...],
    every: bool,
    contexts: tuple[tuple[str, int], ...],
    yes: bool,
    dry_run: bool,
) -> None:
    """Take keys (key.PROXY.ALIAS), models (route.PROXY.ALIAS) and nodes (node.NAME) that run already into the spec and
    the lockfile. A node's block must be in the spec: fleethub init --discover --node proposes it.

    Nothing of them changes: keys keep their values, limits and teams, and what they may call beyond the wiring. What
    the next plan would change is not taken; it is said why. Exit 3 when something that you named is not taken.
    """
    if every == bool(addresses):
        raise click.UsageError("name what to take (fleethub import key.main.volta), or say --all")
    out = Out(options)

    def work() -> int:
        from fleethub.operations.adopt import ImportInput, propose, take
        from fleethub.views.adopt import import_data, import_text, imported_text

        trusting = out.trusting(not yes)
        made = propose(out.path, ImportInput(addresses, dict(contexts)), trusting)
        proposal = made.data
        taken = [change.address for change in proposal.held.plan.changes]
        left = [(one.address, one.why) for one in proposal.left]
        found = proposal.after.findings
        out.text(import_text(proposal.edit, taken, left, found, out.style))
        out.lines(import_data(proposal.edit, taken, left, found))
        if proposal.nothing or dry_run:
            if dry_run:
                out.text("\nA dry run: nothing was written.")
            return _end(out, made.exit)
        if not yes:
            if not out.asks("written"):
                return _end(out, Exit.ERROR)
            if not click.confirm("\nWrite this?", default=False):
                out.text("Not written.")
                return _end(out, Exit.FINE)
        done = take(out.path, proposal, trusting, out.wait).data
        files = done.spec.files if done.spec else ()
        serial = done.result.serial if done.result else None
        out.text("\n" + imported_text(files, len(taken), serial, len(proposal.after.changes)))
        for note in done.result.notes if done.result else ():
            out.text(f"note: {note}")
        code = Exit.PARTIAL if made.exit is Exit.REFUSED else made.exit
        return _end(out, code, files, serial)

    guarded(out, work)


def _end(out: Out, code: Exit, files: tuple[str, ...] = (), serial: int | None = None) -> Exit:
    out.line({"type": "summary", "exit": int(code), "files": list(files), "serial": serial})
    return code
