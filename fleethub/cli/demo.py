"""``fleethub demo``."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import click

from fleethub.cli.output import Out
from fleethub.model.exit import Exit


@click.command()
@click.option("--keep", is_flag=True, help="Keep the stand-in servers running until Ctrl-C.")
@click.pass_obj
def cmd(options: dict[str, object], keep: bool) -> None:
    """Run the whole story on an embedded stand-in fleet: plan, apply, drift, a refusal, a model swap. About 10 s."""
    from fleethub.testing.demo import story

    out = Out(options)
    folder = Path(tempfile.mkdtemp(prefix="fleethub-demo-"))

    def run(*argv: str) -> int:
        from fleethub.cli import main

        click.echo("\n" + out.style("bold", f"$ fleethub {' '.join(argv)}"))
        flags = ["--no-color"] if options["no_color"] else []
        try:
            main(["-C", str(folder), *flags, *argv])
        except SystemExit as stop:
            if stop.code == Exit.INTERRUPTED:
                raise KeyboardInterrupt from None
            return int(stop.code or 0)
        return 0

    def wait() -> None:
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            click.echo()

    click.echo(f"cd {folder}")
    sys.exit(story(folder, run, lambda text: click.echo(out.style("dim", text)), wait if keep else None))
