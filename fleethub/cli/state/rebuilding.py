"""``fleethub state rebuild``."""

from __future__ import annotations

import click

from fleethub.cli.output import Out, guarded
from fleethub.cli.state.common import agreed, ended
from fleethub.model.exit import Exit


@click.command("rebuild")
@click.option("--lineage", default="", metavar="ID", help="Where marks of several lives of the fleet are there: which.")
@click.option("--yes", "-y", is_flag=True, help="Write without asking.")
@click.option("--dry-run", is_flag=True, help="Show what it would write, and write nothing.")
@click.pass_obj
def rebuild_(options: dict[str, object], lineage: str, yes: bool, dry_run: bool) -> None:
    """Make a lost lockfile again from the marks on proxies and nodes, and from the spec. Needs the seed.

    Try fleethub state backups first: a lockfile that is kept knows more. Nothing is changed but the lockfile. All
    proxies must answer; a node that does not is recorded as unfinished, and keeps all that its keys may call. What has
    a mark and is not in the spec is told as an orphan by the next plan. Exit 1 while something is not sure.
    """
    out = Out(options)

    def work() -> int:
        from fleethub.operations import rebuild
        from fleethub.operations.workplace import Workplace
        from fleethub.views.state import rebuilt_data, rebuilt_text

        place = Workplace(out.path, trusting=out.trusting(not yes), wait=out.wait)
        with place as workplace, workplace.lock("state rebuild"):
            done = rebuild.prepare(workplace, lineage)
            out.findings(done.findings)
            found = done.data
            if found is None:
                return ended(out, done.exit)
            out.text(rebuilt_text(found.made, found.after, out.style))
            out.lines(rebuilt_data(found.made))
            if not agreed(out, yes, dry_run, "Write it?"):
                return ended(out, done.exit if dry_run else Exit.FINE)
            written = rebuild.write(workplace, found)
        ended(out, done.exit, written)
        out.text("Next: fleethub plan")
        return done.exit

    guarded(out, work)
