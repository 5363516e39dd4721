"""``fleethub graph``."""

from __future__ import annotations

import click

from fleethub.cli.output import Out, guarded


@click.command()
@click.option(
    "--format",
    "form",
    type=click.Choice(["mermaid", "dot", "svg", "json"]),
    default="mermaid",
    show_default=True,
    help="json: a line for each box and edge.",
)
@click.option("--live", is_flag=True, help="Read the fleet, so that trouble is marked; else spec and lockfile alone.")
@click.option("--all", "every", is_flag=True, help="Draw each node, however many there are.")
@click.pass_obj
def cmd(options: dict[str, object], form: str, live: bool, every: bool) -> None:
    """Print who calls what, through what, on what, as a picture: that of the page. Asks nobody, unless --live."""
    out = Out(options, form == "json")

    def work() -> int:
        from fleethub.operations import reasons
        from fleethub.operations.workplace import Workplace
        from fleethub.views.graph import dot, graph_data, mermaid, svg
        from fleethub.views.picture import SHOWN, wiring

        with Workplace(out.path, trusting=out.trusting(ask=live)) as workplace:
            done = reasons.picture_of(workplace, live)
        out.findings(done.findings)
        drawn = wiring(done.data, shown=len(done.data.nodes) if every else SHOWN)
        if out.json:
            out.lines(graph_data(drawn))
        else:
            click.echo(mermaid(drawn) if form == "mermaid" else dot(drawn) if form == "dot" else svg(drawn, alone=True))
        out.line({"type": "summary", "exit": int(done.exit), "grouped": drawn.grouped})
        return done.exit

    guarded(out, work)
