"""``fleethub verify``."""

from __future__ import annotations

import click

from fleethub.cli import completion
from fleethub.cli.output import Out, guarded


@click.command()
@click.argument("nodes", nargs=-1, metavar="[NODE]...", shell_complete=completion.nodes)
@click.option("--live", is_flag=True, help="Call each model for one token too; a cold model is loaded by it.")
@click.option(
    "--timeout",
    type=click.FloatRange(1, 3600),
    metavar="SECONDS",
    help="With --live: how long one call may take (120 when left out).",
)
@click.pass_obj
def cmd(options: dict[str, object], nodes: tuple[str, ...], live: bool, timeout: float | None) -> None:
    """Ask with each node's own key whether its chain works. Changes nothing.

    Asks every replica and every Ollama that a node calls directly: from the node where its target is on SSH, else
    from here. Exit 3 when something is wrong, 1 when something could not be asked and nothing worse was found.
    """
    out = Out(options)
    if timeout is not None and not live:
        raise click.UsageError("--timeout goes with --live: verify NODE --live --timeout 300")

    def work() -> int:
        from fleethub.operations import verify
        from fleethub.operations.workplace import Workplace
        from fleethub.verifying.view import summary_data, verify_data, verify_text

        asked = verify.VerifyInput(nodes, (timeout or 120.0) if live else None)
        with Workplace(out.path, trusting=out.trusting()) as workplace:
            done = verify.run(workplace, asked)
        found = done.data
        if not found.refused:
            out.text(verify_text(found.nodes, found.findings, out.style))
            for note in found.notes:
                out.text(f"note: {note}")
            for node in found.nodes:
                out.lines(verify_data(node))
        if out.json or found.refused:
            out.findings(found.findings)
        out.line(summary_data(found.nodes, found.findings, int(done.exit)))
        return done.exit

    guarded(out, work)
