"""``fleethub diff``."""

from __future__ import annotations

import click

from fleethub.cli.options import formatted
from fleethub.cli.output import Out, guarded
from fleethub.cli.serials import SERIAL


@click.command()
@click.argument("first", metavar="SERIAL", type=SERIAL, required=False)
@click.argument("last", metavar="[SERIAL]", type=SERIAL, required=False)
@click.option("--full", is_flag=True, help="Show a unified diff of the spec too.")
@click.option("--detailed-exitcode", is_flag=True, help="Exit 2 when something differs.")
@formatted
@click.pass_obj
def cmd(
    options: dict[str, object],
    first: int | None,
    last: int | None,
    full: bool,
    detailed_exitcode: bool,
    form: str,
    max_bytes: int | None,
) -> None:
    """Show what applies changed in the fleet since SERIAL, or from one SERIAL to another; who did it and when.

    The serials are those of fleethub log; 0 is before the first apply. It compares what was applied, from the fleet's
    state alone: what the next apply would change is fleethub plan, what somebody changed by hand is fleethub drift.
    """
    if first is None:
        says = "fleethub plan shows what the next apply would change; diff SERIAL what applies changed since that one"
        raise click.UsageError(f"Since which apply? fleethub log has their serials. {says}")
    out = Out(options, form == "json")

    def work() -> int:
        from fleethub.cli.log import opened
        from fleethub.operations import diff
        from fleethub.views.diff import diff_data, diff_markdown, diff_text
        from fleethub.views.style import seen

        with opened(out) as (store, root):
            done = diff.run(store, root, first, last, detailed_exitcode)
        if form == "markdown":
            out.document(seen(diff_markdown(done.data, full, max_bytes)))
        else:
            out.text(diff_text(done.data, out.style, full))
        out.lines(diff_data(done.data, full))
        out.line({"type": "summary", "exit": int(done.exit), "changes": len(done.data.changes)})
        return done.exit

    guarded(out, work)
