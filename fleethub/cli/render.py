"""``fleethub render``."""

from __future__ import annotations

from pathlib import Path

import click

from fleethub.cli.completion import nodes
from fleethub.cli.output import Out, guarded


@click.command()
@click.argument("node", required=False, shell_complete=nodes)
@click.option(
    "-o",
    "target",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder to write to.",
)
@click.pass_obj
def cmd(options: dict[str, object], node: str | None, target: Path) -> None:
    """Write the files of NODE, or of every node, as they would be delivered, with secrets as (sensitive)."""
    out = Out(options)

    def work() -> int:
        from fleethub.operations import render

        done = render.run(out.path, render.RenderInput(target, node))
        for path in done.data:
            out.text(f"wrote {path}")
        out.line({"type": "summary", "exit": int(done.exit), "written": [str(path) for path in done.data]})
        return done.exit

    guarded(out, work)
