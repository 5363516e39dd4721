"""``fleethub logs``."""

from __future__ import annotations

import click

from fleethub.cli.completion import nodes
from fleethub.cli.output import Out, guarded


@click.command()
@click.argument("node", shell_complete=nodes)
@click.option(
    "--tail", "-n", type=click.IntRange(1, 10_000), default=100, show_default=True, help="Lines, the last ones."
)
@click.pass_obj
def cmd(options: dict[str, object], node: str, tail: int) -> None:
    """Show the last lines that NODE's program wrote, read on its machine; what looks like a key is left out."""
    out = Out(options)

    def work() -> int:
        from fleethub.operations import logs
        from fleethub.operations.workplace import Workplace

        with Workplace(out.path, trusting=out.trusting()) as workplace:
            done = logs.run(workplace, node, tail)
        for line in done.data.lines:
            out.document(line)
            out.line({"type": "log", "node": done.data.node, "line": line})
        out.line({"type": "summary", "exit": int(done.exit), "lines": len(done.data.lines)})
        return done.exit

    guarded(out, work)
