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
@click.option("--bare", is_flag=True, help="Tell no story: start the servers with a spec of them, until Ctrl-C.")
@click.pass_obj
def cmd(options: dict[str, object], keep: bool, bare: bool) -> None:
    """Run the whole story on an embedded stand-in fleet: plan, apply, drift, a refusal, a model swap. About 10 s."""
    from fleethub.testing.demo import prepared, story

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

    def say(text: str) -> None:
        click.echo(out.style("dim", text))

    click.echo(f"cd {folder}")
    sys.exit(prepared(folder, run, say, wait) if bare else story(folder, run, say, wait if keep else None))
